"""The conformance battery: what every loss must satisfy, run on the catalogue's losses and on a user's own."""

from perdita.testing.accumulation import assert_step_accumulates
from perdita.testing.battery import Outcome, assert_loss_conforms, run_battery
from perdita.testing.registry import CHECKS, Check, ConformanceError
from perdita.testing.sample import Sample, sample
from perdita.testing.search.statistics import STATISTICS

__all__ = [
    "CHECKS", "STATISTICS", "Check", "ConformanceError", "Outcome", "Sample", "assert_loss_conforms",
    "assert_step_accumulates", "run_battery", "sample",
]  # fmt: skip
