"""Pricing: what a loss costs in money, and how sure one can be of it."""
