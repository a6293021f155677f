"""Claims about losses of values."""
