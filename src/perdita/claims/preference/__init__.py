"""Claims about losses of preferences."""
