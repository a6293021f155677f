"""Definitions of the losses of an item against its batch."""
