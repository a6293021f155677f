"""Claims about losses of sequences and language models."""
