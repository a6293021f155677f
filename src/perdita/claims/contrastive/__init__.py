"""Claims about contrastive learning without labels."""
