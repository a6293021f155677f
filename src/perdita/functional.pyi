# Written by `make stubs` from the catalogue; not to be edited.
# mypy: disable-error-code="override"
# (a loss names its own tensors, where Criterion takes any)
from collections.abc import Callable, Sequence

from torch import Tensor

def active_passive(
    logits: Tensor,
    target: Tensor,
    *,
    active_weight: float = 1.0,
    passive_weight: float = 1.0,
    log_zero: float = -4.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Normalised cross-entropy, which raises the label's probability, plus reverse cross-entropy, which lowers others."""

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
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A concave transform of the sum of exponentiated score differences; one number spans the family."""

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
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The summed penalties of the wrong classes' scores, under the constraint that the scores of an item sum to zero."""

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

def hl_gauss(
    logits: Tensor,
    target: Tensor,
    *,
    low: float = -10.0,
    high: float = 10.0,
    sigma_ratio: float = 0.75,
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

def itakura_saito(
    prediction: Tensor,
    target: Tensor,
    *,
    risk_aversion: float = 1.0,
    max_exponent: float = 20.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Exponential of the error less its tangent: its best constant is the certainty equivalent of the targets."""

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

def ldam(
    logits: Tensor,
    target: Tensor,
    *,
    class_counts: Tensor | None = None,
    max_margin: float = 0.5,
    scale: float = 30.0,
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

def logit_adjusted_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    class_counts: Tensor | None = None,
    strength: float = 1.0,
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

def one_hot_square(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Squared distance between the scores and the indicator of the target."""

def one_versus_all(
    logits: Tensor,
    target: Tensor,
    *,
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
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """The loss of one support vector machine for each class, summed over classes."""

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

def sparsemax(
    logits: Tensor,
    target: Tensor,
    *,
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
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of probabilities that grow with the squared score."""

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

def taylor_softmax(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy of probabilities that grow with the second-order Taylor polynomial of exp."""

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

def z_loss(
    logits: Tensor,
    target: Tensor,
    *,
    sharpness: float = 1.0,
    threshold: float = 0.0,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """A softplus of how far the target's score, standardised over the classes, falls short of a threshold."""

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
