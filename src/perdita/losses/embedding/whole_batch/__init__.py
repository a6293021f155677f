"""Losses that look at all pairs of a batch at once: no anchor has a value of its own without the others."""
