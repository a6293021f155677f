"""Losses of preferences between responses, on the log-probabilities of whole sequences."""
