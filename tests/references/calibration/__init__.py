"""Definitions of the calibration losses."""
