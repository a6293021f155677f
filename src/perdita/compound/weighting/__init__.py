"""Weights among losses, from the losses themselves: a file for each idea, all under one protocol."""

from perdita.compound.weighting.dynamic_average import DynamicWeightAverage
from perdita.compound.weighting.fast_adaptive import FAMO
from perdita.compound.weighting.gap_agent import IGBv2
from perdita.compound.weighting.geometric import GeometricLoss
from perdita.compound.weighting.gradient_norm import GradNorm
from perdita.compound.weighting.improvable_gap import IGBv1
from perdita.compound.weighting.protocol import WEIGHTINGS, EqualWeighting, Weighted, Weighting, build_weighting
from perdita.compound.weighting.random_weights import RandomLossWeighting
from perdita.compound.weighting.relative_balance import ReLoBRaLo
from perdita.compound.weighting.soft_adapt import SoftAdapt
from perdita.compound.weighting.uncertainty import UncertaintyWeighting

__all__ = [
    "FAMO", "WEIGHTINGS", "DynamicWeightAverage", "EqualWeighting", "GeometricLoss", "GradNorm", "IGBv1", "IGBv2",
    "RandomLossWeighting", "ReLoBRaLo", "SoftAdapt", "UncertaintyWeighting", "Weighted", "Weighting",
    "build_weighting",
]  # fmt: skip
