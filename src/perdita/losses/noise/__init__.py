"""Losses that bear wrong labels."""
