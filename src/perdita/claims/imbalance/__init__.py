"""Claims about losses for unequal classes."""
