"""Bounds: what a small surrogate loss says about the zero-one error, evaluated in closed form and numerically."""
