"""Definitions of the losses of preferences."""
