"""Claims about losses for distributions."""
