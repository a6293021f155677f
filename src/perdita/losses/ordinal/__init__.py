"""Losses of ordered classes: grades, severities, ages."""
