# Written by `make stubs` from the catalogue; not to be edited.
# mypy: disable-error-code="override"
# (a loss names its own tensors, where Criterion takes any)
from collections.abc import Callable, Sequence

from torch import Tensor

def binary_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    positive_weight: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy between the sigmoid of each logit and a target between 0 and 1."""

def binary_cross_entropy_from_probs(
    probs: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy between probabilities and targets between 0 and 1; with logits, take binary_cross_entropy."""

def binary_dice(
    logits: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the soft Dice overlap of one foreground class: one value for each image."""

def binary_focal(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of each element, scaled by a power of the probability that is missing."""

def cosine_embedding(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    *,
    margin: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far the cosine of a pair is below 1 if it belongs together, or above a margin if it does not."""

def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    class_weight: Tensor | None = None,
    class_mask: Tensor | None = None,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy between the softmax of the logits and class indices or soft targets."""

def dice(
    logits: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    classes: str = "all",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the soft Dice overlap of each class's pixels, averaged over classes: one value for each image."""

def focal(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    class_weight: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy with each class's term scaled by a power of the probability that is missing."""

def gaussian_nll(
    mean: Tensor,
    target: Tensor,
    variance: Tensor,
    *,
    full: bool = False,
    eps: float = 1e-06,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of numbers under normal distributions whose mean and variance are predicted."""

def generalized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    q: float = 0.7,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A Box-Cox transform of the target's probability, between cross-entropy and the mean absolute error."""

def hinge_embedding(
    distance: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The distance of a pair that belongs together; of a pair that does not, how much it lacks to the margin."""

def huber(
    prediction: Tensor,
    target: Tensor,
    *,
    delta: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Half the squared error up to an absolute error of delta, linear with slope delta beyond."""

def kl_div(
    log_probs: Tensor,
    target: Tensor,
    *,
    log_target: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "batchmean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The terms of the Kullback-Leibler divergence of predicted log-probabilities from target probabilities."""

def l1(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error."""

def linear_cross_entropy(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    class_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the logits that a linear layer makes of features."""

def logit_norm_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    temperature: float = 0.04,
    class_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the logits divided by their norm, so that training cannot lower it by growing them."""

def margin_ranking(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    *,
    margin: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How much the score that should be higher lacks to a margin above the other."""

def mse(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error."""

def multi_margin(
    logits: Tensor,
    target: Tensor,
    *,
    class_weight: Tensor | None = None,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How much each wrong class lacks to a margin below the true class, to the power p, averaged over all classes."""

def multilabel_margin(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How much each class that does not apply lacks to a margin of 1 below each class that does, over c."""

def multilabel_soft_margin(
    logits: Tensor,
    target: Tensor,
    *,
    class_weight: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of every label, averaged over the labels of an item."""

def nll(
    log_probs: Tensor,
    target: Tensor,
    *,
    class_weight: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of the true class; with logits, take cross_entropy."""

def poisson_nll(
    prediction: Tensor,
    target: Tensor,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-08,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of counts under Poisson distributions, without the terms that the target alone decides."""

def poly_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    epsilon: float | Sequence[float] = 1.0,
    class_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    smooth_polynomial: bool = True,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy plus a polynomial in the probability that the target is missing."""

def poly_drop(
    logits: Tensor,
    target: Tensor,
    *,
    terms: int = 2,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy's power series in 1 - p, cut off after its first terms."""

def poly_focal(
    logits: Tensor,
    target: Tensor,
    *,
    epsilon: float | Sequence[float] = 1.0,
    gamma: float = 2.0,
    alpha: float | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary focal loss of each element plus a polynomial in the probability that is missing."""

def poly_focal_multiclass(
    logits: Tensor,
    target: Tensor,
    *,
    epsilon: float | Sequence[float] = 1.0,
    gamma: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Softmax focal loss plus a polynomial in the probability that is missing."""

def smooth_l1(
    prediction: Tensor,
    target: Tensor,
    *,
    beta: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error whose tip, up to beta, is a parabola."""

def soft_margin(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Logistic loss of the margin, for targets -1 and 1."""

def softmax_mae(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error between the softmax and the indicator of the target, summed over classes."""

def squentropy(
    logits: Tensor,
    target: Tensor,
    *,
    square_weight: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy plus the mean squared logit of the wrong classes."""

def symmetric_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy plus its reverse, in which target and prediction change places."""

def triplet_margin(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-06,
    swap: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How much the negative lacks to a margin further away from the anchor than the positive."""

def triplet_margin_with_distance(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How much the negative lacks to a margin further away from the anchor than the positive, by any distance."""
