"""Claims about ordered classes."""
