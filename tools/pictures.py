"""A curve for each loss of the catalogue: of one item where it has such a picture, else along its own gradient."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch

from perdita.catalogue.curve import Curve, loss_curve
from perdita.core.errors import InputError
from perdita.testing.battery import subject_of
from perdita.testing.doctor.inputs import ARGUMENTS, SAMPLERS

if TYPE_CHECKING:
    from perdita.core import Card

POINTS = 41
SPANS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)  # the first that stays where the loss is defined
AXIS = "{name} of a small random batch, moved along its gradient"


def curve_of(card: Card) -> Curve | None:
    """The curve of one item, else that of a batch; None where neither can be drawn."""
    found = loss_curve(card)
    return found if found is not None and max(found.y) > min(found.y) else batch_curve(card)


def batch_curve(card: Card) -> Curve | None:
    """The loss of a random batch whose first tensor with a gradient moves along it: downhill to the left of 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subject = subject_of(card, sampler=SAMPLERS.get(card.name), arguments=ARGUMENTS.get(card.name))
        inputs = subject.sample(0)
        _, gradients = subject.gradients(inputs)
        name = next((name for name, gradient in gradients.items() if gradient.any()), None)
        if name is None:
            return None
        direction = gradients[name] / gradients[name].norm()
        for span in SPANS:
            steps = torch.linspace(-span, span, POINTS, dtype=torch.float64)
            try:
                moved = [inputs.but(**{name: inputs.tensors[name] + step * direction}) for step in steps]
                values = torch.stack([subject(one).detach().double() for one in moved])
            except (InputError, RuntimeError):
                continue
            if values.isfinite().all() and values.max() > values.min():
                return Curve(AXIS.format(name=name), tuple(steps.tolist()), tuple(values.tolist()))
    return None
