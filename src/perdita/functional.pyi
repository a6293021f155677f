# Written by `make stubs` from the catalogue; not to be edited.
# mypy: disable-error-code="override"
# (a loss names its own tensors, where Criterion takes any)
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

def active_passive(
    logits: Tensor,
    target: Tensor,
    *,
    active_weight: float = 1.0,
    passive_weight: float = 1.0,
    log_zero: float = -4.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Normalised cross-entropy, which raises the label's probability, plus reverse cross-entropy, which lowers others."""

def alpha_beta_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    alpha: float = 0.2,
    beta: float = 0.7,
    temperature: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A family of divergences between forward and reverse: how much confident and wrong classes weigh is chosen apart."""

def angular(
    embedding: Tensor,
    label: Tensor,
    *,
    angle: float = 40.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How much the triangle of a positive pair and a negative opens at the negative, beyond an angle."""

def any_loss(
    logits: Tensor,
    target: Tensor,
    *,
    metric: str = "f_score",
    beta: float = 1.0,
    steepness: float = 73.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus a metric of the batch's soft confusion matrix."""

def approx_ndcg(
    scores: Tensor,
    target: Tensor,
    *,
    temperature: float = 1.0,
    gain: str = "exponential",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """1 - NDCG with soft ranks: an item's rank counts how many others are above it, by a sigmoid."""

def asymmetric_focal(
    logits: Tensor,
    target: Tensor,
    *,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    shift: float = 0.05,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary focal loss with a focus of its own for each class, in which easy negatives count as nothing."""

def attention_transfer(
    features: Tensor,
    teacher_features: Tensor,
    *,
    power: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance between the maps of where student and teacher are active, each of length one."""

def bag_binary_cross_entropy(
    logits: Tensor,
    bag_target: Tensor,
    *,
    instance_weight: float = 0.0,
    members: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of a bag's mean probability, or of each member's, against the bag's share of positives."""

def bag_cross_entropy(
    logits: Tensor,
    bag_target: Tensor,
    *,
    instance_weight: float = 0.0,
    members: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of a bag's mean class probabilities, or of each member's, against the bag's label proportions."""

def bag_squared_error(
    predictions: Tensor,
    bag_target: Tensor,
    *,
    instance_weight: float = 0.0,
    members: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error of a bag's mean prediction, plus a share of the variance of the predictions within the bag."""

def balanced_correctness_aware(
    logits: Tensor,
    target: Tensor,
    *,
    temperature: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """`correctness_aware` with right and wrong predictions of a batch weighing equally."""

def balanced_l1(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    gamma: float = 1.5,
    beta: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error beyond beta, and below it a curve that pulls small errors harder than a parabola does."""

def barlow_twins(
    view_1: Tensor,
    view_2: Tensor,
    *,
    redundancy: float = 0.005,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far the correlations of two views' features, over the batch, are from the identity."""

def barron(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.0,
    scale: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One family from the squared error to losses that ignore outliers."""

def bayesian_personalized_ranking(
    positive: Tensor,
    negative: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Logistic loss of a chosen item's score above each of m others (BPR)."""

def bco(
    policy: Tensor,
    reference: Tensor,
    desirable: Tensor,
    *,
    reward_shift: Tensor | None = None,
    beta: float = 0.1,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary classifier optimisation: a classifier of responses whose logit is the shifted implicit reward."""

def berhu(
    prediction: Tensor,
    target: Tensor,
    *,
    share: float = 0.2,
    threshold: float | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error up to a share of the batch's largest one, and a square beyond: the Huber loss turned around."""

def beta_nll(
    mean: Tensor,
    target: Tensor,
    variance: Tensor,
    *,
    beta: float = 0.5,
    eps: float = 1e-06,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of normal distributions, weighted by a power of their own variance."""

def bi_tempered(
    logits: Tensor,
    target: Tensor,
    *,
    boundedness: float = 0.8,
    tail: float = 1.4,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A bounded logistic loss of a heavy-tailed softmax."""

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

def binary_hinge(
    logits: Tensor,
    target: Tensor,
    *,
    power: int = 2,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The loss of a support vector machine: what each score falls short of a margin of 1 on its label's side."""

def binary_jaccard(
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
    """One minus the soft intersection over union of one foreground class: one value for each image."""

def binary_kl(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Kullback-Leibler divergence of the student's from the teacher's sigmoid of every class, added up."""

def binary_kl_norm(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far the sigmoid of each class's logit difference is from one half, added up."""

def binary_self_adjusting_dice(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.01,
    smooth: float = 1.0,
    square: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Dice of one item with its label, where an item that is decided already counts for less."""

def binary_squentropy(
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
    """Binary cross-entropy plus the square of half the logit: squentropy of two classes that share one logit."""

def binary_tversky(
    logits: Tensor,
    target: Tensor,
    *,
    false_alarms: float = 0.3,
    misses: float = 0.7,
    focus: float = 1.0,
    smooth: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the Tversky index of one foreground class: one value for each image."""

def binomial_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    classes: int,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of a binomial distribution over the ordered classes, which one logit describes."""

def black_box_brier(
    log_probs: Tensor,
    model_samples: Tensor,
    target_samples: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A surrogate whose gradient trains a generator of outcomes on the squared distance to the data's distribution."""

def boundary_margin(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    margin: float = 0.2,
    boundary: float = 1.2,
    over: str = "pairs",
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far a pair's distance is on the wrong side of a boundary, or within a margin of it."""

def box_iou(
    boxes: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the intersection over union of two boxes."""

def brier(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance between the softmax and the target, summed over classes."""

def categorical_projection(
    logits: Tensor,
    target_probs: Tensor,
    target_atoms: Tensor,
    *,
    low: float = -10.0,
    high: float = 10.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy against a distribution of returns, projected to the grid of the prediction."""

def center(
    features: Tensor,
    target: Tensor,
    centers: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Half the squared distance of a feature from the centre of its class."""

def circle(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    margin: float = 0.25,
    scale: float = 256.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Soft maximum over pairs of a positive and a negative, each weighted by how far it is from its optimum."""

def cisir(
    prediction: Tensor,
    target: Tensor,
    *,
    importance: Tensor | None = None,
    correlation_importance: Tensor | None = None,
    correlation_weight: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error in which rare targets count more, plus one minus the correlation."""

def class_balanced_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    class_counts: Tensor | None = None,
    beta: float = 0.999,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy weighted by the inverse of the effective number of each class's items."""

def comp_sum(
    logits: Tensor,
    target: Tensor,
    *,
    tau: float = 1.0,
    class_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A concave transform of the sum of exponentiated score differences; one number spans the family."""

def complete_box_iou(
    boxes: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The distance loss of two boxes, plus a term for the ratio of their sides."""

def concept_contrastive(
    concepts: Tensor,
    target: Tensor,
    *,
    temperature: float = 1.0,
    batch_noise: Tensor | None = None,
    concept_noise: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Each item against all concepts, and its concept against all items: cross-entropy both ways."""

def concept_similarity(
    concepts: Tensor,
    backbone: Tensor,
    *,
    cubed: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Minus the mean cosine, over the concepts, of what two models make of a batch."""

def concept_spread(
    concepts: Tensor,
    *,
    temperature: float = 1.0,
    batch_noise: Tensor | None = None,
    concept_noise: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The surprise of all pairs of an item and a concept: least where every score is the same."""

def conditional_cs_divergence(
    prediction: Tensor,
    target: Tensor,
    features: Tensor,
    *,
    sigma_features: float = 1.0,
    sigma: float = 1.0,
    denominator: str = "kde",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cauchy-Schwarz divergence between what targets and predictions look like given the features."""

def constrained_margin(
    logits: Tensor,
    target: Tensor,
    *,
    transform: str = "squared_hinge",
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The summed penalties of the wrong classes' scores, under the constraint that the scores of an item sum to zero."""

def contrastive(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    positive_threshold: float = 1.0,
    negative_threshold: float = 0.5,
    power: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far positives lie below one threshold and negatives above another, the mean of each kind."""

def contrastive_distillation(
    features: Tensor,
    teacher_features: Tensor,
    negatives: Tensor,
    *,
    temperature: float = 0.07,
    dataset_size: int = 50000,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Is a pair of student and teacher features of one item, or of two? One true pair against m false ones."""

def contrastive_divergence(
    energy: Tensor,
    sampled: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Energy of the data less that of the model's own samples, whose gradient is that of the likelihood."""

def corn(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of the thresholds that an item reaches: whether it passes each, given that it came so far."""

def correctness_aware(
    logits: Tensor,
    target: Tensor,
    *,
    temperature: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance of the confidence from 1 where the prediction is right and from 0 where it is wrong."""

def correlation(
    prediction: Tensor,
    target: Tensor,
    *,
    importance: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus Pearson's correlation of the batch, in which rare targets may count more."""

def correlation_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    inter_weight: float = 1.0,
    intra_weight: float = 1.0,
    temperature: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far the student's predictions correlate with the teacher's, within each item and within each class."""

def cosent(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    *,
    temperature: float = 0.05,
    similarity: str = "cosine",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Soft maximum of how much a pair with a lower score is more similar than one with a higher score."""

def cosine_contrastive(
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 0.9,
    negative_weight: float = 150.0,
    negatives: str = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A chosen item's distance to cosine 1, and what each of m others exceeds a margin by."""

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

def cpo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    chosen_nll: Tensor | None = None,
    *,
    beta: float = 0.1,
    nll_weight: float = 1.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Contrastive preference optimisation: DPO against a uniform reference, plus the likelihood of what is preferred."""

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

def crps_ensemble(
    members: Tensor,
    target: Tensor,
    *,
    fair: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Continuous ranked probability score of a sample of forecasts."""

def crps_gaussian(
    mean: Tensor,
    target: Tensor,
    scale: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Continuous ranked probability score of a normal distribution."""

def crps_histogram(
    logits: Tensor,
    target: Tensor,
    *,
    low: float = -10.0,
    high: float = 10.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Continuous ranked probability score of a histogram on a fixed grid: squared errors of its distribution function."""

def crps_mixture(
    means: Tensor,
    target: Tensor,
    scales: Tensor,
    logits: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Continuous ranked probability score of a mixture of normal distributions."""

def cs_divergence(
    samples: Tensor,
    target: Tensor,
    *,
    sigma: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cauchy-Schwarz divergence between the densities of two samples."""

def cs_information_bottleneck(
    prediction: Tensor,
    target: Tensor,
    features: Tensor,
    representation: Tensor,
    *,
    beta: float = 0.01,
    sigma_features: float = 1.0,
    sigma: float = 1.0,
    sigma_representation: float = 1.0,
    denominator: str = "kde",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Divergence of predictions from targets, plus the information that a representation keeps of the features."""

def cs_mutual_information(
    representation: Tensor,
    features: Tensor,
    *,
    sigma: float = 1.0,
    sigma_features: float = 1.0,
    normalized: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cauchy-Schwarz divergence between a joint density and the product of its margins."""

def decoupled_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    target: Tensor,
    *,
    temperature: float = 4.0,
    target_weight: float = 1.0,
    rest_weight: float = 8.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Knowledge distillation in two parts with weights of their own: the target against the rest, and within the rest."""

def depth_smoothness(
    depth: Tensor,
    image: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Steps of a depth map, forgiven where its image has an edge."""

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

def direct_coverage(
    logits: Tensor,
    target: Tensor,
    *,
    attempts: float = 16.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Minus the log-probability that at least one of N independent draws is the target, for answers of one class."""

def direct_coverage_from_log_probs(
    log_prob: Tensor,
    *,
    attempts: float = 16.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Minus the log-probability that at least one of N attempts is right, from that of one attempt."""

def distance_box_iou(
    boxes: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the intersection over union, plus the squared distance of the centres."""

def dpo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Direct preference optimisation: logistic loss of the log-ratio margin."""

def dual_head_distillation(
    logits: Tensor,
    auxiliary_logits: Tensor,
    teacher_logits: Tensor,
    target: Tensor,
    *,
    label_weight: float = 1.0,
    teacher_weight: float = 1.0,
    temperature: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy on the main head and the teacher's logits on an auxiliary one, both on the same backbone."""

def dynamic_soft_margin(
    first: Tensor,
    second: Tensor,
    *,
    bins: int = 10,
    histogram: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A pair's distance less that of its hardest negative, weighed by the share of the gaps that are smaller."""

def earth_mover(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far probability has to travel along the ordered classes to become the target."""

def edit_invariant(
    logits: Tensor,
    target: Tensor,
    *,
    ngrams: int | Sequence[int] = (2, 3, 4),
    ngram_weights: float | Sequence[float] = 1.0,
    temperature: float = 1.0,
    log_prob_floor: float = -20.0,
    noise: Tensor | None = None,
    input_lengths: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Minus the log-probability of each n-gram of the target, wherever in the output it fits best."""

def energy_score(
    members: Tensor,
    target: Tensor,
    *,
    fair: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The continuous ranked probability score of vectors: Euclidean distances in place of absolute values."""

def entmax15(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The loss of 1.5-entmax, between softmax and sparsemax."""

def entropic_mse(
    prediction: Tensor,
    target: Tensor,
    *,
    risk_aversion: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error between exponential utilities."""

def entropic_policy(
    advantage: Tensor,
    *,
    risk_aversion: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """What a policy lowers to raise the certainty equivalent of its return."""

def entropic_softplus(
    prediction: Tensor,
    target: Tensor,
    *,
    risk_aversion: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error that a sigmoid tilts: its best constant is the certainty equivalent of normal targets alone."""

def entropy_regularized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    entropy_weight: float = 0.1,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy minus a multiple of the entropy of the prediction."""

def evidential(
    mean: Tensor,
    target: Tensor,
    evidence: Tensor,
    shape: Tensor,
    rate: Tensor,
    *,
    penalty: float = 0.01,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of a normal distribution whose mean and variance are themselves uncertain."""

def example_tversky(
    logits: Tensor,
    target: Tensor,
    *,
    false_positive_weight: float = 0.5,
    false_negative_weight: float = 0.5,
    smooth: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the Tversky index of one item with its label."""

def expectile(
    prediction: Tensor,
    target: Tensor,
    *,
    level: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error times level below the target and 1 - level above it."""

def face_symmetry(
    left: Tensor,
    right: Tensor,
    *,
    frontness: Tensor | None = None,
    threshold: float = 0.8,
    distance: str = "cosine",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far the embeddings of a face's halves are apart, for faces that are frontal enough."""

def facility_location(
    embedding: Tensor,
    label: Tensor,
    *,
    form: str = "correlation",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How close an item is to the nearest member of every other class, summed over the classes."""

def fast_ap(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    bins: int = 10,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """1 - average precision, from soft histograms of an anchor's squared distances."""

def feature_hint(
    features: Tensor,
    teacher_features: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Half the squared distance of the student's features from the teacher's."""

def flow_nll(
    latent: Tensor,
    log_determinant: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of an item that a flow takes to a standard normal code."""

def focal(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    class_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy with each class's term scaled by a power of the probability that is missing."""

def gamma_nll(
    log_mean: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of positive amounts under gamma distributions, for one unit of shape."""

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

def generalized_box_iou(
    boxes: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the intersection over union, plus the empty share of the box that holds both."""

def generalized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    q: float = 0.7,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A Box-Cox transform of the target's probability, between cross-entropy and the mean absolute error."""

def gradient_matching(
    prediction: Tensor,
    target: Tensor,
    *,
    scales: int = 1,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Steps of the difference of two maps, at several scales: their edges must lie in the same places."""

def gradient_penalty(
    gradients: Tensor,
    *,
    norm: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance of the length of a critic's gradient at an item from what it should be."""

def graph_cut(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    form: str = "information",
    trade_off: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """An anchor's similarities to other classes less those to its own, summed."""

def graph_cut_ratio(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    form: str = "correlation",
    least: float = 0.001,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """An anchor's similarities to other classes over the number of its positives, or over its similarities to them."""

def grpo(
    logits: Tensor,
    target: Tensor,
    advantage: Tensor,
    *,
    old_log_prob: Tensor | None = None,
    reference_log_prob: Tensor | None = None,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    kl_weight: float = 0.04,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The clipped policy loss of each drawn token, with a penalty for leaving a reference model."""

def guided_info_nce(
    first: Tensor,
    second: Tensor,
    guide_first: Tensor,
    guide_second: Tensor,
    *,
    negative: Tensor | None = None,
    guide_negative: Tensor | None = None,
    temperature: float = 0.01,
    slack: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of finding an anchor's counterpart among the items that a guide does not find closer to it."""

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

def hl_gauss(
    logits: Tensor,
    target: Tensor,
    *,
    low: float = -10.0,
    high: float = 10.0,
    sigma_ratio: float = 0.75,
    clamp: bool = True,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy against a normal distribution around the target, as a histogram."""

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

def hyperbolic_cross_entropy(
    points: Tensor,
    target: Tensor,
    normals: Tensor,
    offsets: Tensor,
    *,
    curvature: float = 0.1,
    eps: float = 1e-05,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of logistic regression in the Poincaré ball."""

def info_nce(
    first: Tensor,
    second: Tensor,
    *,
    negative: Tensor | None = None,
    label: Tensor | None = None,
    symmetric: bool = False,
    temperature: float = 0.07,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of finding an anchor's counterpart among all counterparts."""

def intra_pair_variance(
    embedding: Tensor,
    label: Tensor,
    *,
    positive_slack: float = 0.01,
    negative_slack: float = 0.01,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squares of how far positive pairs lie below their mean cosine, and negative pairs above theirs."""

def inverse_soft_q(
    logits: Tensor,
    target: Tensor,
    next_logits: Tensor,
    *,
    done: Tensor | None = None,
    is_data: Tensor | None = None,
    discount: float = 0.99,
    divergence: str = "chi2-mixture",
    penalty_weight: float = 0.5,
    value_term: str = "all",
    data_share: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Imitation from single transitions: the same divergence as `sequence_match`, without sums over sequences."""

def ipo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Identity preference optimisation: squared distance of the log-ratio margin from a fixed target."""

def itakura_saito(
    prediction: Tensor,
    target: Tensor,
    *,
    risk_aversion: float = 1.0,
    max_exponent: float | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Exponential of the error less its tangent: its best constant is the certainty equivalent of the targets."""

def jaccard(
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
    """One minus the soft intersection over union of each class's pixels: one value for each image."""

def jensen_shannon_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    teacher_share: float = 0.5,
    temperature: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Generalised Jensen-Shannon divergence: how far teacher and student are from a mixture of both."""

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

def knowledge_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 4.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Kullback-Leibler divergence of the student's softened prediction from the teacher's."""

def kto(
    policy: Tensor,
    reference: Tensor,
    desirable: Tensor,
    *,
    reference_point: Tensor | None = None,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Kahneman-Tversky optimisation: what a gain or a loss over a reference point is worth."""

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

def lambda_rank(
    scores: Tensor,
    target: Tensor,
    *,
    scale: float = 1.0,
    gain: str = "exponential",
    k: int | None = None,
    weighting: str = "lambda_rank",
    mix: float = 10.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """RankNet's pairs, each weighed by what swapping its two items would change in NDCG."""

def latent_consistency(
    hidden: Tensor,
    target: Tensor,
    *,
    features: str = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Mean squared distance of several early states from the one state that they foresee."""

def ldam(
    logits: Tensor,
    target: Tensor,
    *,
    class_counts: Tensor | None = None,
    max_margin: float = 0.5,
    scale: float = 30.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy after a margin is taken off the target's logit, larger for rarer classes."""

def ldr_k(
    logits: Tensor,
    target: Tensor,
    *,
    k: int = 2,
    margin: float = 0.1,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The worst mean margin violation over distributions that give no label more than 1/k."""

def ldr_kl(
    logits: Tensor,
    target: Tensor,
    *,
    temperature: float = 1.0,
    margin: float = 0.1,
    normalize: str | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The worst mean margin violation over distributions on the labels, with a penalty for leaving the uniform one."""

def left_right_consistency(
    left: Tensor,
    right: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How the disparity of the left view differs from that of the right one, at the place where it points."""

def lifted_pairs(
    embedding: Tensor,
    label: Tensor,
    *,
    margin: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared soft maximum of a positive pair's distance and of how close the negatives of both its items come."""

def lifted_structure(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    margin: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Soft maximum of an anchor's distances to positives, and of how much negatives lack to a margin, above 0."""

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

def list_mle(
    scores: Tensor,
    target: Tensor,
    *,
    k: int | None = None,
    weights: str = "uniform",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How unlikely the order by relevance is, as choices from what is left (Plackett and Luce)."""

def list_net(
    scores: Tensor,
    target: Tensor,
    *,
    temperature: float = 1.0,
    shares: str = "softmax",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy between the choices that the relevance and that the scores would make from a list."""

def list_rmse(
    scores: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Root of the mean squared difference of the scores of a list and its relevance."""

def log_cosh(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Logarithm of the hyperbolic cosine of the error: half its square near 0, its size less log 2 far away."""

def log_determinant(
    embedding: Tensor,
    label: Tensor,
    *,
    form: str = "correlation",
    ridge: float = 0.5,
    similarity: str = "cosine",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The volume that the classes span, each for itself, over that of the whole batch."""

def logit_adjusted_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    class_counts: Tensor | None = None,
    strength: float = 1.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy with the logarithm of each class's prior added to its logit while training."""

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

def lovasz_hinge(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The Lovász extension of the Jaccard distance, on the hinge errors of one foreground class."""

def lovasz_softmax(
    logits: Tensor,
    target: Tensor,
    *,
    classes: str = "present",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The Lovász extension of each class's Jaccard distance, on the errors of the probabilities."""

def mann_whitney(
    positive: Tensor,
    negative: Tensor,
    *,
    temperature: float = 0.01,
    negatives: str = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Logistic loss of each query's positive above all negatives of the batch, those of other queries among them."""

def mape(
    prediction: Tensor,
    target: Tensor,
    *,
    eps: float = 1e-07,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error in percent of the target."""

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

def masked_language_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    hidden: Tensor,
    teacher_hidden: Tensor,
    *,
    teacher_weight: float = 5.0,
    label_weight: float = 2.0,
    cosine_weight: float = 1.0,
    square_weight: float = 0.0,
    next_weight: float = 0.0,
    temperature: float = 2.0,
    labelled_only: bool = False,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Teacher's predictions, masked tokens and the direction of the teacher's hidden states, in one sum."""

def mdca(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far the batch's mean probability of each class is from the class's share of its labels."""

def mean_bias_error(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Signed error, whose mean tells how far forecasts lie too low."""

def median_aligned_depth(
    prediction: Tensor,
    target: Tensor,
    *,
    kept: float = 0.8,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Half the mean absolute error of depths that are shifted by their median and scaled by their mean distance to it."""

def minimum_photometric(
    views: Tensor,
    target: Tensor,
    *,
    structure_share: float = 0.85,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The photometric error of every pixel in the view that shows it best."""

def minimum_risk(
    log_prob: Tensor,
    cost: Tensor,
    *,
    sharpness: float = 0.005,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Mean cost of an item's candidates under the model's own probabilities, made to sum to one over them."""

def mixed_contrastive(
    embedding: Tensor,
    label: Tensor,
    *,
    share: float = 0.5,
    pairing: str = "positive",
    mix_weight: float = 0.4,
    margin: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Contrastive loss, plus that of mixtures which belong to an anchor by their share of what belongs to it."""

def mixed_multi_similarity(
    embedding: Tensor,
    label: Tensor,
    *,
    share: float = 0.5,
    pairing: str = "positive",
    mix_weight: float = 0.4,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Multi-similarity loss, plus that of mixtures which belong to an anchor by their share of what belongs to it."""

def mixture_nll(
    means: Tensor,
    target: Tensor,
    scales: Tensor,
    logits: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of a number under a mixture of normal distributions."""

def mixup_margin(
    logits: Tensor,
    mixup_logits: Tensor,
    mixup_target: Tensor,
    *,
    margin: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far an item's largest logit fails to exceed that of its mixtures by a margin."""

def mixup_ndcg(
    logits: Tensor,
    mixup_logits: Tensor,
    mixup_target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far the confidences of an item and its mixtures are from the shares of their classes, discounted by rank."""

def mmce(
    logits: Tensor,
    target: Tensor,
    *,
    bandwidth: float = 0.4,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Maximum mean calibration error: a kernel's measure of how confidence and correctness differ."""

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

def msle(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared error between the logarithms of one more than prediction and target."""

def multi_aspect_distillation(
    logits: Tensor,
    aspect_logits: Tensor,
    target: Tensor,
    aspect_target: Tensor,
    *,
    aspect_mask: Tensor | None = None,
    aspect_weight: float = 4.0,
    label_weight: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the label, and binary cross-entropy of every question's probability of "yes"."""

def multi_head_barlow_twins(
    view_1: Tensor,
    view_2: Tensor,
    temperature: Tensor,
    *,
    redundancy: float = 0.005,
    beta: float = 0.1,
    dimension: int = 128,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Barlow Twins in several heads, each pair of features at its own temperature."""

def multi_head_contrastive(
    positive: Tensor,
    negative: Tensor,
    positive_temperature: Tensor,
    negative_temperature: Tensor,
    *,
    beta: float = 0.1,
    dimension: int = 128,
    hard: bool = False,
    negative_mask: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Contrast of an anchor's positive with its negatives in every head, each pair at its own temperature."""

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

def multi_similarity(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    epsilon: float = 0.1,
    mining: bool = True,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Soft maximum of an anchor's far positives and close negatives, among those pairs that mining keeps."""

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

def nca(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    scale: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "squared_euclidean",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How unlikely it is that a neighbour, drawn by a softmax of the similarities, is of the anchor's class."""

def negative_binomial_nll(
    log_mean: Tensor,
    target: Tensor,
    log_dispersion: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of counts that vary more than Poisson's."""

def negatives_before_positives(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    kind: str = "plain",
    temperature: float = 0.01,
    power: float = 1.0,
    slope: float = 2.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How many negatives are above each positive, counted by sigmoids; the order of the positives is left alone."""

def neighborhood_quality(
    embedding: Tensor,
    label: Tensor,
    *,
    k: int = 4,
    neighbors: int | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Minus the logarithm of the quality of a batch's neighbourhoods (ICNN)."""

def neural_ndcg(
    scores: Tensor,
    target: Tensor,
    *,
    temperature: float = 1.0,
    gain: str = "exponential",
    k: int | None = None,
    sinkhorn_iterations: int = 10,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """1 - NDCG with a soft sorting: the gains, ordered by a matrix that is nearly a permutation."""

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

def normalized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy over its sum for all possible labels."""

def normalized_rmse(
    prediction: Tensor,
    target: Tensor,
    *,
    scale: str = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Root mean squared error over the size of the series in the batch."""

def nt_xent(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    temperature: float = 0.07,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of finding each positive among the anchor's negatives, the mean over its positives."""

def one_hot_square(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance between the scores and the target as a distribution."""

def one_versus_all(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of each class against all others, summed over classes."""

def one_versus_all_hinge(
    logits: Tensor,
    target: Tensor,
    *,
    power: int = 2,
    class_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The loss of one support vector machine for each class, summed over classes."""

def one_versus_rest_dice(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.01,
    smooth: float = 1.0,
    label_smoothing: float = 0.0,
    hard_negatives: float | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Dice of an item with its label, for every class against the rest, summed over the classes."""

def online_contrastive(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    *,
    margin: float = 0.5,
    distance: str = "cosine",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The contrastive loss of labelled pairs over the hard ones of a batch alone."""

def ordinal_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    importance_weight: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of every threshold's question, whether the label is above it."""

def ordinal_log_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Every wrong class pays for its probability, the more the farther it is from the label."""

def orpo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    *,
    ratio_weight: float = 0.1,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Odds-ratio preference optimisation: likelihood of the preferred response, and its odds over the rejected one's."""

def pairwise_confusion(
    first: Tensor,
    second: Tensor,
    *,
    curvature: float = 0.1,
    inverse: str = "artanh",
    eps: float = 1e-05,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Half the hyperbolic distance of two items of one class: what tells them apart is not to be learnt."""

def partial_ranking_distillation(
    scores: Tensor,
    teacher_scores: Tensor,
    valid: Tensor | None = None,
    *,
    valid_threshold: float = 0.5,
    temperature: float = 0.07,
    ties: str = "stable",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How unlikely the student finds the teacher's order of the negatives that the teacher thinks related."""

def photometric(
    prediction: Tensor,
    target: Tensor,
    *,
    structure_share: float = 0.85,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How a rebuilt view differs from the real one: structural similarity in windows of 3 pixels, and absolute error."""

def plackett_luce_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    target: Tensor,
    *,
    weights: str = "teacher",
    temperature: float = 1.0,
    step_weights: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How unlikely the student finds the teacher's ranking of the classes, led by the label."""

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
    label_smoothing: float = 0.0,
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
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Softmax focal loss plus a polynomial in the probability that is missing."""

def preference_degree(
    degree_logits: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How badly a classifier tells the versions of a response apart, from intact (degree 0) to most damaged."""

def proto_triplet(
    query: Tensor,
    label: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How much the nearest foreign prototype lacks to a margin farther away than the own one."""

def quantile(
    prediction: Tensor,
    target: Tensor,
    *,
    level: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error whose slope is level below the target and 1 - level above it."""

def quantile_risk(
    prediction: Tensor,
    target: Tensor,
    *,
    level: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Twice the quantile loss over the mean size of the targets, by which forecasts of many series are compared."""

def rank_mixup(
    logits: Tensor,
    target: Tensor,
    mixup_logits: Tensor,
    mixup_target: Tensor,
    *,
    kind: str = "ndcg",
    ranking_weight: float = 0.1,
    margin: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the plain items plus a ranking of their confidences against those of their mixtures."""

def rank_net(
    scores: Tensor,
    target: Tensor,
    *,
    scale: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Logistic loss of the score differences of a list, over all pairs of different relevance."""

def ranked_list(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    margin: float = 0.4,
    boundary: float = 1.2,
    balance: float = 0.5,
    positive_temperature: float = 0.0,
    negative_temperature: float = 10.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far positives lie outside a ball and negatives inside a larger one, weighted by how far on the wrong side."""

def regression_with_classification(
    prediction: Tensor,
    target: Tensor,
    logits: Tensor,
    labels: Tensor,
    *,
    regression_weight: float = 100.0,
    regression: str = "mse",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -1,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Mean error of the number plus mean cross-entropy of its bin, from two heads on the same features."""

def reinforce(
    logits: Tensor,
    target: Tensor,
    advantage: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Minus the log-probability of each drawn token, times its advantage of either sign."""

def relational_angle(
    features: Tensor,
    teacher_features: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far the angles that an item sees between pairs of others differ from the teacher's."""

def relational_distance(
    features: Tensor,
    teacher_features: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How far an item's distances to the others, relative to the mean distance, differ from the teacher's."""

def relative_absolute_error(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute errors over those of the batch's own mean."""

def relative_rmse(
    prediction: Tensor,
    target: Tensor,
    *,
    averaged: bool = True,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Root of the squared error over the sum of the squared predictions."""

def relative_squared_error(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared errors over those of the batch's own mean: one minus the share of variance explained."""

def reverse_kl_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Kullback-Leibler divergence of the teacher's prediction from the student's, which seeks the teacher's modes."""

def rmse(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Root of the mean squared error of the whole batch."""

def rmsle(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Root of the mean squared logarithmic error of the whole batch."""

def robust_dpo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    flip_rate: float = 0.1,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """DPO whose mean over randomly flipped preferences is DPO's mean over the true ones."""

def sampled_cross_entropy(
    positive: Tensor,
    negative: Tensor,
    *,
    negative_weight: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of a chosen item and of m others, item by item."""

def sampled_hinge(
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """What a chosen item's score lacks to a margin above each of m others."""

def sampled_softmax(
    positive: Tensor,
    negative: Tensor,
    *,
    temperature: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of finding a chosen item among m others."""

def sampled_square(
    positive: Tensor,
    negative: Tensor,
    *,
    negative_weight: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance of a chosen item's score to 1, and of m others' to 0."""

def scale_invariant_depth(
    prediction: Tensor,
    target: Tensor,
    *,
    variance_share: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Mean squared error of an image's log-depths, less a share of the square of their mean error."""

def scale_shift_invariant_depth(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Half the mean squared error that is left after the best scale and shift of an image's prediction."""

def self_adjusting_dice(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.01,
    smooth: float = 1.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Dice of the target's class alone, fading where its probability is near 1 already."""

def sequence_match(
    logits: Tensor,
    target: Tensor,
    *,
    is_data: Tensor | None = None,
    finished: Tensor | None = None,
    discount: float = 0.998,
    divergence: str = "chi2-mixture",
    mixture_weight: float = 0.5,
    data_share: float = 0.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Divergence between the discounted visits of data and model, on sequences that either of them has written."""

def sequence_nll(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    length_power: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Minus the log-probability of a whole sequence, with smoothed labels and a power of its length if wanted."""

def set_dice(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.0,
    smooth: float = 1.0,
    square: bool = False,
    hard_negatives: float | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the soft F1 score of a batch: Dice over all of its items as one set."""

def siamese_contrastive(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    *,
    margin: float = 0.5,
    distance: str = "cosine",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance of a pair that belongs together, or squared lack of a margin of one that does not."""

def siglip(
    first: Tensor,
    second: Tensor,
    *,
    negative: Tensor | None = None,
    label: Tensor | None = None,
    symmetric: bool = False,
    scale: float = 10.0,
    bias: float = -10.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Logistic loss of every pair: whether it belongs together."""

def similarity_histogram(
    embedding: Tensor,
    label: Tensor,
    *,
    bins: int = 100,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How likely a random negative pair is more similar than a random positive one, from soft histograms."""

def simpo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    *,
    beta: float = 2.0,
    margin: float = 1.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Simple preference optimisation: logistic loss of the difference of average log-probabilities, with a margin."""

def simsiam(
    prediction_1: Tensor,
    prediction_2: Tensor,
    projection_1: Tensor,
    projection_2: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Minus the cosine of each view's prediction and the other view's projection."""

def skewed_kl_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    skew: float = 0.1,
    reverse: bool = False,
    temperature: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Kullback-Leibler divergence from a little of both predictions, so that no ratio of probabilities is infinite."""

def slic_hinge(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Sequence likelihood calibration: hinge loss of the log-ratio margin."""

def smooth_adversarial_comp_sum(
    logits: Tensor,
    target: Tensor,
    adversarial_logits: Tensor,
    *,
    tau: float = 1.0,
    rho: float = 1.0,
    shift_weight: float | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Comp-sum loss of the clean scores, plus how far an attack moves the vector of margins."""

def smooth_ap(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    temperature: float = 0.01,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """1 - average precision with soft ranks: how many items are above a positive is counted by sigmoids."""

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

def soft_ece(
    logits: Tensor,
    target: Tensor,
    *,
    bins: int = 15,
    temperature: float = 0.01,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Root mean squared calibration error over bins that confidences belong to by degrees."""

def soft_facility_location(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    temperature: float = 1.0,
    masked: str = "zero",
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Soft maximum of an anchor's similarities to the items of other classes."""

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
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error between the softmax and the target, summed over classes."""

def sparse_distillation(
    logits: Tensor,
    teacher_indices: Tensor,
    teacher_log_probs: Tensor,
    *,
    rest: str = "bucket",
    temperature: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Kullback-Leibler divergence from a teacher of whom the k most probable classes are known."""

def sparsemax(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The loss of sparsemax, whose probabilities are the point of the simplex nearest to the logits."""

def spherical_softmax(
    logits: Tensor,
    target: Tensor,
    *,
    epsilon: float = 0.01,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of probabilities that grow with the squared score."""

def spo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    degree_chosen: Tensor,
    degree_rejected: Tensor,
    *,
    degree_mask: Tensor | None = None,
    beta: float = 0.1,
    degree_weight: float = 0.5,
    align: str = "dpo",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Self-supervised preference optimisation: a preference loss plus degrees of damage (a reconstruction)."""

def squared_earth_mover(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance between the predicted and the wanted cumulative probabilities."""

def squentropy(
    logits: Tensor,
    target: Tensor,
    *,
    square_weight: float = 1.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy plus the mean squared logit of the wrong classes."""

def standard_normal_kl(
    mean: Tensor,
    log_variance: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Divergence of an item's normal distribution from the standard one: what a variational encoder pays."""

def standardized_distillation(
    logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Knowledge distillation of standardised logits: the student learns the teacher's order and gaps, not their scale."""

def stepwise_direct_coverage(
    log_prob: Tensor,
    *,
    attempts: float = 8.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The coverage loss of every step of a proof, summed: for a search that tries several ways at each step."""

def structural_similarity(
    prediction: Tensor,
    target: Tensor,
    *,
    sigma: float = 1.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the structural similarity of two images."""

def submodular_neighbors(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    temperature: float = 0.07,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Soft maxima of an anchor's squared distances to its positives and of its similarities to its negatives."""

def submodular_sup_con(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    temperature: float = 0.07,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Soft maximum over an anchor's negatives less its similarities to its positives, over the number of items."""

def submodular_triplet(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    temperature: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """An anchor's squared similarities to its negatives less those to its positives."""

def sup_con(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    temperature: float = 0.1,
    form: str = "out",
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of finding an anchor's positives among all other items."""

def symmetric_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy plus its reverse, in which target and prediction change places."""

def taylor_softmax(
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of probabilities that grow with the second-order Taylor polynomial of exp."""

def threshold_consistent_margin(
    embedding: Tensor,
    label: Tensor,
    *,
    positive_threshold: float = 0.9,
    negative_threshold: float = 0.5,
    positive_share: float = 1.0,
    negative_share: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Means of how far a batch's hard pairs, and only these, are on the wrong side of a threshold of their kind."""

def tri_bce(
    logits: Tensor,
    branch_logits: Tensor,
    target: Tensor,
    *,
    detach_weights: bool = True,
    positive_weight: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of a prediction, and of its branches by how much worse than it each of them is."""

def triplet(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    kind: str = "all",
    margin: float = 0.2,
    smooth: bool = False,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """How much an anchor's negatives lack to a margin farther away than its positives."""

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

def tukey(
    prediction: Tensor,
    target: Tensor,
    *,
    cutoff: float = 4.685,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Nearly half the squared error near the target, and constant from an absolute error of cutoff on."""

def tuplet_margin(
    embedding: Tensor,
    label: Tensor,
    *,
    reference: Tensor | None = None,
    reference_label: Tensor | None = None,
    pair_mask: Tensor | None = None,
    margin: float = 0.1,
    scale: float = 64.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    select: str | Callable[..., Any] | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Soft maximum of all negatives over each positive, whose angle is made smaller by a slack first."""

def tversky(
    logits: Tensor,
    target: Tensor,
    *,
    false_alarms: float = 0.3,
    misses: float = 0.7,
    focus: float = 1.0,
    smooth: float = 1.0,
    classes: str = "all",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """One minus the Tversky index of each class's pixels, averaged over classes: one value for each image."""

def tweedie(
    log_mean: Tensor,
    target: Tensor,
    *,
    power: float = 1.5,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Quasi-likelihood of amounts that are often exactly 0, such as the claims on a policy."""

def two_hot(
    logits: Tensor,
    target: Tensor,
    *,
    low: float = -10.0,
    high: float = 10.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy against the target's share in the two points of a grid beside it."""

def unimodal_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    penalty: float = 1.0,
    margin: float = 0.05,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy plus a penalty wherever the probabilities do not fall away from the label on both sides."""

def unlikelihood(
    logits: Tensor,
    target: Tensor,
    negatives: Tensor,
    *,
    strength: float = 1.0,
    likelihood: float = 1.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the right token, plus minus the log-probability that each unwanted token does not come."""

def vicreg(
    view_1: Tensor,
    view_2: Tensor,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    eps: float = 0.0001,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Distance of two views, plus what each feature lacks of a standard deviation of 1, plus squared covariances."""

def wasserstein_critic(
    scores: Tensor,
    generated: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """What a critic minimises: scores of generated items less those of real ones."""

def wing(
    prediction: Tensor,
    target: Tensor,
    *,
    width: float = 10.0,
    curvature: float = 2.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Absolute error less a constant, and a steeper logarithm where the error is below width."""

def xe_ndcg(
    scores: Tensor,
    target: Tensor,
    *,
    gamma: Tensor | None = None,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy whose target shares bound NDCG: the gains, each less a number at random."""

def z_loss(
    logits: Tensor,
    target: Tensor,
    *,
    sharpness: float = 1.0,
    threshold: float = 0.0,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A softplus of how far the target's score, standardised over the classes, falls short of a threshold."""

def z_regularized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    coefficient: float = 0.0001,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy plus a small multiple of the squared log-normaliser of the softmax."""

def zero_inflated_poisson_nll(
    log_rate: Tensor,
    target: Tensor,
    zero_logit: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Negative log-likelihood of counts that are 0 for a reason of their own, or else Poisson."""
