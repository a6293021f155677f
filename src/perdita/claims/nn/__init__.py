"""Claims about layers and models."""
