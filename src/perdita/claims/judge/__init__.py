"""Claims about judging results and models."""
