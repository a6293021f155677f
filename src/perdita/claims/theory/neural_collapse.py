"""Classes of several sizes on free features: where gradient descent ends, against the closed forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from perdita.claims.harness import Claim, Evidence, paired
from perdita.theory.collapse_geometry import CollapseGeometry, deep_linear_geometry

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

COUNTS, WIDTH = [200, 100, 50, 50], 32
DECAY = 5e-4
CONTROL_DECAY = math.sqrt(4.5e-4)  # one layer: the classes of 50 vanish above sqrt(50) / 400, that of 100 does not
DEPTHS = (1, 3)
LENGTHS, ANGLES, EXCESS, REST = 0.02, 1e-2, 0.01, 1e-2  # what the rule allows
ROUNDING = 1e-9


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the final loss of three layers minus the least one that theory allows.

    Full-batch gradient descent with momentum from small random starts, all seeds at once. The details hold, for one
    layer and for three, the lengths of rows and means against theory, the cosines between classes, and the loss in
    excess of the optimum; and in a control with more decay what is left of the classes that must vanish.
    """
    steps = 100 if short else 6000
    found, remarks = {}, []
    for depth in DEPTHS:
        geometry = deep_linear_geometry(COUNTS, depth=depth, weight_decay=DECAY, feature_decay=DECAY)
        loss, weight, means = _descend(depth, DECAY, steps, seeds, device)
        found[str(depth)] = _measures(geometry, loss, weight, means)
        lengths = weight.square().sum(2).mean(0).tolist()
        remarks.append(
            f"{depth} layer(s): squared rows {', '.join(f'{x:.3f}' for x in lengths)}, in theory "
            f"{', '.join(f'{x:.3f}' for x in geometry.weight_gram.diagonal().tolist())}; largest error "
            f"{max(found[str(depth)]['length_error']):.4f}, largest cosine {max(found[str(depth)]['cosine']):.1e}, "
            f"excess loss {max(found[str(depth)]['excess']):.1e}"
        )
    geometry = deep_linear_geometry(COUNTS, depth=1, weight_decay=CONTROL_DECAY, feature_decay=CONTROL_DECAY)
    _, weight, _ = _descend(1, CONTROL_DECAY, steps, seeds, device)
    rows = weight.square().sum(2).sqrt()  # (seeds, k)
    rest = (rows[:, ~geometry.alive].amax(1) / rows[:, geometry.alive].amin(1)).tolist()
    remarks.append(f"control: classes that must vanish keep {max(rest):.1e} of the length of the others")
    optimum = deep_linear_geometry(COUNTS, depth=3, weight_decay=DECAY, feature_decay=DECAY).optimum
    losses = found["3"].pop("loss")
    found["1"].pop("loss")
    return paired([optimum] * len(losses), losses, depths=found, rest=rest, remarks=remarks)


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    names = ("length_error", "cosine", "excess")
    own = {name: [value for depth in evidence.details["depths"].values() for value in depth[name]] for name in names}
    rest = evidence.details["rest"]
    if evidence.n < 5 or not all(map(math.isfinite, [*own["length_error"], *own["cosine"], *own["excess"], *rest])):
        return "inconclusive"
    if min(own["excess"]) < -ROUNDING:
        return "does not hold"
    if max(own["excess"]) > EXCESS:
        return "inconclusive"
    kept = max(own["length_error"]) <= LENGTHS and max(own["cosine"]) < ANGLES and max(rest) < REST
    return "holds" if kept else "does not hold"


def _descend(
    depth: int, decay: float, steps: int, seeds: Sequence[int], device: str
) -> tuple[Float[Tensor, "seeds"], Float[Tensor, "seeds k d"], Float[Tensor, "seeds k d"]]:
    """Final loss, W = W_M ... W_1 and the class means, of each seed."""
    classes, items = len(COUNTS), sum(COUNTS)
    shapes = [(WIDTH, WIDTH)] * (depth - 1) + [(classes, WIDTH), (WIDTH, items)]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    variables = [
        torch.stack([0.1 * torch.randn(shape, generator=own, dtype=torch.float64) for own in generators])
        .to(device)
        .requires_grad_()
        for shape in shapes
    ]
    target = torch.arange(classes, device=device).repeat_interleave(torch.tensor(COUNTS, device=device))
    one_hot = torch.nn.functional.one_hot(target, classes).double().T  # (k, n)
    optimizer = torch.optim.SGD(variables, lr=0.1, momentum=0.9, weight_decay=decay)

    def misfit() -> tuple[Tensor, Tensor]:
        weight = variables[0]
        for layer in variables[1:-1]:
            weight = layer @ weight
        return (weight @ variables[-1] - one_hot).square().sum((1, 2)) / (2 * items), weight

    for _ in range(steps):
        optimizer.zero_grad()
        misfit()[0].sum().backward()
        optimizer.step()
    with torch.no_grad():
        loss, weight = misfit()
        loss = loss + decay / 2 * sum(variable.square().sum((1, 2)) for variable in variables)
        means = (variables[-1] @ one_hot.T).mT / torch.tensor(COUNTS, dtype=torch.float64, device=device).unsqueeze(1)
    return loss.cpu(), weight.cpu(), means.cpu()


def _measures(
    geometry: CollapseGeometry,
    loss: Float[Tensor, "seeds"],
    weight: Float[Tensor, "seeds k d"],
    means: Float[Tensor, "seeds k d"],
) -> dict[str, list[float]]:
    """Of each seed: the largest relative error of a length, the largest cosine between classes, the excess loss."""
    errors, cosines = [], []
    for rows, gram in ((weight, geometry.weight_gram), (means, geometry.feature_gram)):
        lengths, expected = rows.square().sum(2), gram.diagonal()
        errors.append(((lengths - expected) / expected).abs().amax(1))
        unit = rows / lengths.sqrt().unsqueeze(2)
        cosines.append((unit @ unit.mT - torch.eye(len(expected), dtype=rows.dtype)).abs().amax((1, 2)))
    return {
        "length_error": torch.maximum(*errors).tolist(),
        "cosine": torch.maximum(*cosines).tolist(),
        "excess": (loss / geometry.optimum - 1).tolist(),
        "loss": loss.tolist(),
    }


CLAIM = Claim(
    slug="neural-collapse",
    statement=(
        "Under squared error, deep linear layers without bias on free features end at orthogonal classes whose lengths "
        "follow from the class sizes alone; classes that are too small vanish."
    ),
    source="Dang et al., ICML 2023, arXiv 2301.00437",
    rule=(
        "Classes of 200, 100, 50 and 50, one and three layers. Holds: in every seed each squared length of rows and "
        "means is within 2 % of theory, cosines between classes are below 0.01, the loss is within 1 % above the least "
        "one and never below it, and in a control with more decay the classes that must vanish keep less than 0.01 of "
        "the others' length. Does not hold: the loss falls below the least one, or it comes within 1 % of it without "
        "the rest. Inconclusive: descent has not come within 1 % of the least loss, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
