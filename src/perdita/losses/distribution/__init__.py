"""Losses of a predicted distribution: likelihoods and divergences."""
