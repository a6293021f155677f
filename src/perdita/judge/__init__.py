"""Judging: what a result is worth, and on which scale."""
