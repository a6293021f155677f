"""Claims about losses made of losses."""
