"""Claims about noise losses."""
