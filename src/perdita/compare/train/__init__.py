"""The training engine: every loss at every seed as one stacked model."""
