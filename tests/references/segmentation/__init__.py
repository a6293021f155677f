"""Definitions of the segmentation losses."""
