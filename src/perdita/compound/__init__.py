"""Losses made of losses: sums, weights that learn, balances, schedules and random ensembles."""

from perdita.compound.balance import BalanceRecorder
from perdita.compound.balancing import Balanced, GradientBalancer
from perdita.compound.config import build
from perdita.compound.gradients import gramian, loss_gradients
from perdita.compound.objective import Compound
from perdita.compound.random_loss import EnsLoss
from perdita.compound.schedules import Cosine, Stepwise, WarmUp
from perdita.compound.scored import Scored, StepRecord
from perdita.compound.terms import Term
from perdita.compound.two_momenta import TwoMomentaAdamW, TwoMomentaSGD
from perdita.compound.weighting import (
    FAMO,
    DynamicWeightAverage,
    EqualWeighting,
    GeometricLoss,
    GradNorm,
    IGBv1,
    IGBv2,
    RandomLossWeighting,
    ReLoBRaLo,
    SoftAdapt,
    UncertaintyWeighting,
    Weighted,
    Weighting,
)

__all__ = [
    "FAMO",
    "BalanceRecorder",
    "Balanced",
    "Compound",
    "Cosine",
    "DynamicWeightAverage",
    "EnsLoss",
    "EqualWeighting",
    "GeometricLoss",
    "GradNorm",
    "GradientBalancer",
    "IGBv1",
    "IGBv2",
    "RandomLossWeighting",
    "ReLoBRaLo",
    "Scored",
    "SoftAdapt",
    "StepRecord",
    "Stepwise",
    "Term",
    "TwoMomentaAdamW",
    "TwoMomentaSGD",
    "UncertaintyWeighting",
    "WarmUp",
    "Weighted",
    "Weighting",
    "build",
    "gramian",
    "loss_gradients",
]  # fmt: skip
