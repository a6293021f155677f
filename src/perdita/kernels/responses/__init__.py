"""Log-probabilities of tokens and of whole responses, and the losses on them, without logits in memory."""
