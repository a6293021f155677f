"""Claims about losses for distillation."""
