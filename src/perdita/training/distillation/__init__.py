"""Distillation from a teacher who spoke once: what it said is read from a disk."""
