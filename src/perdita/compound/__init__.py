"""Losses made of losses: sums, weights that learn, balances, schedules and random ensembles."""
