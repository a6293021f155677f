"""Losses of a real-valued prediction: a real target, one value for each element."""
