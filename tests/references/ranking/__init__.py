"""References: losses of lists and of scores."""
