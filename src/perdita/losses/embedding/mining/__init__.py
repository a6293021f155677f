"""Selections of pairs that look further than one row of its own kind: at triplets, at thresholds, at a whole batch."""
