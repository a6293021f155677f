"""Training of embeddings: mixed items, halves of faces, negatives that nobody has seen."""
