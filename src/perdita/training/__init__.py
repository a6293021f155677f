"""Methods that change the training loop: data, steps and optimiser."""
