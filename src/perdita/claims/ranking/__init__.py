"""Claims about ranking, retrieval and recommenders."""
