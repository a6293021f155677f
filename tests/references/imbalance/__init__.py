"""References of the losses for unequal classes."""
