"""Claims about classification losses."""
