"""Losses for probabilities that mean what they say."""
