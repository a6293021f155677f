# Written by `make stubs` from the catalogue; not to be edited.
# mypy: disable-error-code="override"
# (a loss names its own tensors, where Criterion takes any)
from collections.abc import Callable, Sequence

from torch import Tensor

from perdita import catalogue as catalogue
from perdita import claims as claims
from perdita import compare as compare
from perdita import core as core
from perdita import functional as functional
from perdita import losses as losses
from perdita import testing as testing
from perdita.core import Card as Card
from perdita.core import Choice as Choice
from perdita.core import Cost as Cost
from perdita.core import Criterion as Criterion
from perdita.core import InputError as InputError
from perdita.core import MissingExtraError as MissingExtraError
from perdita.core import Range as Range
from perdita.core import Sum as Sum
from perdita.core import Traits as Traits
from perdita.core import build as build
from perdita.core import card as card
from perdita.core import cards as cards
from perdita.core import debug as debug
from perdita.core import loss as loss
from perdita.core import reduce as reduce

__version__: str

class AdaptiveLogSoftmax(Criterion):
    """Cross-entropy of an output layer that gives frequent classes a full dimension and rare ones a smaller one."""
    def __init__(
        self,
        *,
        in_features: int,
        classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        features: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BinaryCrossEntropy(Criterion):
    """Cross-entropy between the sigmoid of each logit and a target between 0 and 1."""
    def __init__(
        self, *, positive_weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        positive_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BinaryCrossEntropyFromProbs(Criterion):
    """Cross-entropy between probabilities and targets between 0 and 1; with logits, take binary_cross_entropy."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        probs: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BinaryDice(Criterion):
    """One minus the soft Dice overlap of one foreground class: one value for each image."""
    def __init__(self, *, smooth: float = 1.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BinaryFocal(Criterion):
    """Binary cross-entropy of each element, scaled by a power of the probability that is missing."""
    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CosineEmbedding(Criterion):
    """How far the cosine of a pair is below 1 if it belongs together, or above a margin if it does not."""
    def __init__(self, *, margin: float = 0.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CrossEntropy(Criterion):
    """Cross-entropy between the softmax of the logits and class indices or soft targets."""
    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        class_weight: Tensor | None = None,
        class_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_weight: Tensor | None = None,
        class_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Ctc(Criterion):
    """Negative log-likelihood of a target sequence, summed over every alignment with a longer input sequence."""
    def __init__(
        self, *, blank: int = 0, zero_infinity: bool = False, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor,
        target_lengths: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Dice(Criterion):
    """One minus the soft Dice overlap of each class's pixels, averaged over classes: one value for each image."""
    def __init__(
        self, *, smooth: float = 1.0, classes: str = "all", reduction: str = "mean", ignore_index: int | None = -100
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Focal(Criterion):
    """Cross-entropy with each class's term scaled by a power of the probability that is missing."""
    def __init__(
        self,
        *,
        gamma: float = 2.0,
        class_weight: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class GaussianNll(Criterion):
    """Negative log-likelihood of numbers under normal distributions whose mean and variance are predicted."""
    def __init__(
        self, *, full: bool = False, eps: float = 1e-06, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        mean: Tensor,
        target: Tensor,
        variance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class GeneralizedCrossEntropy(Criterion):
    """A Box-Cox transform of the target's probability, between cross-entropy and the mean absolute error."""
    def __init__(self, *, q: float = 0.7, reduction: str = "mean", ignore_index: int | None = -100) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class HingeEmbedding(Criterion):
    """The distance of a pair that belongs together; of a pair that does not, how much it lacks to the margin."""
    def __init__(self, *, margin: float = 1.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        distance: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Huber(Criterion):
    """Half the squared error up to an absolute error of delta, linear with slope delta beyond."""
    def __init__(self, *, delta: float = 1.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class KlDiv(Criterion):
    """The terms of the Kullback-Leibler divergence of predicted log-probabilities from target probabilities."""
    def __init__(
        self, *, log_target: bool = False, reduction: str = "batchmean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        log_probs: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class L1(Criterion):
    """Absolute error."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class LinearCrossEntropy(Criterion):
    """Cross-entropy of the logits that a linear layer makes of features."""
    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        linear_bias: Tensor | None = None,
        class_weight: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        features: Tensor,
        linear_weight: Tensor,
        target: Tensor,
        *,
        linear_bias: Tensor | None = None,
        class_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class LogitNormCrossEntropy(Criterion):
    """Cross-entropy of the logits divided by their norm, so that training cannot lower it by growing them."""
    def __init__(
        self,
        *,
        temperature: float = 0.04,
        label_smoothing: float = 0.0,
        class_weight: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MarginRanking(Criterion):
    """How much the score that should be higher lacks to a margin above the other."""
    def __init__(self, *, margin: float = 0.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Mse(Criterion):
    """Squared error."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MultiMargin(Criterion):
    """How much each wrong class lacks to a margin below the true class, to the power p, averaged over all classes."""
    def __init__(
        self,
        *,
        p: int = 1,
        margin: float = 1.0,
        class_weight: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MultilabelMargin(Criterion):
    """How much each class that does not apply lacks to a margin of 1 below each class that does, over c."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MultilabelSoftMargin(Criterion):
    """Binary cross-entropy of every label, averaged over the labels of an item."""
    def __init__(
        self, *, class_weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Nll(Criterion):
    """Negative log-likelihood of the true class; with logits, take cross_entropy."""
    def __init__(
        self, *, class_weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = -100
    ) -> None: ...
    def forward(
        self,
        log_probs: Tensor,
        target: Tensor,
        *,
        class_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class PoissonNll(Criterion):
    """Negative log-likelihood of counts under Poisson distributions, without the terms that the target alone decides."""
    def __init__(
        self,
        *,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-08,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class PolyCrossEntropy(Criterion):
    """Cross-entropy plus a polynomial in the probability that the target is missing."""
    def __init__(
        self,
        *,
        epsilon: float | Sequence[float] = 1.0,
        label_smoothing: float = 0.0,
        smooth_polynomial: bool = True,
        class_weight: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class PolyDrop(Criterion):
    """Cross-entropy's power series in 1 - p, cut off after its first terms."""
    def __init__(self, *, terms: int = 2, reduction: str = "mean", ignore_index: int | None = -100) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class PolyFocal(Criterion):
    """Binary focal loss of each element plus a polynomial in the probability that is missing."""
    def __init__(
        self,
        *,
        epsilon: float | Sequence[float] = 1.0,
        gamma: float = 2.0,
        alpha: float | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class PolyFocalMulticlass(Criterion):
    """Softmax focal loss plus a polynomial in the probability that is missing."""
    def __init__(
        self,
        *,
        epsilon: float | Sequence[float] = 1.0,
        gamma: float = 2.0,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SmoothL1(Criterion):
    """Absolute error whose tip, up to beta, is a parabola."""
    def __init__(self, *, beta: float = 1.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SoftMargin(Criterion):
    """Logistic loss of the margin, for targets -1 and 1."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SoftmaxMae(Criterion):
    """Absolute error between the softmax and the indicator of the target, summed over classes."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = -100) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Squentropy(Criterion):
    """Cross-entropy plus the mean squared logit of the wrong classes."""
    def __init__(
        self, *, square_weight: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SymmetricCrossEntropy(Criterion):
    """Cross-entropy plus its reverse, in which target and prediction change places."""
    def __init__(
        self,
        *,
        alpha: float = 0.1,
        beta: float = 1.0,
        log_zero: float = -4.0,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class TripletMargin(Criterion):
    """How much the negative lacks to a margin further away from the anchor than the positive."""
    def __init__(
        self,
        *,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-06,
        swap: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class TripletMarginWithDistance(Criterion):
    """How much the negative lacks to a margin further away from the anchor than the positive, by any distance."""
    def __init__(
        self,
        *,
        distance: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward
