"""Losses that place items near to or far from each other: pairs, triplets, similarities."""
