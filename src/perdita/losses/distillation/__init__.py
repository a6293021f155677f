"""Losses that let a student learn from a teacher: from its logits, its features or its rankings."""
