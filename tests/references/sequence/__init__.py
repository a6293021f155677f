"""Definitions of the sequence losses."""
