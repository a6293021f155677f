"""Cross-entropy by tiles over rows and classes: in PyTorch, in Triton, and whichever fits."""
