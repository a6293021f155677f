"""Fourteen losses of one small forecaster: which are safe, which are not, and which never trains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

import perdita
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

WINDOW = 12  # years that a forecast sees
TRAINED = 240  # years of the training part
SAFE = ("l1", "mse", "huber", "log_cosh", "quantile", "relative_absolute_error", "relative_squared_error")
OTHERS = ("mape", "rmse", "msle", "rmsle", "normalized_rmse", "relative_rmse", "mean_bias_error")


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """Yearly sunspots in units of their standard deviation: the next year from the last 12, test on the years after
    the first 240.

    A pair is a seed: the risk of the median (twice the quantile loss over the mean target) under the percentage error
    against the mean risk under the seven losses that should be safe.
    """
    options: dict[str, dict[str, float]] = {"huber": {"delta": 0.5}}
    criteria = {name: perdita.build({"loss": name, **options.get(name, {})}).to(device) for name in (*SAFE, *OTHERS)}
    fold, target = _sunspots(device)
    training = Training(
        epochs=10 if short else 100, batch_size=64, optimizer="adam", learning_rate=3e-3, weight_decay=0.0,
        schedule="constant",
    )  # fmt: skip
    outputs = train_together(criteria, lambda: mlp((WINDOW,), 1, (24,)), [fold] * len(seeds), training, seeds).outputs[
        "test"
    ]
    risk = {
        name: [float(perdita.functional.quantile_risk(own, target)) for own in arm]
        for name, arm in zip(criteria, outputs, strict=True)
    }
    means = {name: sum(found) / len(found) for name, found in risk.items()}
    safe = [sum(risk[name][index] for name in SAFE) / len(SAFE) for index in range(len(seeds))]
    ranked = sorted(means, key=means.__getitem__)
    return paired(
        safe,
        risk["mape"],
        risk=risk,
        mean_risk=means,
        remarks=["risk of the median: " + ", ".join(f"{name} {means[name]:.3g}" for name in ranked)],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim. It held at the first run too; after that run `msle` was mended (it left units without a
    gradient below 0), and with it the figures of msle and rmsle changed, not the rule nor the recipe."""
    risk: Mapping[str, float] = evidence.details["mean_risk"]
    if evidence.n < 5 or not all(map(math.isfinite, risk.values())):
        return "inconclusive"
    worst = max(risk[name] for name in SAFE)
    runs_away = risk["mean_bias_error"] > 50
    alike = worst <= 1.15 * min(risk.values())
    return "holds" if runs_away and alike and risk["mape"] > worst else "does not hold"


def _sunspots(device: str) -> tuple[Fold, Float[Tensor, "n 1"]]:
    from statsmodels.datasets import sunspots

    years = torch.tensor(sunspots.load_pandas().data["SUNACTIVITY"].to_list(), device=device)
    series = years / years[:TRAINED].std()
    windows, following = series.unfold(0, WINDOW, 1)[:-1], series[WINDOW:].unsqueeze(1)
    cut = TRAINED - WINDOW
    return Fold(windows[:cut], following[:cut], {"test": windows[cut:]}), following[cut:]


CLAIM = Claim(
    slug="timeseries-survey",
    statement=(
        "No loss is best for every series: absolute, squared, Huber, log-cosh, quantile and relative errors forecast "
        "about equally well, the percentage error worse, and the signed error does not train."
    ),
    source="Jadon et al., 2022, arXiv 2211.02989, results of the released experiments",
    rule=(
        "Holds: in mean risk of the median over the seeds, the signed error is above 50, each of the seven safe losses "
        "lies within 15 % of the best of all, and the percentage error is worse than each of the seven. Does not hold: "
        "one of the three is not so. Inconclusive: a risk that is not finite, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
