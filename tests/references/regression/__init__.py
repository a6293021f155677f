"""Definitions of the regression losses."""
