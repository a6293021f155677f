"""Losses over the pixels of an image or the tokens of a sequence."""
