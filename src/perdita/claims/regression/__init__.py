"""Claims about losses of a real-valued prediction."""
