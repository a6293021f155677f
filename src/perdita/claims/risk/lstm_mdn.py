"""The value at risk of a share index by recurrent mixture density networks, beside three classical forecasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.core.errors import MissingExtraError
from perdita.nn.mixture_density import RecurrentMixture, logit_penalty, read_mixture
from perdita.risk.backtests import Backtest, backtest
from perdita.risk.garch import fit_garch, garch_value_at_risk, garch_variance
from perdita.risk.value_at_risk import historical_value_at_risk, mixture_value_at_risk, normal_value_at_risk

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import NDArray

PAST = 10  # returns that a network reads
WINDOW = 250  # days of the rolling forecasts
TEST = 500  # last days, about 2017 and 2018
CRITICAL = 3.841  # of chi-squared with one degree of freedom, at 5 %
NETWORKS = ("two parts", "two parts, penalised", "three parts")


class Likelihood(nn.Module):
    """Mean negative log-likelihood of the mixture that the outputs stand for, and a penalty on its logits."""

    def __init__(self, penalty: float = 0.0) -> None:
        super().__init__()
        self.penalty = penalty

    def forward(self, outputs: Float[Tensor, "n k3"], target: Float[Tensor, "n"]) -> Float[Tensor, ""]:
        mixture = read_mixture(outputs)
        return mixture.nll(target) + logit_penalty(mixture, self.penalty)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is how much nearer to 1 % the network of two parts brings the share of breaches than the normal model
    does: the difference of their distances, below 0 where the network is better.

    The networks are trained once, on the days before the test. The widths are those of the paper; epochs, batches and
    learning rate are the re-measurement's, and returns are in percent, without which the networks do not learn.
    """
    returns = _returns()
    classical = _classical(returns)
    windows = np.lib.stride_tricks.sliding_window_view(returns[:-1], PAST)
    features = torch.as_tensor(windows.copy(), dtype=torch.float32, device=device)
    target = torch.as_tensor(returns[PAST:], dtype=torch.float32, device=device)
    recent = slice(-TEST - 256, -TEST) if short else slice(None, -TEST)
    fold = Fold(features[recent], target[recent], {"test": features[-TEST:]})
    training = Training(
        epochs=1 if short else 4, batch_size=64, optimizer="adam", learning_rate=3e-3, weight_decay=0.0,
        schedule="constant",
    )  # fmt: skip
    outputs = []
    for parts, criteria in ((2, {"plain": Likelihood(), "penalised": Likelihood(0.1)}), (3, {"plain": Likelihood()})):
        folds = [fold] * len(seeds)
        trained = train_together(
            criteria, lambda parts=parts: RecurrentMixture(parts).to(device), folds, training, seeds
        )
        outputs += list(trained.outputs["test"])
    limits = {
        name: [mixture_value_at_risk(read_mixture(own.double())).cpu().numpy() for own in arm]
        for name, arm in zip(NETWORKS, outputs, strict=True)
    }
    losses = -returns[-TEST:]
    tests = {name: [backtest(losses, limit) for limit in own] for name, own in limits.items()}
    tests |= {name: [backtest(losses, limit)] for name, limit in classical.items()}
    follows = {
        name: float(np.median([np.corrcoef(limit, classical["GARCH"])[0, 1] for limit in own]))
        for name, own in limits.items()
    }
    normal = abs(tests["normal"][0].rate - 0.01)
    coverage = {name: float(np.median([found.coverage.statistic for found in own])) for name, own in tests.items()}
    return paired(
        [normal] * len(seeds),
        [abs(found.rate - 0.01) for found in tests[NETWORKS[0]]],
        coverage=coverage,
        rates={name: [found.rate for found in own] for name, own in tests.items()},
        with_garch=follows,
        remarks=[
            *(_remark(name, own) for name, own in tests.items()),
            "median correlation with GARCH: " + ", ".join(f"{name} {value:.2f}" for name, value in follows.items()),
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    coverage, follows = evidence.details["coverage"], evidence.details["with_garch"]
    if evidence.n < 5 or not all(map(math.isfinite, (*coverage.values(), *follows.values()))):
        return "inconclusive"
    kept = [name for name in NETWORKS if coverage[name] <= CRITICAL]
    if coverage["normal"] <= CRITICAL or len(kept) < 2:
        return "does not hold"
    return "holds" if all(follows[name] > 0.8 for name in NETWORKS) else "inconclusive"


def _returns() -> NDArray[np.float64]:
    """Daily returns of the S&P 500 from 1999 to 2018, in percent; they come with the library arch."""
    try:
        from arch.data import sp500
    except ModuleNotFoundError as error:
        raise MissingExtraError("arch", "risk") from error
    prices = sp500.load()["Adj Close"].to_numpy(np.float64)
    found: NDArray[np.float64] = 100 * (prices[1:] / prices[:-1] - 1)
    return found


def _classical(returns: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Historical simulation, the normal model, and GARCH(1,1) fitted once to the days before the test."""
    recent = returns[-TEST - WINDOW :]
    variance, _ = garch_variance(returns, fit_garch(returns[:-TEST]))
    return {
        "historical": historical_value_at_risk(recent, window=WINDOW),
        "normal": normal_value_at_risk(recent, window=WINDOW),
        "GARCH": garch_value_at_risk(variance[-TEST:]),
    }


def _remark(name: str, found: Sequence[Backtest]) -> str:
    def median(values: Sequence[float]) -> float:
        return float(np.median(values))

    rate = median([own.rate for own in found])
    coverage, independence = (
        median([getattr(own, test).statistic for own in found]) for test in ("coverage", "independence")
    )
    return f"{name}: breaches {rate:.4f}, coverage {coverage:.2f}, independence {independence:.2f}"


CLAIM = Claim(
    slug="lstm-mdn",
    statement=(
        "A recurrent mixture density network forecasts the daily 99 % value at risk of a share index with the right "
        "share of breaches, where the normal model fails, and follows the clusters of volatility like GARCH."
    ),
    source="Herrig, arXiv 2501.01278, abstract and the published tables of 2017-18",
    rule=(
        "On the last 500 days of the S&P 500 until 2018, medians over seeds: Holds: the normal model is rejected by "
        "the test of coverage at 5 %, at least two of three networks are not, and the value at risk of each network "
        "correlates by more than 0.8 with that of GARCH. Does not hold: the normal model is not rejected, or two "
        "networks are. Inconclusive: otherwise, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
