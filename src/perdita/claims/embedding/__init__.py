"""Claims about embeddings."""
