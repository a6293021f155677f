"""Batches without look-alikes: pseudo-labels of unlabelled items, and batches with few repeats of a label.

`perdita.functional.nt_xent` takes all other items of a batch as negatives, also those of the same unknown class. Here
an autoencoder and k-means give every item a cluster, and a batch takes at most one item of each while that is possible.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Sampler

from perdita.core import InputError, MissingExtraError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@component("g-simclr")
class DenoisingAutoencoder(nn.Module):
    """An encoder and its decoder, which see their inputs with Gaussian noise while they train.

    Args:
        encoder: inputs → latents.
        decoder: latents → inputs.
        noise: standard deviation.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, *, noise: float = 0.01) -> None:
        super().__init__()
        self.encoder, self.decoder, self.noise = encoder, decoder, noise

    def forward(self, x: Float[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
        """The inputs, reconstructed."""
        noisy = x + self.noise * torch.randn_like(x) if self.training else x
        reconstructed: Tensor = self.decoder(self.encoder(noisy))
        return reconstructed


@component("g-simclr")
def image_autoencoder(
    channels: int = 3, widths: tuple[int, ...] = (32, 64, 128), *, noise: float = 0.01
) -> DenoisingAutoencoder:
    """The paper's autoencoder of images in [0, 1]: convolutions, each halving the sides, mirrored, with a sigmoid."""
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for before, width in zip((channels, *widths), widths, strict=False):
        down += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
    for width, after in zip(widths[::-1], (*widths[-2::-1], widths[0]), strict=True):
        up += [nn.Conv2d(width, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.Upsample(scale_factor=2)]
    last = [nn.Conv2d(widths[0], channels, 3, padding=1), nn.Sigmoid()]
    return DenoisingAutoencoder(nn.Sequential(*down), nn.Sequential(*up, *last), noise=noise)


@component("g-simclr")
def fit_autoencoder(
    model: DenoisingAutoencoder,
    x: Float[Tensor, "n *d"],
    *,
    epochs: int = 100,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    held_out: float = 0.1,
    patience: int = 2,
    generator: torch.Generator | None = None,
) -> list[float]:
    """Train an autoencoder on squared error with Adam, until the held-out error has not fallen for a while.

    Args:
        model: trained in place; its best weights are kept, in evaluation mode.
        x: (n, *d) unlabelled items.
        epochs: at most.
        batch_size, learning_rate: of the training.
        held_out: share of the items that only tell when to stop.
        patience: epochs without a new best after which training stops.
        generator: of the split and the batches; the noise takes PyTorch's own.

    Returns:
        The held-out error after every epoch.

    Raises:
        InputError: nothing left to train on or to hold out, no epoch, a patience below 1.
    """
    order = torch.randperm(len(x), generator=generator).to(x.device)
    held = round(held_out * len(x))
    if not 0 < held < len(x) or patience < 1 or epochs < 1:
        raise InputError(
            f"held_out must leave items on both sides, and epochs and patience be at least 1, not {held} of {len(x)}, "
            f"{epochs} and {patience}"
        )
    check, rest = x[order[:held]], order[held:]
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    errors: list[float] = []
    best: dict[str, Tensor] = {}
    while len(errors) < epochs and min(errors[-patience:], default=0.0) <= min(errors, default=0.0):
        model.train()
        for chosen in rest[torch.randperm(len(rest), generator=generator)].split(batch_size):
            optimizer.zero_grad()
            F.mse_loss(model(x[chosen]), x[chosen]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            errors.append(F.mse_loss(model(check), check).item())
        if errors[-1] == min(errors):
            best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(best)
    return errors


@component("g-simclr")
@torch.no_grad()
def latents(model: DenoisingAutoencoder, x: Float[Tensor, "n *d"], *, batch_size: int = 512) -> Float[Tensor, "n e"]:
    """What the encoder makes of the items; of maps, the mean over all places."""
    model.eval()
    found = torch.cat([model.encoder(part) for part in x.split(batch_size)])
    return found.flatten(2).mean(2) if found.ndim > 2 else found


@component("g-simclr")
def pseudo_labels(features: Float[Tensor, "n e"], clusters: int, *, seed: int = 0) -> Int[Tensor, "n"]:
    """The cluster of every item, by k-means; the paper takes as many clusters as a batch has items.

    Raises:
        InputError: fewer items than clusters, or no cluster.
        MissingExtraError: scikit-learn is not installed.
    """
    if not 1 <= clusters <= len(features):
        raise InputError(f"clusters must be from 1 to the {len(features)} items, not {clusters}")
    try:
        from sklearn.cluster import KMeans, MiniBatchKMeans
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "compare") from error
    kind = KMeans if len(features) <= 10_000 else MiniBatchKMeans
    found = kind(clusters, n_init=1, random_state=seed).fit_predict(features.detach().double().cpu().numpy())
    return torch.as_tensor(found, device=features.device).long()


@component("g-simclr")
def guided_order(cluster_labels: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
    """All first members of the clusters, then all second ones, and so on; a cluster's members in their own order.

    Inside a rank the order is by cluster. (The released code sorts by rank alone, with an unstable sort.)
    """
    by_cluster = torch.sort(cluster_labels, stable=True)
    ordered = by_cluster.values
    rank = torch.arange(len(ordered), device=ordered.device) - torch.searchsorted(ordered, ordered)
    return by_cluster.indices[torch.sort(rank, stable=True).indices]


@component("g-simclr")
def repeats(labels: Int[Tensor, "b"]) -> int:
    """How many items of a batch have a label that an earlier one has."""
    return len(labels) - len(labels.unique())


@component("g-simclr")
class GuidedBatchSampler(Sampler[list[int]]):
    """Batches with few repeats of a cluster, for ``DataLoader(batch_sampler=...)``.

    The items are put into `guided_order` and cut into full batches; the rest waits for another epoch. No batch repeats
    a cluster while each of them has members left; once the small ones are used up, the last batches must.

    Args:
        cluster_labels: (n,) as of `pseudo_labels`.
        batch_size: items of a batch; the paper's is the number of clusters.
        shuffle: draw the members' order, the clusters' order and the batches' order anew for every epoch. The released
            code's batches are the same in every epoch: False.
        strict: leave out batches that repeat a cluster.
        generator: of the orders; None takes PyTorch's own.

    Raises:
        InputError: a batch size outside 1..n.

    Source: Chakraborty, Roy Gosthipaty, Paul, "G-SimCLR: Self-Supervised Contrastive Learning with Guided Projection
    via Pseudo Labelling", ICDM workshops 2020, arXiv 2009.12007.
    """

    def __init__(
        self,
        cluster_labels: Int[Tensor, "n"],
        batch_size: int,
        *,
        shuffle: bool = True,
        strict: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        if not 1 <= batch_size <= len(cluster_labels):
            raise InputError(f"batch_size must be from 1 to the {len(cluster_labels)} items, not {batch_size}")
        self.labels = cluster_labels.cpu().unique(return_inverse=True)[1]
        self.batch_size, self.shuffle, self.strict, self.generator = batch_size, shuffle, strict, generator

    def _batches(self, members: Int[Tensor, "n"], labels: Int[Tensor, "n"]) -> list[Int[Tensor, "b"]]:
        """Full batches of the members, whose labels these are."""
        order = guided_order(labels)[: len(labels) // self.batch_size * self.batch_size]
        found = order.view(-1, self.batch_size)
        return [members[batch] for batch in found if not self.strict or repeats(labels[batch]) == 0]

    def __len__(self) -> int:
        return len(self._batches(self.labels, self.labels))

    def __iter__(self) -> Iterator[list[int]]:
        members, labels = torch.arange(len(self.labels)), self.labels
        if self.shuffle:
            members = torch.randperm(len(labels), generator=self.generator)
            labels = torch.randperm(int(labels.max()) + 1, generator=self.generator)[labels][members]
        batches = self._batches(members, labels)
        if self.shuffle:
            batches = [batches[place] for place in torch.randperm(len(batches), generator=self.generator)]
        return iter([batch.tolist() for batch in batches])
