"""Claims about losses in money."""
