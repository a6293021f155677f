"""Softmax over the angles between an embedding and a vector of each class, with margins."""
