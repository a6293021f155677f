"""Cross networks: the order of their products, their layout of heads, and the supervision of their branches."""

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.nn.cross_network import ExponentialCross, FusedCrossNetwork, LinearCross


def order(network):
    """The degree in t of the features at t x: the highest finite difference that does not vanish.

    The mask relu(h) is piecewise linear in t, which adds a degree of its own: along positive t it is a plain product.
    """
    torch.manual_seed(0)
    x = torch.randn(1, 6, dtype=torch.float64)
    difference = torch.stack([network.features(t * x) for t in torch.arange(1.0, 14.0).double()])
    scale, degree = difference.abs().amax(), -1
    while difference.abs().amax() > 1e-9 * scale * 4.0**degree:
        difference, degree = difference.diff(dim=0), degree + 1
    return degree


def unmasked(kind, layers):
    """A network whose second halves are plain copies of h: the mask is 1 everywhere."""
    torch.manual_seed(1)
    network = kind(6, layers, layer_norm=False).double()
    network.norms = torch.nn.ModuleList(Ones() for _ in range(layers))
    return network


class Ones(torch.nn.Module):
    def forward(self, half):
        return torch.ones_like(half)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_order_grows_by_one_or_doubles(layers):
    assert order(unmasked(LinearCross, layers)) == layers + 1
    assert order(unmasked(ExponentialCross, layers)) == 2**layers


def test_a_layer_by_hand():
    torch.manual_seed(0)
    network = LinearCross(4, 1, layer_norm=False)
    x = torch.randn(3, 4)
    half = x @ network.weights[0].weight.T
    crossed = torch.cat([half, half * half.clamp(min=0)], 1) + network.biases[0]
    torch.testing.assert_close(network.features(x), x * crossed + x)
    assert ((network.biases[0] >= 0) & (network.biases[0] <= 1)).all()


def test_batch_norm_scales_the_mask_of_each_head_over_the_batch():
    torch.manual_seed(0)
    network = LinearCross(4, 1, layer_norm=False, batch_norm=3)
    x = torch.randn(5, 3, 4) * torch.tensor([1.0, 10.0, 100.0]).view(3, 1)
    half = x @ network.weights[0].weight.T  # (n, heads, d / 2)
    centred = half - half.mean((0, 2), keepdim=True)
    scaled = centred / (half.var((0, 2), correction=0, keepdim=True) + 1e-5).sqrt()
    crossed = torch.cat([half, half * scaled.relu()], 2) + network.biases[0]
    torch.testing.assert_close(network.features(x), x * crossed + x)
    fields = torch.randint(2, (6, 2))
    fused = FusedCrossNetwork([3, 2], width=4, heads=2, batch_norm=True)
    assert fused(fields)[1].shape == (6, 2)
    running = fused.linear.norms[0][0].running_mean
    assert running.shape == (2,)
    assert (running != 0).any()


def test_heads_hold_the_first_halves_of_all_fields_then_the_second():
    network = FusedCrossNetwork([3, 2], width=4, heads=2)
    with torch.no_grad():
        network.embedding.weight.copy_(torch.arange(5).unsqueeze(1) * 10.0 + torch.arange(8))
    seen = []
    network.exponential.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    logits, branches = network(torch.tensor([[1, 0]]))
    assert seen[0].tolist() == [[[10, 11, 30, 31, 12, 13, 32, 33], [14, 15, 34, 35, 16, 17, 36, 37]]]
    assert logits.shape == (1,)
    torch.testing.assert_close(logits, branches.mean(1))


def test_a_gradient_through_the_weights_may_turn_the_predictions_own():
    """Both branches lag and their losses sum to more than 1: the released gradient of z alone points the wrong way."""
    branches, target = torch.tensor([[4.0, -4.0]]), torch.tensor([1.0])
    slopes = []
    for detached in (True, False):
        logits = torch.tensor([-1.0], requires_grad=True)
        P.tri_bce(logits, branches - 2.0, target, detach_weights=detached).backward()
        slopes.append(logits.grad.item())
    assert slopes[0] < 0 < slopes[1]


def test_branches_that_are_no_worse_are_left_alone():
    logits, target = torch.tensor([0.5, -0.5]), torch.tensor([1.0, 0.0])
    same = torch.stack([logits, 3 * logits], 1)
    torch.testing.assert_close(P.tri_bce(logits, same, target), P.binary_cross_entropy(logits, target))


def test_the_positive_class_weighs_in_the_weights_of_the_branches_too():
    logits, branches, target = torch.tensor([1.0, -0.5]), torch.tensor([[-1.0], [2.0]]), torch.tensor([1.0, 0.0])
    own, lagging = (
        P.binary_cross_entropy(given, target, positive_weight=torch.tensor(3.0)) for given in (logits, branches[:, 0])
    )
    found = P.tri_bce(logits, branches, target, positive_weight=torch.tensor(3.0))
    torch.testing.assert_close(found, own + (lagging - own) * lagging)


def test_weights_are_copies_in_the_batch_means_too():
    generator = torch.Generator().manual_seed(0)
    logits, branches = torch.randn(3, generator=generator), torch.randn(3, 2, generator=generator)
    target, copies = torch.tensor([1, 0, 1]), torch.tensor([2, 1, 3])
    given = [tensor.repeat_interleave(copies, 0) for tensor in (logits, branches, target)]
    torch.testing.assert_close(P.tri_bce(logits, branches, target, weight=copies.float()), P.tri_bce(*given))


@pytest.mark.parametrize(("dimension", "layers"), [(5, 1), (4, 0), (0, 1)])
def test_bad_sizes_are_named(dimension, layers):
    with pytest.raises(InputError, match="dimension"):
        ExponentialCross(dimension, layers)


@pytest.mark.parametrize("given", [([], 4), ([3], 5), ([0, 2], 4)])
def test_bad_fields_are_named(given):
    with pytest.raises(InputError, match="sizes"):
        FusedCrossNetwork(*given)
