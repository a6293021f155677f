"""Small rendered scenes with what is seen at each pixel and how far it is: spheres and boxes over a ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

CLASSES = ("ground", "sphere", "box")
OBJECTS = 4
NEAR, FAR = 1.0, 3.0  # distances of objects; the ground recedes from NEAR at the lower edge to FAR at the upper


@dataclass(frozen=True)
class Scenes:
    """Images in [0, 1], the class of each pixel and its depth, seen straight on without perspective."""

    image: Float[Tensor, "n 3 h w"]
    kind: Int[Tensor, "n h w"]
    depth: Float[Tensor, "n h w"]


def render(count: int, *, size: int = 24, noise: float = 0.05, generator: torch.Generator) -> Scenes:
    """Draw scenes of four objects each, random in kind, place, size, distance and colour.

    What is farther is darker, spheres are shaded by the angle to the light, boxes are flat. Nearer objects hide farther
    ones.

    Args:
        count: number of scenes.
        size: pixels of a side.
        noise: standard deviation of the noise on the image.
        generator: source of all randomness.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator)

    grid = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(grid, grid, indexing="ij")  # (h, w), from the upper left
    depth = (FAR - (FAR - NEAR) * y).expand(count, size, size)
    kind = torch.zeros(count, size, size, dtype=torch.long)
    colour = uniform(3, 1, 1).expand(count, 3, size, size)
    shade = torch.ones(count, size, size)
    for _ in range(OBJECTS):
        middle_x, middle_y, radius = uniform(1, 1), uniform(1, 1), 0.1 + 0.2 * uniform(1, 1)
        distance, is_box = NEAR + (FAR - NEAR) * uniform(1, 1), uniform(1, 1) < 0.5
        aside, above = (x - middle_x) / radius, (y - middle_y) / radius
        height = (1 - aside.square() - above.square()).clamp_min(0).sqrt()  # of a sphere's surface, in radii
        covered = torch.where(is_box, torch.maximum(aside.abs(), above.abs()) < 1, height > 0)
        surface = distance - torch.where(is_box, 0.0, height * radius)
        seen = covered & (surface < depth)
        lit = torch.where(is_box, 1.0, 0.3 + 0.7 * (height - 0.5 * aside - 0.5 * above).clamp(0, 1))
        depth, shade = torch.where(seen, surface, depth), torch.where(seen, lit, shade)
        kind = torch.where(seen, 1 + is_box.long(), kind)
        colour = torch.where(seen.unsqueeze(1), uniform(3, 1, 1), colour)
    image = colour * (shade * (1.3 - 0.35 * depth)).unsqueeze(1)
    image = image + noise * torch.randn(image.shape, generator=generator)
    return Scenes(image.clamp(0, 1), kind, depth)
