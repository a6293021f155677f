"""Claims about methods that change training."""
