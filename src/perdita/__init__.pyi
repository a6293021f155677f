# Written by `make stubs` from the catalogue; not to be edited.
# mypy: disable-error-code="override"
# (a loss names its own tensors, where Criterion takes any)
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from perdita import catalogue as catalogue
from perdita import claims as claims
from perdita import cli as cli
from perdita import compound as compound
from perdita import core as core
from perdita import functional as functional
from perdita import integrations as integrations
from perdita import judge as judge
from perdita import kernels as kernels
from perdita import losses as losses
from perdita import nn as nn
from perdita import risk as risk
from perdita import testing as testing
from perdita import theory as theory
from perdita import training as training
from perdita.compare.run import compare as compare
from perdita.compound import Compound as Compound
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
from perdita.kernels.gradient_cache import encode_in_chunks as encode_in_chunks
from perdita.kernels.linear import fused_linear as fused_linear
from perdita.kernels.pair_weights import pair_weights as pair_weights
from perdita.kernels.pairs import blockwise_pairs as blockwise_pairs
from perdita.kernels.responses.log_probabilities import fused_log_probabilities as fused_log_probabilities
from perdita.losses.embedding.wrapping.memory import CrossBatchMemory as CrossBatchMemory
from perdita.losses.embedding.wrapping.nested import Matryoshka as Matryoshka

__version__: str

class ActivePassive(Criterion):
    """Normalised cross-entropy, which raises the label's probability, plus reverse cross-entropy, which lowers others."""
    def __init__(
        self,
        *,
        active_weight: float = 1.0,
        passive_weight: float = 1.0,
        log_zero: float = -4.0,
        label_smoothing: float = 0.0,
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

class AdaptiveMultiHead(Criterion):
    """Two views of a batch in several heads, each pair at a temperature that a small network learns (AMCL)."""
    def __init__(
        self,
        *,
        dimension: int,
        heads: int | None = None,
        hidden: int = 128,
        lowest: float = 0.05,
        highest: float = 2.0,
        beta: float = 0.1,
        hard: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
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

class AlphaBetaDistillation(Criterion):
    """A family of divergences between forward and reverse: how much confident and wrong classes weigh is chosen apart."""
    def __init__(
        self,
        *,
        alpha: float = 0.2,
        beta: float = 0.7,
        temperature: float = 1.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Angular(Criterion):
    """How much the triangle of a positive pair and a negative opens at the negative, beyond an angle."""
    def __init__(self, *, angle: float = 40.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
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

class ApproxNdcg(Criterion):
    """1 - NDCG with soft ranks: an item's rank counts how many others are above it, by a sigmoid."""
    def __init__(
        self,
        *,
        temperature: float = 1.0,
        gain: str = "exponential",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ArcFace(Criterion):
    """Cross-entropy of cosines, where the own class must lead by a margin in the angle."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        margin: float = 0.5,
        scale: float = 64.0,
        centers: int = 1,
        beyond: str = "linear",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
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

class AttentionTransfer(Criterion):
    """Squared distance between the maps of where student and teacher are active, each of length one."""
    def __init__(self, *, power: float = 2.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        features: Tensor,
        teacher_features: Tensor,
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

class BalancedL1(Criterion):
    """Absolute error beyond beta, and below it a curve that pulls small errors harder than a parabola does."""
    def __init__(
        self,
        *,
        alpha: float = 0.5,
        gamma: float = 1.5,
        beta: float = 1.0,
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

class BarlowTwins(Criterion):
    """How far the correlations of two views' features, over the batch, are from the identity."""
    def __init__(
        self, *, redundancy: float = 0.005, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        view_1: Tensor,
        view_2: Tensor,
        *,
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

class BayesianPersonalizedRanking(Criterion):
    """Logistic loss of a chosen item's score above each of m others (BPR)."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Bco(Criterion):
    """Binary classifier optimisation: a classifier of responses whose logit is the shifted implicit reward."""
    def __init__(
        self,
        *,
        beta: float = 0.1,
        reward_shift: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        policy: Tensor,
        reference: Tensor,
        desirable: Tensor,
        *,
        reward_shift: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Berhu(Criterion):
    """Absolute error up to a share of the batch's largest one, and a square beyond: the Huber loss turned around."""
    def __init__(
        self,
        *,
        share: float = 0.2,
        threshold: float | None = None,
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
        self,
        *,
        boundedness: float = 0.8,
        tail: float = 1.4,
        label_smoothing: float = 0.0,
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

class BinaryJaccard(Criterion):
    """One minus the soft intersection over union of one foreground class: one value for each image."""
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

class BinaryKl(Criterion):
    """Kullback-Leibler divergence of the student's from the teacher's sigmoid of every class, added up."""
    def __init__(
        self, *, temperature: float = 2.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BinaryKlNorm(Criterion):
    """How far the sigmoid of each class's logit difference is from one half, added up."""
    def __init__(
        self, *, temperature: float = 2.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BinarySelfAdjustingDice(Criterion):
    """Dice of one item with its label, where an item that is decided already counts for less."""
    def __init__(
        self,
        *,
        alpha: float = 0.01,
        smooth: float = 1.0,
        square: bool = False,
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

class BinarySquentropy(Criterion):
    """Binary cross-entropy plus the square of half the logit: squentropy of two classes that share one logit."""
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

class BinaryTversky(Criterion):
    """One minus the Tversky index of one foreground class: one value for each image."""
    def __init__(
        self,
        *,
        false_alarms: float = 0.3,
        misses: float = 0.7,
        focus: float = 1.0,
        smooth: float = 1.0,
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

class BoundaryMargin(Criterion):
    """How far a pair's distance is on the wrong side of a boundary, or within a margin of it."""
    def __init__(
        self,
        *,
        margin: float = 0.2,
        boundary: float = 1.2,
        over: str = "pairs",
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class BoxIou(Criterion):
    """One minus the intersection over union of two boxes."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        boxes: Tensor,
        target: Tensor,
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

class Center(Criterion):
    """Half the squared distance of a feature from the centre of its class."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        features: Tensor,
        target: Tensor,
        centers: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Circle(Criterion):
    """Soft maximum over pairs of a positive and a negative, each weighted by how far it is from its optimum."""
    def __init__(
        self,
        *,
        margin: float = 0.25,
        scale: float = 256.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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
        label_smoothing: float = 0.0,
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

class CompleteBoxIou(Criterion):
    """The distance loss of two boxes, plus a term for the ratio of their sides."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        boxes: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ConceptContrastive(Criterion):
    """Each item against all concepts, and its concept against all items: cross-entropy both ways."""
    def __init__(
        self,
        *,
        temperature: float = 1.0,
        batch_noise: Tensor | None = None,
        concept_noise: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        concepts: Tensor,
        target: Tensor,
        *,
        batch_noise: Tensor | None = None,
        concept_noise: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ConceptSimilarity(Criterion):
    """Minus the mean cosine, over the concepts, of what two models make of a batch."""
    def __init__(self, *, cubed: bool = False, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        concepts: Tensor,
        backbone: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ConceptSpread(Criterion):
    """The surprise of all pairs of an item and a concept: least where every score is the same."""
    def __init__(
        self,
        *,
        temperature: float = 1.0,
        batch_noise: Tensor | None = None,
        concept_noise: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        concepts: Tensor,
        *,
        batch_noise: Tensor | None = None,
        concept_noise: Tensor | None = None,
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
        self,
        *,
        transform: str = "squared_hinge",
        label_smoothing: float = 0.0,
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

class Contrastive(Criterion):
    """How far positives lie below one threshold and negatives above another, the mean of each kind."""
    def __init__(
        self,
        *,
        positive_threshold: float = 1.0,
        negative_threshold: float = 0.5,
        power: float = 1.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ContrastiveDistillation(Criterion):
    """Is a pair of student and teacher features of one item, or of two? One true pair against m false ones."""
    def __init__(
        self,
        *,
        temperature: float = 0.07,
        dataset_size: int = 50000,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        features: Tensor,
        teacher_features: Tensor,
        negatives: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ContrastiveDivergence(Criterion):
    """Energy of the data less that of the model's own samples, whose gradient is that of the likelihood."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        energy: Tensor,
        sampled: Tensor,
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

class CorrelationDistillation(Criterion):
    """How far the student's predictions correlate with the teacher's, within each item and within each class."""
    def __init__(
        self,
        *,
        inter_weight: float = 1.0,
        intra_weight: float = 1.0,
        temperature: float = 1.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class CosFace(Criterion):
    """Cross-entropy of cosines, where the own class must lead by a margin in the cosine."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        margin: float = 0.35,
        scale: float = 64.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Cosent(Criterion):
    """Soft maximum of how much a pair with a lower score is more similar than one with a higher score."""
    def __init__(
        self,
        *,
        temperature: float = 0.05,
        similarity: str = "cosine",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
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

class CosineContrastive(Criterion):
    """A chosen item's distance to cosine 1, and what each of m others exceeds a margin by."""
    def __init__(
        self,
        *,
        margin: float = 0.9,
        negative_weight: float = 150.0,
        negatives: str = "mean",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        positive: Tensor,
        negative: Tensor,
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

class Cpo(Criterion):
    """Contrastive preference optimisation: DPO against a uniform reference, plus the likelihood of what is preferred."""
    def __init__(
        self,
        *,
        beta: float = 0.1,
        nll_weight: float = 1.0,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        chosen_nll: Tensor | None = None,
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

class CrpsHistogram(Criterion):
    """Continuous ranked probability score of a histogram on a fixed grid: squared errors of its distribution function."""
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

class DecoupledDistillation(Criterion):
    """Knowledge distillation in two parts with weights of their own: the target against the rest, and within the rest."""
    def __init__(
        self,
        *,
        temperature: float = 4.0,
        target_weight: float = 1.0,
        rest_weight: float = 8.0,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class DepthSmoothness(Criterion):
    """Steps of a depth map, forgiven where its image has an edge."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        depth: Tensor,
        image: Tensor,
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

class DirectCoverage(Criterion):
    """Minus the log-probability that at least one of N independent draws is the target, for answers of one class."""
    def __init__(self, *, attempts: float = 16.0, reduction: str = "mean", ignore_index: int | None = -100) -> None: ...
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

class DirectCoverageFromLogProbs(Criterion):
    """Minus the log-probability that at least one of N attempts is right, from that of one attempt."""
    def __init__(self, *, attempts: float = 16.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        log_prob: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class DistanceBoxIou(Criterion):
    """One minus the intersection over union, plus the squared distance of the centres."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        boxes: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Dpo(Criterion):
    """Direct preference optimisation: logistic loss of the log-ratio margin."""
    def __init__(
        self,
        *,
        beta: float = 0.1,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        reference_chosen: Tensor,
        reference_rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class DualHeadDistillation(Criterion):
    """Cross-entropy on the main head and the teacher's logits on an auxiliary one, both on the same backbone."""
    def __init__(
        self,
        *,
        label_weight: float = 1.0,
        teacher_weight: float = 1.0,
        temperature: float = 2.0,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        auxiliary_logits: Tensor,
        teacher_logits: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class DynamicSoftMargin(Criterion):
    """A pair's distance less that of its hardest negative, weighed by the share of the gaps that are smaller."""
    def __init__(
        self,
        *,
        bins: int = 10,
        histogram: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        *,
        histogram: Tensor | None = None,
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

class EditInvariant(Criterion):
    """Minus the log-probability of each n-gram of the target, wherever in the output it fits best."""
    def __init__(
        self,
        *,
        ngrams: int | Sequence[int] = (2, 3, 4),
        ngram_weights: float | Sequence[float] = 1.0,
        temperature: float = 1.0,
        log_prob_floor: float = -20.0,
        noise: Tensor | None = None,
        input_lengths: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        noise: Tensor | None = None,
        input_lengths: Tensor | None = None,
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

class EntropyRegularizedCrossEntropy(Criterion):
    """Cross-entropy minus a multiple of the entropy of the prediction."""
    def __init__(
        self,
        *,
        entropy_weight: float = 0.1,
        label_smoothing: float = 0.0,
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

class ExampleTversky(Criterion):
    """One minus the Tversky index of one item with its label."""
    def __init__(
        self,
        *,
        false_positive_weight: float = 0.5,
        false_negative_weight: float = 0.5,
        smooth: float = 1.0,
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

class FaceSymmetry(Criterion):
    """How far the embeddings of a face's halves are apart, for faces that are frontal enough."""
    def __init__(
        self,
        *,
        threshold: float = 0.8,
        distance: str = "cosine",
        frontness: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        left: Tensor,
        right: Tensor,
        *,
        frontness: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class FacilityLocation(Criterion):
    """How close an item is to the nearest member of every other class, summed over the classes."""
    def __init__(
        self, *, form: str = "correlation", reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class FastAp(Criterion):
    """1 - average precision, from soft histograms of an anchor's squared distances."""
    def __init__(
        self,
        *,
        bins: int = 10,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class FeatureHint(Criterion):
    """Half the squared distance of the student's features from the teacher's."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        features: Tensor,
        teacher_features: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class FlowNll(Criterion):
    """Negative log-likelihood of an item that a flow takes to a standard normal code."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        latent: Tensor,
        log_determinant: Tensor,
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

class GeneralizedBoxIou(Criterion):
    """One minus the intersection over union, plus the empty share of the box that holds both."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        boxes: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class GeneralizedCrossEntropy(Criterion):
    """A Box-Cox transform of the target's probability, between cross-entropy and the mean absolute error."""
    def __init__(
        self, *, q: float = 0.7, label_smoothing: float = 0.0, reduction: str = "mean", ignore_index: int | None = -100
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

class GradientMatching(Criterion):
    """Steps of the difference of two maps, at several scales: their edges must lie in the same places."""
    def __init__(self, *, scales: int = 1, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class GradientPenalty(Criterion):
    """Squared distance of the length of a critic's gradient at an item from what it should be."""
    def __init__(self, *, norm: float = 1.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        gradients: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class GraphCut(Criterion):
    """An anchor's similarities to other classes less those to its own, summed."""
    def __init__(
        self,
        *,
        form: str = "information",
        trade_off: float = 1.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class GraphCutRatio(Criterion):
    """An anchor's similarities to other classes over the number of its positives, or over its similarities to them."""
    def __init__(
        self,
        *,
        form: str = "correlation",
        least: float = 0.001,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Grpo(Criterion):
    """The clipped policy loss of each drawn token, with a penalty for leaving a reference model."""
    def __init__(
        self,
        *,
        clip_low: float = 0.2,
        clip_high: float = 0.2,
        kl_weight: float = 0.04,
        old_log_prob: Tensor | None = None,
        reference_log_prob: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        advantage: Tensor,
        *,
        old_log_prob: Tensor | None = None,
        reference_log_prob: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class GuidedInfoNce(Criterion):
    """Cross-entropy of finding an anchor's counterpart among the items that a guide does not find closer to it."""
    def __init__(
        self,
        *,
        temperature: float = 0.01,
        slack: float = 0.0,
        negative: Tensor | None = None,
        guide_negative: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        guide_first: Tensor,
        guide_second: Tensor,
        *,
        negative: Tensor | None = None,
        guide_negative: Tensor | None = None,
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
        clamp: bool = True,
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

class HyperbolicCrossEntropy(Criterion):
    """Cross-entropy of logistic regression in the Poincaré ball."""
    def __init__(
        self, *, curvature: float = 0.1, eps: float = 1e-05, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        points: Tensor,
        target: Tensor,
        normals: Tensor,
        offsets: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class InfoNce(Criterion):
    """Cross-entropy of finding an anchor's counterpart among all counterparts."""
    def __init__(
        self,
        *,
        symmetric: bool = False,
        temperature: float = 0.07,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        negative: Tensor | None = None,
        label: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        *,
        negative: Tensor | None = None,
        label: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class IntraPairVariance(Criterion):
    """Squares of how far positive pairs lie below their mean cosine, and negative pairs above theirs."""
    def __init__(
        self,
        *,
        positive_slack: float = 0.01,
        negative_slack: float = 0.01,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class InverseSoftQ(Criterion):
    """Imitation from single transitions: the same divergence as `sequence_match`, without sums over sequences."""
    def __init__(
        self,
        *,
        discount: float = 0.99,
        divergence: str = "chi2-mixture",
        penalty_weight: float = 0.5,
        value_term: str = "all",
        data_share: float = 0.5,
        done: Tensor | None = None,
        is_data: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        next_logits: Tensor,
        *,
        done: Tensor | None = None,
        is_data: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Ipo(Criterion):
    """Identity preference optimisation: squared distance of the log-ratio margin from a fixed target."""
    def __init__(self, *, beta: float = 0.1, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        reference_chosen: Tensor,
        reference_rejected: Tensor,
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
        max_exponent: float | None = None,
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

class Jaccard(Criterion):
    """One minus the soft intersection over union of each class's pixels: one value for each image."""
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

class JensenShannonDistillation(Criterion):
    """Generalised Jensen-Shannon divergence: how far teacher and student are from a mixture of both."""
    def __init__(
        self,
        *,
        teacher_share: float = 0.5,
        temperature: float = 1.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
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

class KnowledgeDistillation(Criterion):
    """Kullback-Leibler divergence of the student's softened prediction from the teacher's."""
    def __init__(
        self, *, temperature: float = 4.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Kto(Criterion):
    """Kahneman-Tversky optimisation: what a gain or a loss over a reference point is worth."""
    def __init__(
        self,
        *,
        beta: float = 0.1,
        desirable_weight: float = 1.0,
        undesirable_weight: float = 1.0,
        reference_point: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        policy: Tensor,
        reference: Tensor,
        desirable: Tensor,
        *,
        reference_point: Tensor | None = None,
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

class LambdaRank(Criterion):
    """RankNet's pairs, each weighed by what swapping its two items would change in NDCG."""
    def __init__(
        self,
        *,
        scale: float = 1.0,
        gain: str = "exponential",
        k: int | None = None,
        weighting: str = "lambda_rank",
        mix: float = 10.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class LatentConsistency(Criterion):
    """Mean squared distance of several early states from the one state that they foresee."""
    def __init__(self, *, features: str = "mean", reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        hidden: Tensor,
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
        label_smoothing: float = 0.0,
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

class LearnedBoundaryMargin(Criterion):
    """The boundary margin with a boundary for each class as parameters."""
    def __init__(
        self,
        *,
        classes: int,
        margin: float = 0.2,
        boundary: float = 1.2,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
        select: str | Callable[..., Any] | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class LearnedInfoNce(Criterion):
    """InfoNCE of two views whose temperature is a parameter."""
    def __init__(
        self,
        *,
        temperature: float = 0.07,
        largest_scale: float = 100.0,
        symmetric: bool = True,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        *,
        negative: Tensor | None = None,
        label: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class LearnedSiglip(Criterion):
    """The sigmoid loss of two views with its scale and bias as parameters."""
    def __init__(
        self,
        *,
        scale: float = 10.0,
        bias: float = -10.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        *,
        negative: Tensor | None = None,
        label: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class LeftRightConsistency(Criterion):
    """How the disparity of the left view differs from that of the right one, at the place where it points."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        left: Tensor,
        right: Tensor,
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
        per_coordinate: bool = False,
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

class LiftedPairs(Criterion):
    """Squared soft maximum of a positive pair's distance and of how close the negatives of both its items come."""
    def __init__(
        self,
        *,
        margin: float = 1.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class LiftedStructure(Criterion):
    """Soft maximum of an anchor's distances to positives, and of how much negatives lack to a margin, above 0."""
    def __init__(
        self,
        *,
        margin: float = 1.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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

class ListMle(Criterion):
    """How unlikely the order by relevance is, as choices from what is left (Plackett and Luce)."""
    def __init__(
        self,
        *,
        k: int | None = None,
        weights: str = "uniform",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ListNet(Criterion):
    """Cross-entropy between the choices that the relevance and that the scores would make from a list."""
    def __init__(
        self,
        *,
        temperature: float = 1.0,
        shares: str = "softmax",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ListRmse(Criterion):
    """Root of the mean squared difference of the scores of a list and its relevance."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        *,
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

class LogDeterminant(Criterion):
    """The volume that the classes span, each for itself, over that of the whole batch."""
    def __init__(
        self,
        *,
        form: str = "correlation",
        ridge: float = 0.5,
        similarity: str = "cosine",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
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
        label_smoothing: float = 0.0,
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

class LovaszHinge(Criterion):
    """The Lovász extension of the Jaccard distance, on the hinge errors of one foreground class."""
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

class LovaszSoftmax(Criterion):
    """The Lovász extension of each class's Jaccard distance, on the errors of the probabilities."""
    def __init__(
        self, *, classes: str = "present", reduction: str = "mean", ignore_index: int | None = -100
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

class MagFace(Criterion):
    """ArcFace whose margin grows with the length of the embedding, which so becomes a measure of quality."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        scale: float = 64.0,
        lengths: tuple[float, float] = (10.0, 110.0),
        margins: tuple[float, float] = (0.45, 0.8),
        regularizer: float = 35.0,
        beyond: str = "easy",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ManifoldProxies(Criterion):
    """Soft count of the proxies that a random walk finds closer to an item than its own, by share and by context."""
    def __init__(
        self,
        *,
        proxies: int = 50,
        dimension: int,
        restart: float = 0.2,
        margin: float = 0.0005,
        context: float = 1.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MannWhitney(Criterion):
    """Logistic loss of each query's positive above all negatives of the batch, those of other queries among them."""
    def __init__(
        self,
        *,
        temperature: float = 0.01,
        negatives: str = "mean",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        positive: Tensor,
        negative: Tensor,
        *,
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

class MaskedLanguageDistillation(Criterion):
    """Teacher's predictions, masked tokens and the direction of the teacher's hidden states, in one sum."""
    def __init__(
        self,
        *,
        teacher_weight: float = 5.0,
        label_weight: float = 2.0,
        cosine_weight: float = 1.0,
        square_weight: float = 0.0,
        next_weight: float = 0.0,
        temperature: float = 2.0,
        labelled_only: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        labels: Tensor,
        hidden: Tensor,
        teacher_hidden: Tensor,
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

class MedianAlignedDepth(Criterion):
    """Half the mean absolute error of depths that are shifted by their median and scaled by their mean distance to it."""
    def __init__(self, *, kept: float = 0.8, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class MinimumPhotometric(Criterion):
    """The photometric error of every pixel in the view that shows it best."""
    def __init__(
        self, *, structure_share: float = 0.85, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        views: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MinimumRisk(Criterion):
    """Mean cost of an item's candidates under the model's own probabilities, made to sum to one over them."""
    def __init__(
        self, *, sharpness: float = 0.005, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        log_prob: Tensor,
        cost: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MixedContrastive(Criterion):
    """Contrastive loss, plus that of mixtures which belong to an anchor by their share of what belongs to it."""
    def __init__(
        self,
        *,
        share: float = 0.5,
        pairing: str = "positive",
        mix_weight: float = 0.4,
        margin: float = 0.5,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MixedMultiSimilarity(Criterion):
    """Multi-similarity loss, plus that of mixtures which belong to an anchor by their share of what belongs to it."""
    def __init__(
        self,
        *,
        share: float = 0.5,
        pairing: str = "positive",
        mix_weight: float = 0.4,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MixtureNll(Criterion):
    """Negative log-likelihood of a number under a mixture of normal distributions."""
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

class MultiAspectDistillation(Criterion):
    """Cross-entropy of the label, and binary cross-entropy of every question's probability of "yes"."""
    def __init__(
        self,
        *,
        aspect_weight: float = 4.0,
        label_weight: float = 1.0,
        aspect_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        aspect_logits: Tensor,
        target: Tensor,
        aspect_target: Tensor,
        *,
        aspect_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MultiHeadBarlowTwins(Criterion):
    """Barlow Twins in several heads, each pair of features at its own temperature."""
    def __init__(
        self,
        *,
        redundancy: float = 0.005,
        beta: float = 0.1,
        dimension: int = 128,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        view_1: Tensor,
        view_2: Tensor,
        temperature: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class MultiHeadContrastive(Criterion):
    """Contrast of an anchor's positive with its negatives in every head, each pair at its own temperature."""
    def __init__(
        self,
        *,
        beta: float = 0.1,
        dimension: int = 128,
        hard: bool = False,
        negative_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        positive: Tensor,
        negative: Tensor,
        positive_temperature: Tensor,
        negative_temperature: Tensor,
        *,
        negative_mask: Tensor | None = None,
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

class MultiSimilarity(Criterion):
    """Soft maximum of an anchor's far positives and close negatives, among those pairs that mining keeps."""
    def __init__(
        self,
        *,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        epsilon: float = 0.1,
        mining: bool = True,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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

class Nca(Criterion):
    """How unlikely it is that a neighbour, drawn by a softmax of the similarities, is of the anchor's class."""
    def __init__(
        self,
        *,
        scale: float = 1.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "squared_euclidean",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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

class NegativesBeforePositives(Criterion):
    """How many negatives are above each positive, counted by sigmoids; the order of the positives is left alone."""
    def __init__(
        self,
        *,
        kind: str = "plain",
        temperature: float = 0.01,
        power: float = 1.0,
        slope: float = 2.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class NeighborhoodQuality(Criterion):
    """Minus the logarithm of the quality of a batch's neighbourhoods (ICNN)."""
    def __init__(
        self, *, k: int = 4, neighbors: int | None = None, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class NeuralNdcg(Criterion):
    """1 - NDCG with a soft sorting: the gains, ordered by a matrix that is nearly a permutation."""
    def __init__(
        self,
        *,
        temperature: float = 1.0,
        gain: str = "exponential",
        k: int | None = None,
        sinkhorn_iterations: int = 10,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        scores: Tensor,
        target: Tensor,
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

class NormFace(Criterion):
    """Cross-entropy of the cosines between an embedding and a vector of each class."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        scale: float = 20.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class NormalizedCrossEntropy(Criterion):
    """Cross-entropy over its sum for all possible labels."""
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

class NtXent(Criterion):
    """Cross-entropy of finding each positive among the anchor's negatives, the mean over its positives."""
    def __init__(
        self,
        *,
        temperature: float = 0.07,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class NumberToken(Criterion):
    """Distance between the value of the number token that should come and those that the model expects."""
    def __init__(
        self,
        *,
        table: Mapping[int, float] | None = None,
        kind: str = "wasserstein",
        reweigh: bool = False,
        squash_factor: float | None = None,
        label_smoothing: float = 0.0,
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

class OneHotSquare(Criterion):
    """Squared distance between the scores and the target as a distribution."""
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

class OneVersusAll(Criterion):
    """Binary cross-entropy of each class against all others, summed over classes."""
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

class OneVersusAllHinge(Criterion):
    """The loss of one support vector machine for each class, summed over classes."""
    def __init__(
        self,
        *,
        power: int = 2,
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

class OneVersusRestDice(Criterion):
    """Dice of an item with its label, for every class against the rest, summed over the classes."""
    def __init__(
        self,
        *,
        alpha: float = 0.01,
        smooth: float = 1.0,
        label_smoothing: float = 0.0,
        hard_negatives: float | None = None,
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

class OnlineContrastive(Criterion):
    """The contrastive loss of labelled pairs over the hard ones of a batch alone."""
    def __init__(
        self, *, margin: float = 0.5, distance: str = "cosine", reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
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

class Orpo(Criterion):
    """Odds-ratio preference optimisation: likelihood of the preferred response, and its odds over the rejected one's."""
    def __init__(
        self, *, ratio_weight: float = 0.1, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class PairwiseConfusion(Criterion):
    """Half the hyperbolic distance of two items of one class: what tells them apart is not to be learnt."""
    def __init__(
        self,
        *,
        curvature: float = 0.1,
        inverse: str = "artanh",
        eps: float = 1e-05,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class PartialRankingDistillation(Criterion):
    """How unlikely the student finds the teacher's order of the negatives that the teacher thinks related."""
    def __init__(
        self,
        *,
        valid_threshold: float = 0.5,
        temperature: float = 0.07,
        ties: str = "stable",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        scores: Tensor,
        teacher_scores: Tensor,
        valid: Tensor | None = None,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Photometric(Criterion):
    """How a rebuilt view differs from the real one: structural similarity in windows of 3 pixels, and absolute error."""
    def __init__(
        self, *, structure_share: float = 0.85, reduction: str = "mean", ignore_index: int | None = None
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

class PlackettLuceDistillation(Criterion):
    """How unlikely the student finds the teacher's ranking of the classes, led by the label."""
    def __init__(
        self,
        *,
        weights: str = "teacher",
        temperature: float = 1.0,
        step_weights: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        target: Tensor,
        *,
        step_weights: Tensor | None = None,
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
    def __init__(
        self, *, terms: int = 2, label_smoothing: float = 0.0, reduction: str = "mean", ignore_index: int | None = -100
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
        label_smoothing: float = 0.0,
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

class PreferenceDegree(Criterion):
    """How badly a classifier tells the versions of a response apart, from intact (degree 0) to most damaged."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        degree_logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ProbabilityToSimilarity(Criterion):
    """Half the squared distance of an embedding's cosines from the indicator of its class."""
    def __init__(
        self, *, classes: int, dimension: int, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ProtoTriplet(Criterion):
    """How much the nearest foreign prototype lacks to a margin farther away than the own one."""
    def __init__(self, *, margin: float = 0.5, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        query: Tensor,
        label: Tensor,
        prototypes: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ProxyAnchor(Criterion):
    """Soft maximum, for each proxy, over how far its items lag and how close the others come."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        margin: float = 0.1,
        scale: float = 32.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ProxyNca(Criterion):
    """Softmax over minus the squared distances of an embedding and the proxies, all of length 1."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        scale: float = 1.0,
        own_in_sum: bool = True,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
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

class RankNet(Criterion):
    """Logistic loss of the score differences of a list, over all pairs of different relevance."""
    def __init__(self, *, scale: float = 1.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class RankedList(Criterion):
    """How far positives lie outside a ball and negatives inside a larger one, weighted by how far on the wrong side."""
    def __init__(
        self,
        *,
        margin: float = 0.4,
        boundary: float = 1.2,
        balance: float = 0.5,
        positive_temperature: float = 0.0,
        negative_temperature: float = 10.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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

class Reinforce(Criterion):
    """Minus the log-probability of each drawn token, times its advantage of either sign."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = -100) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        advantage: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class RelationalAngle(Criterion):
    """How far the angles that an item sees between pairs of others differ from the teacher's."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        features: Tensor,
        teacher_features: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class RelationalDistance(Criterion):
    """How far an item's distances to the others, relative to the mean distance, differ from the teacher's."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        features: Tensor,
        teacher_features: Tensor,
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

class ReverseKlDistillation(Criterion):
    """Kullback-Leibler divergence of the teacher's prediction from the student's, which seeks the teacher's modes."""
    def __init__(
        self, *, temperature: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
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

class RobustDpo(Criterion):
    """DPO whose mean over randomly flipped preferences is DPO's mean over the true ones."""
    def __init__(
        self, *, beta: float = 0.1, flip_rate: float = 0.1, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        reference_chosen: Tensor,
        reference_rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SampledCrossEntropy(Criterion):
    """Binary cross-entropy of a chosen item and of m others, item by item."""
    def __init__(
        self, *, negative_weight: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SampledHinge(Criterion):
    """What a chosen item's score lacks to a margin above each of m others."""
    def __init__(self, *, margin: float = 1.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SampledSoftmax(Criterion):
    """Cross-entropy of finding a chosen item among m others."""
    def __init__(
        self, *, temperature: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SampledSquare(Criterion):
    """Squared distance of a chosen item's score to 1, and of m others' to 0."""
    def __init__(
        self, *, negative_weight: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class ScaleInvariantDepth(Criterion):
    """Mean squared error of an image's log-depths, less a share of the square of their mean error."""
    def __init__(
        self, *, variance_share: float = 0.5, reduction: str = "mean", ignore_index: int | None = None
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

class ScaleShiftInvariantDepth(Criterion):
    """Half the mean squared error that is left after the best scale and shift of an image's prediction."""
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

class SelfAdjustingDice(Criterion):
    """Dice of the target's class alone, fading where its probability is near 1 already."""
    def __init__(
        self,
        *,
        alpha: float = 0.01,
        smooth: float = 1.0,
        label_smoothing: float = 0.0,
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

class SequenceMatch(Criterion):
    """Divergence between the discounted visits of data and model, on sequences that either of them has written."""
    def __init__(
        self,
        *,
        discount: float = 0.998,
        divergence: str = "chi2-mixture",
        mixture_weight: float = 0.5,
        data_share: float = 0.5,
        is_data: Tensor | None = None,
        finished: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        is_data: Tensor | None = None,
        finished: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SequenceNll(Criterion):
    """Minus the log-probability of a whole sequence, with smoothed labels and a power of its length if wanted."""
    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        length_power: float = 0.0,
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

class SetDice(Criterion):
    """One minus the soft F1 score of a batch: Dice over all of its items as one set."""
    def __init__(
        self,
        *,
        alpha: float = 0.0,
        smooth: float = 1.0,
        square: bool = False,
        hard_negatives: float | None = None,
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

class SiameseContrastive(Criterion):
    """Squared distance of a pair that belongs together, or squared lack of a margin of one that does not."""
    def __init__(
        self, *, margin: float = 0.5, distance: str = "cosine", reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
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

class Siglip(Criterion):
    """Logistic loss of every pair: whether it belongs together."""
    def __init__(
        self,
        *,
        symmetric: bool = False,
        scale: float = 10.0,
        bias: float = -10.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        negative: Tensor | None = None,
        label: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        first: Tensor,
        second: Tensor,
        *,
        negative: Tensor | None = None,
        label: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SimilarityHistogram(Criterion):
    """How likely a random negative pair is more similar than a random positive one, from soft histograms."""
    def __init__(self, *, bins: int = 100, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Simpo(Criterion):
    """Simple preference optimisation: logistic loss of the difference of average log-probabilities, with a margin."""
    def __init__(
        self,
        *,
        beta: float = 2.0,
        margin: float = 1.0,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Simsiam(Criterion):
    """Minus the cosine of each view's prediction and the other view's projection."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        prediction_1: Tensor,
        prediction_2: Tensor,
        projection_1: Tensor,
        projection_2: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SkewedKlDistillation(Criterion):
    """Kullback-Leibler divergence from a little of both predictions, so that no ratio of probabilities is infinite."""
    def __init__(
        self,
        *,
        skew: float = 0.1,
        reverse: bool = False,
        temperature: float = 1.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SlicHinge(Criterion):
    """Sequence likelihood calibration: hinge loss of the log-ratio margin."""
    def __init__(
        self, *, beta: float = 0.1, margin: float = 1.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        reference_chosen: Tensor,
        reference_rejected: Tensor,
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

class SmoothAp(Criterion):
    """1 - average precision with soft ranks: how many items are above a positive is counted by sigmoids."""
    def __init__(
        self,
        *,
        temperature: float = 0.01,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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

class SoftFacilityLocation(Criterion):
    """Soft maximum of an anchor's similarities to the items of other classes."""
    def __init__(
        self,
        *,
        temperature: float = 1.0,
        masked: str = "zero",
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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

class SoftTriple(Criterion):
    """Cross-entropy of an embedding's similarity to classes that have several centers each."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        centers: int = 10,
        margin: float = 0.01,
        scale: float = 20.0,
        temperature: float = 0.1,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SoftmaxMae(Criterion):
    """Absolute error between the softmax and the target, summed over classes."""
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

class SparseDistillation(Criterion):
    """Kullback-Leibler divergence from a teacher of whom the k most probable classes are known."""
    def __init__(
        self,
        *,
        rest: str = "bucket",
        temperature: float = 1.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_indices: Tensor,
        teacher_log_probs: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Sparsemax(Criterion):
    """The loss of sparsemax, whose probabilities are the point of the simplex nearest to the logits."""
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

class SphereFace(Criterion):
    """Cross-entropy of |x| cos(theta), where the own class's angle counts several times."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        margin: int = 4,
        scale: float = 1.0,
        easing: float = 0.0,
        unit_vectors: bool = True,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SphericalSoftmax(Criterion):
    """Cross-entropy of probabilities that grow with the squared score."""
    def __init__(
        self,
        *,
        epsilon: float = 0.01,
        label_smoothing: float = 0.0,
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

class Spo(Criterion):
    """Self-supervised preference optimisation: a preference loss plus degrees of damage (a reconstruction)."""
    def __init__(
        self,
        *,
        beta: float = 0.1,
        degree_weight: float = 0.5,
        align: str = "dpo",
        degree_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        reference_chosen: Tensor,
        reference_rejected: Tensor,
        degree_chosen: Tensor,
        degree_rejected: Tensor,
        *,
        degree_mask: Tensor | None = None,
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
        self,
        *,
        square_weight: float = 1.0,
        label_smoothing: float = 0.0,
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

class StandardNormalKl(Criterion):
    """Divergence of an item's normal distribution from the standard one: what a variational encoder pays."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        mean: Tensor,
        log_variance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class StandardizedDistillation(Criterion):
    """Knowledge distillation of standardised logits: the student learns the teacher's order and gaps, not their scale."""
    def __init__(
        self, *, temperature: float = 2.0, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        teacher_logits: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class StepwiseDirectCoverage(Criterion):
    """The coverage loss of every step of a proof, summed: for a search that tries several ways at each step."""
    def __init__(self, *, attempts: float = 8.0, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        log_prob: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class StructuralSimilarity(Criterion):
    """One minus the structural similarity of two images."""
    def __init__(self, *, sigma: float = 1.5, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
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

class SubmodularNeighbors(Criterion):
    """Soft maxima of an anchor's squared distances to its positives and of its similarities to its negatives."""
    def __init__(
        self,
        *,
        temperature: float = 0.07,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SubmodularSupCon(Criterion):
    """Soft maximum over an anchor's negatives less its similarities to its positives, over the number of items."""
    def __init__(
        self,
        *,
        temperature: float = 0.07,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SubmodularTriplet(Criterion):
    """An anchor's squared similarities to its negatives less those to its positives."""
    def __init__(
        self,
        *,
        temperature: float = 1.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class SupCon(Criterion):
    """Cross-entropy of finding an anchor's positives among all other items."""
    def __init__(
        self,
        *,
        temperature: float = 0.1,
        form: str = "out",
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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
        label_smoothing: float = 0.0,
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

class ThresholdConsistentMargin(Criterion):
    """Means of how far a batch's hard pairs, and only these, are on the wrong side of a threshold of their kind."""
    def __init__(
        self,
        *,
        positive_threshold: float = 0.9,
        negative_threshold: float = 0.5,
        positive_share: float = 1.0,
        negative_share: float = 1.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class TriBce(Criterion):
    """Binary cross-entropy of a prediction, and of its branches by how much worse than it each of them is."""
    def __init__(
        self,
        *,
        detach_weights: bool = True,
        positive_weight: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        branch_logits: Tensor,
        target: Tensor,
        *,
        positive_weight: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Triplet(Criterion):
    """How much an anchor's negatives lack to a margin farther away than its positives."""
    def __init__(
        self,
        *,
        kind: str = "all",
        margin: float = 0.2,
        smooth: bool = False,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
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

class TupletMargin(Criterion):
    """Soft maximum of all negatives over each positive, whose angle is made smaller by a slack first."""
    def __init__(
        self,
        *,
        margin: float = 0.1,
        scale: float = 64.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        select: str | Callable[..., Any] | None = None,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        reference: Tensor | None = None,
        reference_label: Tensor | None = None,
        pair_mask: Tensor | None = None,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Tversky(Criterion):
    """One minus the Tversky index of each class's pixels, averaged over classes: one value for each image."""
    def __init__(
        self,
        *,
        false_alarms: float = 0.3,
        misses: float = 0.7,
        focus: float = 1.0,
        smooth: float = 1.0,
        classes: str = "all",
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

class Unlikelihood(Criterion):
    """Cross-entropy of the right token, plus minus the log-probability that each unwanted token does not come."""
    def __init__(
        self,
        *,
        strength: float = 1.0,
        likelihood: float = 1.0,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None: ...
    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        negatives: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Unpg(Criterion):
    """An angular softmax whose denominator also holds the cosines of the batch's negative pairs."""
    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        head: str = "arc_face",
        margin: float = 0.5,
        scale: float = 64.0,
        whisker: float = 1.5,
        filtered: bool = True,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        embedding: Tensor,
        label: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Vicreg(Criterion):
    """Distance of two views, plus what each feature lacks of a standard deviation of 1, plus squared covariances."""
    def __init__(
        self,
        *,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        eps: float = 0.0001,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None: ...
    def forward(
        self,
        view_1: Tensor,
        view_2: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class WassersteinCritic(Criterion):
    """What a critic minimises: scores of generated items less those of real ones."""
    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None: ...
    def forward(
        self,
        scores: Tensor,
        generated: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor: ...
    __call__ = forward

class Wing(Criterion):
    """Absolute error less a constant, and a steeper logarithm where the error is below width."""
    def __init__(
        self, *, width: float = 10.0, curvature: float = 2.0, reduction: str = "mean", ignore_index: int | None = None
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

class XeNdcg(Criterion):
    """Cross-entropy whose target shares bound NDCG: the gains, each less a number at random."""
    def __init__(
        self, *, gamma: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None
    ) -> None: ...
    def forward(
        self,
        scores: Tensor,
        target: Tensor,
        *,
        gamma: Tensor | None = None,
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
        label_smoothing: float = 0.0,
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

class ZRegularizedCrossEntropy(Criterion):
    """Cross-entropy plus a small multiple of the squared log-normaliser of the softmax."""
    def __init__(
        self,
        *,
        coefficient: float = 0.0001,
        label_smoothing: float = 0.0,
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
