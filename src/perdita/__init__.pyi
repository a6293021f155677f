# Written by `make stubs` from the catalogue; not to be edited.
# mypy: disable-error-code="override"
# (a loss names its own tensors, where Criterion takes any)
from collections.abc import Callable, Sequence

from torch import Tensor

from perdita import catalogue as catalogue
from perdita import claims as claims
from perdita import compound as compound
from perdita import core as core
from perdita import functional as functional
from perdita import judge as judge
from perdita import losses as losses
from perdita import nn as nn
from perdita import testing as testing
from perdita import theory as theory
from perdita import training as training
from perdita.compare.run import compare as compare
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
from perdita.core import component as component
from perdita.core import debug as debug
from perdita.core import loss as loss
from perdita.core import reduce as reduce

__version__: str

class ActivePassive(Criterion):
    """Normalised cross-entropy, which raises the label's probability, plus reverse cross-entropy, which lowers others."""
    def __init__(
        self,
        *,
        active_weight: float = 1.0,
        passive_weight: float = 1.0,
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

class AdaptiveRobust(Criterion):
    """Negative log-likelihood of Barron's family, whose shape and scale are learned with the model."""
    def __init__(self, *, alpha: float = 1.0, scale: float = 1.0, reduction: str = "mean") -> None: ...
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

class AldrKl(Criterion):
    """LDR-KL whose temperature each example finds for itself: high where the prediction is undecided."""
    def __init__(
        self,
        *,
        examples: int | None = None,
        temperature: float = 10.0,
        alpha: float = 2.0,
        margin: float = 0.1,
        normalize: str | None = "l1",
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        index: Tensor | None = None,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class AnyLoss(Criterion):
    """One minus a metric of the batch's soft confusion matrix."""
    def __init__(
        self,
        *,
        metric: str = "f_score",
        beta: float = 1.0,
        steepness: float = 73.0,
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

class AsymmetricFocal(Criterion):
    """Binary focal loss with a focus of its own for each class, in which easy negatives count as nothing."""
    def __init__(
        self,
        *,
        gamma_positive: float = 1.0,
        gamma_negative: float = 4.0,
        shift: float = 0.05,
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

class BagBinaryCrossEntropy(Criterion):
    """Binary cross-entropy of a bag's mean probability, or of each member's, against the bag's share of positives."""
    def __init__(
        self,
        *,
        instance_weight: float = 0.0,
        members: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        bag_target: Tensor,
        *,
        members: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BagCrossEntropy(Criterion):
    """Cross-entropy of a bag's mean class probabilities, or of each member's, against the bag's label proportions."""
    def __init__(
        self,
        *,
        instance_weight: float = 0.0,
        members: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        bag_target: Tensor,
        *,
        members: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BagSquaredError(Criterion):
    """Squared error of a bag's mean prediction, plus a share of the variance of the predictions within the bag."""
    def __init__(
        self,
        *,
        instance_weight: float = 0.0,
        members: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        predictions: Tensor,
        bag_target: Tensor,
        *,
        members: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BalancedCorrectnessAware(Criterion):
    """`correctness_aware` with right and wrong predictions of a batch weighing equally."""
    def __init__(
        self, *, temperature: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = -100
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        temperature: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Barron(Criterion):
    """One family from the squared error to losses that ignore outliers."""
    def __init__(
        self, *, alpha: float = 0.0, scale: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
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

class BetaNll(Criterion):
    """Negative log-likelihood of normal distributions, weighted by a power of their own variance."""
    def __init__(
        self, *, beta: float = 0.5, eps: float = 1e-06, reduction: str = "mean", ignore_index: int | None = None
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

class BiTempered(Criterion):
    """A bounded logistic loss of a heavy-tailed softmax."""
    def __init__(
        self, *, boundedness: float = 0.8, tail: float = 1.4, reduction: str = "mean", ignore_index: int | None = -100
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

class BinaryHinge(Criterion):
    """The loss of a support vector machine: what each score falls short of a margin of 1 on its label's side."""
    def __init__(self, *, power: int = 2, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class BinomialCrossEntropy(Criterion):
    """Cross-entropy of a binomial distribution over the ordered classes, which one logit describes."""
    def __init__(self, *, classes: int, reduction: str = "mean", ignore_index: int | None = -100) -> None: ...
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

class BlackBoxBrier(Criterion):
    """A surrogate whose gradient trains a generator of outcomes on the squared distance to the data's distribution."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        log_probs: Tensor,
        model_samples: Tensor,
        target_samples: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Brier(Criterion):
    """Squared distance between the softmax and the target, summed over classes."""
    def __init__(
        self, *, label_smoothing: float = 0.0, reduction: str = "mean", ignore_index: int | None = -100
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

class CategoricalProjection(Criterion):
    """Cross-entropy against a distribution of returns, projected to the grid of the prediction."""
    def __init__(
        self, *, low: float = -10.0, high: float = 10.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target_probs: Tensor,
        target_atoms: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Cisir(Criterion):
    """Squared error in which rare targets count more, plus one minus the correlation."""
    def __init__(
        self,
        *,
        correlation_weight: float = 0.5,
        importance: Tensor | None = None,
        correlation_importance: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        importance: Tensor | None = None,
        correlation_importance: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ClassBalancedCrossEntropy(Criterion):
    """Cross-entropy weighted by the inverse of the effective number of each class's items."""
    def __init__(
        self,
        *,
        beta: float = 0.999,
        class_counts: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_counts: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CompSum(Criterion):
    """A concave transform of the sum of exponentiated score differences; one number spans the family."""
    def __init__(
        self,
        *,
        tau: float = 1.0,
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

class ConditionalCsDivergence(Criterion):
    """Cauchy-Schwarz divergence between what targets and predictions look like given the features."""
    def __init__(
        self,
        *,
        sigma_features: float = 1.0,
        sigma: float = 1.0,
        denominator: str = "kde",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        features: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ConstrainedMargin(Criterion):
    """The summed penalties of the wrong classes' scores, under the constraint that the scores of an item sum to zero."""
    def __init__(
        self, *, transform: str = "squared_hinge", reduction: str = "mean", ignore_index: int | None = -100
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

class Corn(Criterion):
    """Binary cross-entropy of the thresholds that an item reaches: whether it passes each, given that it came so far."""
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

class CorrectnessAware(Criterion):
    """Squared distance of the confidence from 1 where the prediction is right and from 0 where it is wrong."""
    def __init__(
        self, *, temperature: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = -100
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        temperature: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Correlation(Criterion):
    """One minus Pearson's correlation of the batch, in which rare targets may count more."""
    def __init__(
        self, *, importance: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        *,
        importance: Tensor | None = None,
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

class CrpsEnsemble(Criterion):
    """Continuous ranked probability score of a sample of forecasts."""
    def __init__(self, *, fair: bool = False, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        members: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CrpsGaussian(Criterion):
    """Continuous ranked probability score of a normal distribution."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        mean: Tensor,
        target: Tensor,
        scale: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CrpsMixture(Criterion):
    """Continuous ranked probability score of a mixture of normal distributions."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        means: Tensor,
        target: Tensor,
        scales: Tensor,
        logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CsDivergence(Criterion):
    """Cauchy-Schwarz divergence between the densities of two samples."""
    def __init__(self, *, sigma: float = 1.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        samples: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CsInformationBottleneck(Criterion):
    """Divergence of predictions from targets, plus the information that a representation keeps of the features."""
    def __init__(
        self,
        *,
        beta: float = 0.01,
        sigma_features: float = 1.0,
        sigma: float = 1.0,
        sigma_representation: float = 1.0,
        denominator: str = "kde",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        features: Tensor,
        representation: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CsMutualInformation(Criterion):
    """Cauchy-Schwarz divergence between a joint density and the product of its margins."""
    def __init__(
        self,
        *,
        sigma: float = 1.0,
        sigma_features: float = 1.0,
        normalized: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        representation: Tensor,
        features: Tensor,
        *,
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

class EarthMover(Criterion):
    """How far probability has to travel along the ordered classes to become the target."""
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

class EnergyScore(Criterion):
    """The continuous ranked probability score of vectors: Euclidean distances in place of absolute values."""
    def __init__(self, *, fair: bool = False, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        members: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Entmax15(Criterion):
    """The loss of 1.5-entmax, between softmax and sparsemax."""
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

class EntropicMse(Criterion):
    """Squared error between exponential utilities."""
    def __init__(
        self, *, risk_aversion: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
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

class EntropicPolicy(Criterion):
    """What a policy lowers to raise the certainty equivalent of its return."""
    def __init__(
        self, *, risk_aversion: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        advantage: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class EntropicSoftplus(Criterion):
    """Squared error that a sigmoid tilts: its best constant is the certainty equivalent of normal targets alone."""
    def __init__(
        self, *, risk_aversion: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
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

class Evidential(Criterion):
    """Negative log-likelihood of a normal distribution whose mean and variance are themselves uncertain."""
    def __init__(self, *, penalty: float = 0.01, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        mean: Tensor,
        target: Tensor,
        evidence: Tensor,
        shape: Tensor,
        rate: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Expectile(Criterion):
    """Squared error times level below the target and 1 - level above it."""
    def __init__(self, *, level: float = 0.5, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class GammaNll(Criterion):
    """Negative log-likelihood of positive amounts under gamma distributions, for one unit of shape."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        log_mean: Tensor,
        target: Tensor,
        *,
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

class HlGauss(Criterion):
    """Cross-entropy against a normal distribution around the target, as a histogram."""
    def __init__(
        self,
        *,
        low: float = -10.0,
        high: float = 10.0,
        sigma_ratio: float = 0.75,
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

class ItakuraSaito(Criterion):
    """Exponential of the error less its tangent: its best constant is the certainty equivalent of the targets."""
    def __init__(
        self,
        *,
        risk_aversion: float = 1.0,
        max_exponent: float = 20.0,
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

class Ldam(Criterion):
    """Cross-entropy after a margin is taken off the target's logit, larger for rarer classes."""
    def __init__(
        self,
        *,
        max_margin: float = 0.5,
        scale: float = 30.0,
        class_counts: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_counts: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class LdrK(Criterion):
    """The worst mean margin violation over distributions that give no label more than 1/k."""
    def __init__(
        self, *, k: int = 2, margin: float = 0.1, reduction: str = "mean", ignore_index: int | None = -100
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

class LdrKl(Criterion):
    """The worst mean margin violation over distributions on the labels, with a penalty for leaving the uniform one."""
    def __init__(
        self,
        *,
        temperature: float = 1.0,
        margin: float = 0.1,
        normalize: str | None = None,
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

class LegendreLoss(Criterion):
    """Negative log-likelihood under a link from scores to probabilities that is learned with the model."""
    def __init__(
        self,
        *,
        classes: int,
        blocks: int = 2,
        hidden: int = 2,
        depth: int = 4,
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

class LogCosh(Criterion):
    """Logarithm of the hyperbolic cosine of the error: half its square near 0, its size less log 2 far away."""
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

class LogitAdjustedCrossEntropy(Criterion):
    """Cross-entropy with the logarithm of each class's prior added to its logit while training."""
    def __init__(
        self,
        *,
        strength: float = 1.0,
        class_counts: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        class_counts: Tensor | None = None,
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

class Mape(Criterion):
    """Absolute error in percent of the target."""
    def __init__(self, *, eps: float = 1e-07, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class Mdca(Criterion):
    """How far the batch's mean probability of each class is from the class's share of its labels."""
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

class MeanBiasError(Criterion):
    """Signed error, whose mean tells how far forecasts lie too low."""
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

class MixupMargin(Criterion):
    """How far an item's largest logit fails to exceed that of its mixtures by a margin."""
    def __init__(self, *, margin: float = 2.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        logits: Tensor,
        mixup_logits: Tensor,
        mixup_target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MixupNdcg(Criterion):
    """How far the confidences of an item and its mixtures are from the shares of their classes, discounted by rank."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        logits: Tensor,
        mixup_logits: Tensor,
        mixup_target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Mmce(Criterion):
    """Maximum mean calibration error: a kernel's measure of how confidence and correctness differ."""
    def __init__(self, *, bandwidth: float = 0.4, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class Msle(Criterion):
    """Squared error between the logarithms of one more than prediction and target."""
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

class NegativeBinomialNll(Criterion):
    """Negative log-likelihood of counts that vary more than Poisson's."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        log_mean: Tensor,
        target: Tensor,
        log_dispersion: Tensor,
        *,
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

class NormalizedCrossEntropy(Criterion):
    """Cross-entropy over its sum for all possible labels."""
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

class NormalizedRmse(Criterion):
    """Root mean squared error over the size of the series in the batch."""
    def __init__(self, *, scale: str = "mean", reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class OneHotSquare(Criterion):
    """Squared distance between the scores and the indicator of the target."""
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

class OneVersusAll(Criterion):
    """Binary cross-entropy of each class against all others, summed over classes."""
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

class OneVersusAllHinge(Criterion):
    """The loss of one support vector machine for each class, summed over classes."""
    def __init__(
        self,
        *,
        power: int = 2,
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

class OrdinalCrossEntropy(Criterion):
    """Binary cross-entropy of every threshold's question, whether the label is above it."""
    def __init__(
        self, *, importance_weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = -100
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        importance_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class OrdinalLogLoss(Criterion):
    """Every wrong class pays for its probability, the more the farther it is from the label."""
    def __init__(self, *, alpha: float = 1.0, reduction: str = "mean", ignore_index: int | None = -100) -> None: ...
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

class Quantile(Criterion):
    """Absolute error whose slope is level below the target and 1 - level above it."""
    def __init__(self, *, level: float = 0.5, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class QuantileRisk(Criterion):
    """Twice the quantile loss over the mean size of the targets, by which forecasts of many series are compared."""
    def __init__(self, *, level: float = 0.5, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class RankMixup(Criterion):
    """Cross-entropy of the plain items plus a ranking of their confidences against those of their mixtures."""
    def __init__(
        self,
        *,
        kind: str = "ndcg",
        ranking_weight: float = 0.1,
        margin: float = 2.0,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        mixup_logits: Tensor,
        mixup_target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class RegressionWithClassification(Criterion):
    """Mean error of the number plus mean cross-entropy of its bin, from two heads on the same features."""
    def __init__(
        self,
        *,
        regression_weight: float = 100.0,
        regression: str = "mse",
        reduction: str = "mean",
        ignore_index: int | None = -1,
    ) -> None: ...
    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        logits: Tensor,
        labels: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class RelativeAbsoluteError(Criterion):
    """Absolute errors over those of the batch's own mean."""
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

class RelativeRmse(Criterion):
    """Root of the squared error over the sum of the squared predictions."""
    def __init__(self, *, averaged: bool = True, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class RelativeSquaredError(Criterion):
    """Squared errors over those of the batch's own mean: one minus the share of variance explained."""
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

class Rmse(Criterion):
    """Root of the mean squared error of the whole batch."""
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

class Rmsle(Criterion):
    """Root of the mean squared logarithmic error of the whole batch."""
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

class SmoothAdversarialCompSum(Criterion):
    """Comp-sum loss of the clean scores, plus how far an attack moves the vector of margins."""
    def __init__(
        self,
        *,
        tau: float = 1.0,
        rho: float = 1.0,
        shift_weight: float | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        adversarial_logits: Tensor,
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

class SoftEce(Criterion):
    """Root mean squared calibration error over bins that confidences belong to by degrees."""
    def __init__(
        self, *, bins: int = 15, temperature: float = 0.01, reduction: str = "mean", ignore_index: int | None = None
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

class Sparsemax(Criterion):
    """The loss of sparsemax, whose probabilities are the point of the simplex nearest to the logits."""
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

class SphericalSoftmax(Criterion):
    """Cross-entropy of probabilities that grow with the squared score."""
    def __init__(self, *, epsilon: float = 0.01, reduction: str = "mean", ignore_index: int | None = -100) -> None: ...
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

class SquaredEarthMover(Criterion):
    """Squared distance between the predicted and the wanted cumulative probabilities."""
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

class TaylorSoftmax(Criterion):
    """Cross-entropy of probabilities that grow with the second-order Taylor polynomial of exp."""
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

class Tukey(Criterion):
    """Nearly half the squared error near the target, and constant from an absolute error of cutoff on."""
    def __init__(self, *, cutoff: float = 4.685, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class Tweedie(Criterion):
    """Quasi-likelihood of amounts that are often exactly 0, such as the claims on a policy."""
    def __init__(self, *, power: float = 1.5, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        log_mean: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class TwoHot(Criterion):
    """Cross-entropy against the target's share in the two points of a grid beside it."""
    def __init__(
        self, *, low: float = -10.0, high: float = 10.0, reduction: str = "mean", ignore_index: int | None = None
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

class UnimodalCrossEntropy(Criterion):
    """Cross-entropy plus a penalty wherever the probabilities do not fall away from the label on both sides."""
    def __init__(
        self, *, penalty: float = 1.0, margin: float = 0.05, reduction: str = "mean", ignore_index: int | None = -100
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

class ZLoss(Criterion):
    """A softplus of how far the target's score, standardised over the classes, falls short of a threshold."""
    def __init__(
        self,
        *,
        sharpness: float = 1.0,
        threshold: float = 0.0,
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

class ZeroInflatedPoissonNll(Criterion):
    """Negative log-likelihood of counts that are 0 for a reason of their own, or else Poisson."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        log_rate: Tensor,
        target: Tensor,
        zero_logit: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward
