"""Definitions of the losses that bear wrong labels."""
