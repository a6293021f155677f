"""Definitions of the embedding losses."""
