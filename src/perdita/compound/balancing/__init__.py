"""Gradients of several terms, weighed against one another: a file for each idea, all from the gradients' Gramian."""

from perdita.compound.balancing.alignment import aligned_components
from perdita.compound.balancing.balancer import Balanced, GradientBalancer
from perdita.compound.balancing.bargaining import nash_bargaining
from perdita.compound.balancing.conflict_averse import conflict_averse
from perdita.compound.balancing.dual_cone import unconflicting_projections
from perdita.compound.balancing.impartial import impartial
from perdita.compound.balancing.jacobian_descent import by_torchjd
from perdita.compound.balancing.methods import METHODS
from perdita.compound.balancing.minimum_norm import minimum_norm
from perdita.compound.balancing.surgery import gradient_surgery

__all__ = [
    "METHODS", "Balanced", "GradientBalancer", "aligned_components", "by_torchjd", "conflict_averse",
    "gradient_surgery", "impartial", "minimum_norm", "nash_bargaining", "unconflicting_projections",
]  # fmt: skip
