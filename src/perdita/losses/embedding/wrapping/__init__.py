"""What goes around a loss of embeddings: a memory of earlier batches, shorter versions of the same embeddings."""
