"""Losses for classes that occur unequally often."""
