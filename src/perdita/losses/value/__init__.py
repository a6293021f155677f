"""Losses of predicted values: returns of an agent, as a number or as a distribution over a grid."""
