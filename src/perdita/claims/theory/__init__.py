"""Claims about bounds and geometry."""
