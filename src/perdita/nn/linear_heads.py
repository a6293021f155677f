"""Two linear classifiers on frozen features: naive Bayes, which models the features, and logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@component("discriminative-vs-generative")
class NaiveBayesHead(nn.Module):
    r"""Gaussian naive Bayes whose variances are the same in every class, which makes it linear.

    With m_k of m rows in class k, pi_k = m_k / m, and feature j's mean mu_kj and population variance v_kj there:

        s_j = sum_k pi_k (v_kj + var_epsilon),    W_kj = mu_kj / s_j,    b_k = log pi_k - sum_j mu_kj^2 / (2 s_j)

    and softmax(W x + b) is the posterior. It is fitted in one pass, in float64, without any step size. (A quadratic
    classifier, with variances of each class's own, is another model.)

    Args:
        features: number of features.
        classes: number of classes.
        var_epsilon: added to every variance. With few rows a feature may not vary within any class, and would decide
            alone at 1e-9: scale the features, and take 1e-2 for features in [0, 1].

    Source: Zheng et al., "Revisiting Discriminative vs. Generative Classifiers: Theory and Implications", ICML 2023,
    arXiv 2302.02334, as in the authors' code.
    """

    count: Float[Tensor, "k"]
    class_mean: Float[Tensor, "k f"]
    class_var: Float[Tensor, "k f"]

    def __init__(self, features: int, classes: int, *, var_epsilon: float = 1e-9) -> None:
        super().__init__()
        if classes < 2 or features < 1 or not var_epsilon > 0:
            raise InputError(
                f"classes must be at least 2, features at least 1 and var_epsilon positive, not {classes}, {features} "
                f"and {var_epsilon}"
            )
        self.var_epsilon = var_epsilon
        self.register_buffer("count", torch.zeros(classes, dtype=torch.float64))
        self.register_buffer("class_mean", torch.zeros(classes, features, dtype=torch.float64))
        self.register_buffer("class_var", torch.zeros(classes, features, dtype=torch.float64))

    @torch.no_grad()
    def partial_fit(self, input: Float[Tensor, "n f"], target: Int[Tensor, "n"]) -> NaiveBayesHead:
        """Take in more rows; the result does not depend on how they are cut into chunks.

        Raises:
            InputError: shapes that do not fit, labels outside of the classes.
        """
        classes, features = self.class_mean.shape
        if input.ndim != 2 or input.shape[1] != features or target.shape != input.shape[:1]:
            raise InputError(
                f"input must have shape (n, {features}) and target (n,), not {tuple(input.shape)} and "
                f"{tuple(target.shape)}"
            )
        if len(target) and not 0 <= int(target.min()) <= int(target.max()) < classes:
            raise InputError(f"target must hold class indices from 0 to {classes - 1}")
        x, zero = input.double(), torch.zeros_like(self.class_mean)
        count = torch.zeros_like(self.count).index_add(0, target, torch.ones_like(x[:, 0]))
        own = count.clamp(min=1).unsqueeze(1)
        mean = zero.index_add(0, target, x) / own
        squares = zero.index_add(0, target, (x - mean[target]).square())
        before, total = self.count.unsqueeze(1), (self.count + count).clamp(min=1).unsqueeze(1)
        after = count.unsqueeze(1)
        squares += before * self.class_var + before * after / total * (self.class_mean - mean).square()
        self.class_mean.copy_((before * self.class_mean + after * mean) / total)
        self.class_var.copy_(squares / total)
        self.count += count
        return self

    @property
    def class_prior(self) -> Float[Tensor, "k"]:
        """Share of each class's rows. Raises `InputError` where a class has none."""
        if bool((self.count == 0).any()):
            raise InputError(f"target held no row of class {int((self.count == 0).nonzero()[0])}; fit it before use")
        return self.count / self.count.sum()

    @property
    def pooled_var(self) -> Float[Tensor, "f"]:
        """The shared variance s of each feature."""
        return (self.class_prior.unsqueeze(1) * (self.class_var + self.var_epsilon)).sum(0)

    def joint_log_score(self, input: Float[Tensor, "n f"]) -> Float[Tensor, "n k"]:
        """(n, k) log prior plus log density, up to a constant; it differs from the logits by a number of each row."""
        gap = (input.double().unsqueeze(1) - self.class_mean).square() / self.pooled_var
        return (self.class_prior.log() - gap.sum(2) / 2).to(input.dtype)

    def linear_form(self) -> tuple[Float[Tensor, "k f"], Float[Tensor, "k"]]:
        """W and b, in float64."""
        prior, scaled = self.class_prior, self.class_mean / self.pooled_var
        return scaled, prior.log() - (scaled * self.class_mean).sum(1) / 2

    def to_linear(self) -> nn.Linear:
        """A linear layer with these weights, in float64: naive Bayes as a start for training."""
        weight, bias = self.linear_form()
        layer = nn.utils.skip_init(nn.Linear, weight.shape[1], len(weight), dtype=weight.dtype, device=weight.device)
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        return layer

    def forward(self, input: Float[Tensor, "n f"]) -> Float[Tensor, "n k"]:
        """(n, k) logits, whose softmax is the posterior."""
        return F.linear(input.double(), *self.linear_form()).to(input.dtype)


@component("discriminative-vs-generative")
def fit_logistic(
    input: Float[Tensor, "n f"],
    target: Int[Tensor, "n"],
    classes: int,
    *,
    inverse_penalty: float = 1.0,
    iterations: int = 1000,
    tolerance: float = 1e-4,
) -> tuple[nn.Linear, bool]:
    """Multinomial logistic regression by L-BFGS in float64: the least of sum CE + ||W||^2 / (2 inverse_penalty).

    Args:
        input: (n, f) features.
        target: (n,) classes.
        classes: number of classes.
        inverse_penalty: the constant C of the field; the bias is not penalised.
        iterations: at most.
        tolerance: largest entry of the gradient, per row, at which it stops.

    Returns:
        The layer, and whether its gradient came below the tolerance.
    """
    x = input.double()
    layer = nn.utils.skip_init(nn.Linear, x.shape[1], classes, dtype=torch.float64, device=x.device)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(
        layer.parameters(),
        max_iter=iterations,
        tolerance_grad=tolerance * len(x),
        tolerance_change=0.0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        surprise = F.cross_entropy(layer(x), target, reduction="sum")
        value = surprise + layer.weight.square().sum() / (2 * inverse_penalty)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)
    closure()
    steepest = max(float(p.grad.abs().max()) for p in layer.parameters() if p.grad is not None)
    return layer.requires_grad_(False), steepest <= tolerance * len(x)
