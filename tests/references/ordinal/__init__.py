"""Definitions of the losses of ordered classes."""
