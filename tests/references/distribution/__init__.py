"""Definitions of the distribution losses."""
