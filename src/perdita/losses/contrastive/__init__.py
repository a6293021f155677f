"""Losses of an item against the rest of its batch."""
