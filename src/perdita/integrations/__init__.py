"""perdita inside the libraries people already train with: one small module for each, loaded when it is imported."""
