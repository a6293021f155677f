"""Definitions of the distillation losses."""
