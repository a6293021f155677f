"""Definitions of the classification losses."""
