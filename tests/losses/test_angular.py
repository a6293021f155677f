"""Angular heads and proxies: equal to pytorch-metric-learning's, finite at the ends, and what the filter keeps."""

import math
import warnings

import pytest
import torch
from pytorch_metric_learning import losses as peer
from torch.func import functional_call

import perdita
from perdita.losses.embedding.angular.lengths import length_margin, multiply_angle
from perdita.losses.embedding.angular.margins import add_angle
from perdita.losses.embedding.angular.unified_negatives import batch_negatives

CLASSES, DIMENSION = 5, 7
SIZES = {"classes": CLASSES, "dimension": DIMENSION}


def drawn(n=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(n, DIMENSION, generator=generator, dtype=torch.float64)
    return embedding, torch.randint(CLASSES, (n,), generator=generator)


def peers(name, **options):
    with warnings.catch_warnings():  # theirs calls SciPy with a tensor, in a way that NumPy deprecates
        warnings.filterwarnings("ignore", "__array_wrap__", DeprecationWarning)
        return getattr(peer, name)(num_classes=CLASSES, embedding_size=DIMENSION, **options).double()


DEGREES = math.degrees(1.2)
PAIRS = [
    ("NormFace", {}, "NormalizedSoftmaxLoss", {}),
    ("CosFace", {}, "CosFaceLoss", {}),
    ("ArcFace", {"margin": math.radians(28.6)}, "ArcFaceLoss", {}),
    ("ArcFace", {"margin": 1.2, "scale": 5.0}, "ArcFaceLoss", {"margin": DEGREES, "scale": 5}),
    ("ArcFace", {"margin": 1.2, "centers": 3}, "SubCenterArcFaceLoss", {"margin": DEGREES}),
    ("SphereFace", {}, "SphereFaceLoss", {}),
    ("SphereFace", {"margin": 3, "scale": 2.0}, "SphereFaceLoss", {"margin": 3, "scale": 2}),
    ("SphereFace", {"unit_vectors": False}, "LargeMarginSoftmaxLoss", {}),
    ("ProxyNca", {}, "ProxyNCALoss", {}),
    ("ProxyNca", {"scale": 3.0}, "ProxyNCALoss", {"softmax_scale": 3}),
    ("ProxyAnchor", {}, "ProxyAnchorLoss", {}),
    ("SoftTriple", {}, "SoftTripleLoss", {}),
]


@pytest.mark.parametrize(("name", "options", "theirs", "settings"), PAIRS)
def test_equals_pytorch_metric_learning(name, options, theirs, settings):
    """The value, and the gradients of the embeddings and of the class vectors."""
    ours, theirs = getattr(perdita, name)(**SIZES, **options).double(), peers(theirs, **settings)
    (parameter,) = theirs.parameters()
    vectors = ours.class_vectors.detach()
    with torch.no_grad():
        parameter.copy_(vectors if parameter.shape == vectors.shape else vectors.T)
    embedding, label = drawn()
    mine, other = embedding.clone().requires_grad_(), embedding.clone().requires_grad_()
    given = torch.nn.functional.normalize(other) if name == "NormFace" else other  # theirs multiplies by its length
    value, expected = ours(mine, label), theirs(given, label)
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-9)
    value.backward(), expected.backward()
    torch.testing.assert_close(mine.grad, other.grad, rtol=1e-6, atol=1e-9)
    found = parameter.grad if parameter.shape == vectors.shape else parameter.grad.T
    torch.testing.assert_close(ours.class_vectors.grad, found, rtol=1e-6, atol=1e-9)


def test_class_vectors_of_sub_centers_lie_as_the_peer_has_them():
    """The closest of a class's own centers counts: a class with one perfect center has no loss from its others."""
    criterion = perdita.ArcFace(classes=2, dimension=3, centers=2, margin=0.0, scale=50.0)
    vectors = torch.tensor([[1.0, 0, 0], [0, 0, 1.0], [0, 1.0, 0], [0, -1.0, 0]])
    value = functional_call(criterion, {"class_vectors": vectors}, (torch.eye(3)[:1], torch.tensor([0])))
    assert value.item() < 1e-9


def test_an_embedding_on_its_class_vector_has_a_finite_gradient():
    for criterion in (perdita.ArcFace(**SIZES), perdita.MagFace(**SIZES), perdita.Unpg(**SIZES)):
        for sign in (1.0, -1.0):
            embedding = (sign * criterion.class_vectors.detach()).requires_grad_()
            criterion(embedding, torch.arange(CLASSES)).backward()
            assert embedding.grad.isfinite().all()
            assert criterion.class_vectors.grad.isfinite().all()


def test_margins_of_the_angle():
    angle = torch.linspace(0.01, math.pi - 0.01, 200, dtype=torch.float64)
    torch.testing.assert_close(add_angle(angle.cos(), 0.5), (angle + 0.5).cos())
    easy = add_angle(angle.cos(), 0.5, "easy")
    torch.testing.assert_close(easy, torch.where(angle < math.pi / 2, (angle + 0.5).cos(), angle.cos()))
    linear = add_angle(angle.cos(), 0.5, "linear")
    assert (linear.diff() < 0).all()  # the further away, the dearer
    assert not (add_angle(angle.cos(), 0.5).diff() < 0).all()
    for times in (1, 2, 3, 4, 5):
        found = multiply_angle(angle.cos(), times)
        assert (found.diff() < 0).all()
        assert found[-1].item() == pytest.approx(1 - 2 * times, abs=0.01)


def test_margin_of_the_length():
    margin, short = length_margin(torch.tensor([1.0, 10.0, 60.0, 110.0, 500.0]))
    torch.testing.assert_close(margin, torch.tensor([0.45, 0.45, 0.625, 0.8, 0.8]))
    assert (short.diff()[1:3] < 0).all()  # longer costs less, and nothing changes beyond the ends
    assert short[0] == short[1]


@pytest.mark.parametrize("head", ["arc_face", "cos_face", "mag_face"])
def test_without_negative_pairs_unpg_is_its_head(head):
    embedding, _ = drawn(6)
    label = torch.full((6,), 2)
    plain = {
        "arc_face": perdita.ArcFace(**SIZES, margin=0.5, beyond="plain"),
        "cos_face": perdita.CosFace(**SIZES, margin=0.5),
        "mag_face": perdita.MagFace(**SIZES),
    }[head].double()
    unified = perdita.Unpg(**SIZES, head=head).double()
    unified.load_state_dict(plain.state_dict())
    torch.testing.assert_close(unified(embedding, label), plain(embedding, label))
    torch.testing.assert_close(unified(embedding[:1], label[:1]), plain(embedding[:1], label[:1]))


def test_what_the_filter_keeps():
    embedding, label = drawn(30, seed=1)
    cosine, every = batch_negatives(embedding, label, whisker=None)
    _, kept = batch_negatives(embedding, label, whisker=0.2)
    negatives = cosine[every].sort().values
    low, high = negatives[len(negatives) // 4], negatives[3 * len(negatives) // 4]
    reach = 0.2 * (high - low)
    inside = (cosine >= low - reach) & (cosine <= high + reach) & every
    assert torch.equal(kept, inside)
    assert 0 < kept.sum() < every.sum() == (label.unsqueeze(0) != label.unsqueeze(1)).sum() // 2


def test_more_negatives_cost_more_and_reach_both_items_of_a_pair():
    embedding, label = drawn(8)
    label = torch.arange(8) % CLASSES
    given = {**SIZES, "head": "cos_face", "scale": 4.0}
    loose = perdita.Unpg(**given, filtered=False).double()
    strict = perdita.Unpg(**given, whisker=0.0).double()
    strict.load_state_dict(loose.state_dict())
    assert loose(embedding, label) > strict(embedding, label)
    leaf = embedding.clone().requires_grad_()
    loose(leaf, label, mask=torch.arange(8) < 6).backward()
    assert (leaf.grad[:6].abs().sum(1) > 0).all()
    assert (leaf.grad[6:] == 0).all()


@pytest.mark.parametrize("name", ["ArcFace", "NormFace", "SphereFace", "Unpg", "ProxyNca", "ProxyAnchor", "SoftTriple"])
def test_bad_input_is_named(name):
    criterion = getattr(perdita, name)(**SIZES)
    with pytest.raises(perdita.InputError, match=r"label must hold class indices from 0 to 4, but holds 5"):
        criterion(torch.zeros(2, DIMENSION), torch.tensor([0, 5]))
    with pytest.raises(perdita.InputError, match=r"embedding must be \(n, 7\)"):
        criterion(torch.zeros(2, DIMENSION + 1), torch.tensor([0, 1]))
    with pytest.raises(perdita.InputError, match="classes"):
        getattr(perdita, name)(classes=0, dimension=2)


def test_mag_face_wants_lengths_that_increase():
    with pytest.raises(perdita.InputError, match="lengths"):
        perdita.MagFace(**SIZES, lengths=(3.0, 2.0))


def test_proxy_nca_without_its_own_proxy_is_the_first_papers():
    embedding, label = drawn()
    criterion = perdita.ProxyNca(**SIZES, own_in_sum=False, reduction="none").double()
    unit = torch.nn.functional.normalize
    square = torch.cdist(unit(embedding), unit(criterion.class_vectors)).square()
    own = torch.nn.functional.one_hot(label, CLASSES).bool()
    expected = square[own] + (-square).masked_fill(own, -torch.inf).logsumexp(1)
    torch.testing.assert_close(criterion(embedding, label), expected)
