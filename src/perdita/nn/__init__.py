"""Layers and models that papers bring."""
