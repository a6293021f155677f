"""Losses of lists and of scores: an order, or a positive against its negatives."""
