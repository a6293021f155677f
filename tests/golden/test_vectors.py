"""Every golden vector against perdita."""

from __future__ import annotations

import copy
import itertools

import pytest

from tests.golden.adapters import load_adapters
from tests.golden.compare import Case, differences

SHOWN = 10


@pytest.mark.filterwarnings("ignore:.* expects logits, but these rows look like probabilities")  # a vector's may
def test_vectors(golden: Case | str) -> None:
    if isinstance(golden, str):
        pytest.fail(golden, pytrace=False)
    adapter = load_adapters()[golden.slug]
    got = adapter(copy.deepcopy(dict(golden.inputs)), copy.deepcopy(dict(golden.params)))
    found = list(itertools.islice(differences(dict(golden.expected), got, golden.rtol, golden.atol), SHOWN))
    assert not found, "\n".join(found)
