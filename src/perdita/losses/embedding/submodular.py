r"""Set functions of a batch's classes: facility location, graph cut and log-determinant.

Each f is small on a compact set. With A_k the items of class k in the batch V, the total information
S_f = \sum_k f(A_k) and the total correlation C_f = \sum_k f(A_k) - f(V) fall as classes become compact and dissimilar.
Several views of an item are further items of its label. What the authors released differs from the set functions and
stands beside them: `soft_facility_location`, `graph_cut_ratio` and a form of `log_determinant`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import normalize
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import masked_logsumexp, masked_sum

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

FORMS = ("correlation", "information")
TEMPERATURE = Range(0, open="low", search=(0.05, 1.0), log=True)


@loss(
    task="embedding",
    paper="score-submodular",
    rowwise=False,
    traits=Traits(convex=False, differentiable=False),
    ranges={"form": Choice(FORMS)},
    cost=Cost(time="n n d", memory="n n"),
)
def facility_location(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    form: str = "correlation",
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""How close an item is to the nearest member of every other class, summed over the classes.

    With s the cosine and f(A) = \sum_{i \in V} \max_{j \in A} s_{ij}:

    .. math:: C_f = \sum_i \ell_i + \text{const}, \quad \ell_i = \sum_{k \ne y_i} \max_{j \in A_k} s_{ij}, \qquad
        S_f = \sum_i (\ell_i + \max_{j \in A_{y_i}} s_{ij})

    An item is its own nearest member of its class, so the two forms differ by 1 for each item that is not zero: neither
    pulls a class together. Of equally near members each takes an equal share of the gradient.

    Args:
        embedding: (n, d) items.
        label: (n,) their classes; any integers >= 0.
        form: "correlation" or "information".

    Returns:
        (n,) values, one for each item; their sum is the set function's.

    Raises:
        InputError: labels below 0, an unknown form.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.facility_location(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.77999...

    Source:
        Majee, Kothawade, Killamsetty, Iyer, "SCoRe: Submodular Combinatorial Representation Learning", ICML 2024,
        arXiv 2310.00165: the set function of the paper, reconstructed; the authors' code is `soft_facility_location`.
    """
    if embedding.shape[0] == 0:
        return 0.0 * embedding.sum(1)
    unit = normalize(embedding if mask is None else torch.where(mask.unsqueeze(1), embedding, 0.0))
    similarity = unit @ unit.T
    same = label.unsqueeze(1) == label
    allowed = torch.ones_like(same) if mask is None else mask.expand_as(same)
    own = same.to(unit.dtype).argmax(1).expand_as(same)  # the first item of each item's class stands for the class
    best = _class_extreme(similarity.detach().masked_fill(~allowed, -torch.inf), own)
    nearest = allowed & ~(similarity.detach() < best.gather(1, own))  # a NaN stays
    shared = torch.zeros_like(best).scatter_add(1, own, nearest.to(best.dtype)).gather(1, own)
    counted = nearest & ~same if form == "correlation" else nearest
    return torch.where(counted, similarity / shared.clamp(min=1), 0.0).sum(1)


def _class_extreme(values: Float[Tensor, "n n"], own: Int[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """The largest value among each class's columns, in the column that stands for the class."""
    return torch.full_like(values, -torch.inf).scatter_reduce(1, own, values, "amax")


@pair_loss(
    paper="score-submodular",
    traits=Traits(convex=False),
    ranges={"temperature": TEMPERATURE, "masked": Choice(("zero", "exclude"))},
)
def soft_facility_location(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    temperature: float = 1.0,
    masked: str = "zero",
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""Soft maximum of an anchor's similarities to the items of other classes.

    With P its positives and N its negatives:

    .. math:: \ell_\text{zero} = \log\Bigl(1 + |P| + \sum_{n \in N} e^{s_n / T}\Bigr), \qquad
        \ell_\text{exclude} = \log \sum_{n \in N} e^{s_n / T}

    The positives appear by their number alone: nothing pulls a class together. Without a negative "zero" is a constant,
    and "exclude" is 0 and not counted in the mean.

    Args:
        temperature: T; the released code has 1 here, and a factor of its temperature over 0.07 outside.
        masked: "zero", as released, where the anchor and its positives count e^0 each, or "exclude".

    Returns:
        (n,) values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, labels below 0, an unknown way to mask, similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.soft_facility_location(embedding, torch.tensor([0, 0, 1, 1])).item()
        1.71739...

    Source:
        Majee et al., ICML 2024, arXiv 2310.00165, facility location as the authors' code has it: not the paper's sum
        of maxima, which is `facility_location`.
    """
    some = negative.any(1)
    total = masked_logsumexp(similarity / temperature, negative)
    if masked == "exclude":
        return torch.where(some, total, 0.0), some
    return torch.logaddexp(total, (1 + positive.sum(1)).to(total.dtype).log()), torch.ones_like(some)


@pair_loss(
    paper="score-submodular",
    traits=Traits(convex=False),
    ranges={"form": Choice(FORMS), "trade_off": Range(0, open="low", search=(0.1, 2.0), log=True)},
)
def graph_cut(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    form: str = "information",
    trade_off: float = 1.0,
) -> Float[Tensor, "b"]:
    r"""An anchor's similarities to other classes less those to its own, summed.

    With f(A) = \sum_{i \in A, j \notin A} s_{ij} - \lambda \sum_{i, j \in A} s_{ij}, P an anchor's positives and N its
    negatives, up to the constant similarity of an item with itself:

    .. math:: S_f = \sum_i \Bigl(\sum_{n \in N} s_{in} - \lambda \sum_{p \in P} s_{ip}\Bigr), \qquad
        C_f = (1 + \lambda) \sum_i \sum_{n \in N} s_{in}

    Args:
        form: "information", or "correlation", which does not pull a class together.
        trade_off: lambda, the weight of the class's own similarities.

    Returns:
        (n,) values, one for each anchor; their sum is the set function's.

    Raises:
        InputError: a trade_off <= 0, labels below 0, an unknown form, similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.graph_cut(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.28000...

    Source:
        Majee et al., ICML 2024, arXiv 2310.00165: the set function of the paper, reconstructed; the authors' code is
        `graph_cut_ratio`.
    """
    apart = masked_sum(similarity, negative)
    return (1 + trade_off) * apart if form == "correlation" else apart - trade_off * masked_sum(similarity, positive)


@pair_loss(
    paper="score-submodular",
    traits=Traits(convex=False, differentiable=False),
    ranges={"form": Choice(FORMS), "least": Range(0, open="low")},
)
def graph_cut_ratio(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    form: str = "correlation",
    least: float = 1e-3,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""An anchor's similarities to other classes over the number of its positives, or over its similarities to them.

    .. math:: \ell_\text{correlation} = \frac{1}{|P|} \sum_{n \in N} s_n, \qquad
        \ell_\text{information} = \log \sum_{n \in N} s_n - \log \sum_{p \in P} s_p

    An anchor without a positive (for "information", without a negative too) has the value 0 and is not counted.

    Args:
        form: "correlation" or "information".
        least: each sum of "information" counts as at least this much, without a gradient below: the released code
            takes the logarithm of negative sums.

    Returns:
        (n,) values, one for each anchor.

    Raises:
        InputError: a least <= 0, labels below 0, an unknown form, similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.graph_cut_ratio(embedding, torch.tensor([0, 0, 1, 1])).item()
        1.08000...

    Source:
        Majee et al., ICML 2024, arXiv 2310.00165, graph cut as the authors' code has it, at its temperature 0.07 and
        lambda 1.
    """
    count, some = positive.sum(1), positive.any(1)
    apart, together = masked_sum(similarity, negative), masked_sum(similarity, positive)
    if form == "correlation":
        return torch.where(some, apart / count.clamp(min=1), 0.0), some
    some = some & negative.any(1)
    return torch.where(some, apart.clamp(min=least).log() - together.clamp(min=least).log(), 0.0), some


@loss(
    task="embedding",
    paper="score-submodular",
    traits=Traits(convex=False),
    ranges={
        "form": Choice((*FORMS, "released_information")),
        "ridge": Range(0, open="low", search=(0.1, 2.0), log=True),
        "similarity": Choice(("cosine", "dot")),
    },
    cost=Cost(time="n n n", memory="n n"),
)
def log_determinant(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    form: str = "correlation",
    ridge: float = 0.5,
    similarity: str = "cosine",
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""The volume that the classes span, each for itself, over that of the whole batch.

    With S the similarities and f(A) = \log \det (S_A + r I):

    .. math:: C_f = \sum_k f(A_k) - f(V), \qquad S_f = \sum_k f(A_k), \qquad
        \ell_\text{released} = -\frac1K \sum_k f(A_k)

    C_f is at least 0, and 0 just where the classes are orthogonal to each other. The released information has the
    opposite sign: minimising it spreads each class out.

    Args:
        embedding: (n, d) items.
        label: (n,) their classes; any integers >= 0.
        form: "correlation", "information", or "released_information", a mean over the K classes of the batch.
        ridge: r; what keeps a class with more items than dimensions from volume 0.
        similarity: "cosine", or "dot", which is the same for unit vectors and lets the gradient change their length.

    Returns:
        One value for the batch.

    Raises:
        InputError: a ridge <= 0, labels below 0, an unknown form or similarity.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.log_determinant(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.66571...

    Source:
        Majee et al., ICML 2024, arXiv 2310.00165; "correlation" and "released_information" as the authors' code has
        them, with r = 0.5.
    """
    keep = torch.ones_like(label, dtype=torch.bool) if mask is None else mask
    items = torch.where(keep.unsqueeze(1), embedding, 0.0)
    items = items if similarity == "dot" else normalize(items)
    gram = items @ items.T
    same = (label.unsqueeze(1) == label) & keep & keep.unsqueeze(1)
    diagonal = torch.diag(torch.ones_like(items[:, 0]).masked_fill(keep, ridge))  # what is masked adds log 1
    # the classes are the blocks of one matrix; by slogdet, which lets a NaN through, and not by Cholesky
    within: Tensor = torch.linalg.slogdet(torch.where(same, gram, 0.0) + diagonal).logabsdet
    if form == "correlation":
        whole: Tensor = torch.linalg.slogdet(gram + diagonal).logabsdet
        return within - whole
    if form == "information":
        return within
    classes: Tensor = (keep / same.sum(1).clamp(min=1)).sum()
    return -within / torch.where(classes == 0, 1.0, classes).to(items.dtype)
