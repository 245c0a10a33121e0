"""Drafts: a contract that is written from sweeps is read back, and kept by the same sweeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.contract.drafting import draft_contract
from nnvis_dash.analysis.contract.intervals import wilson
from nnvis_dash.analysis.contract.judging import judge
from nnvis_dash.analysis.contract.reading import read_contract
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.errors import ParameterError
from tests.unit.analysis.contract.sweeps import swept


def drawn(seed: int, n: int, right: float, name: str = "rotation", degrees: tuple[float, ...] = (-15, 0, 15)) -> Sweep:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    wrong = rng.random((n, len(degrees))) > right
    return swept(np.where(wrong, (labels[:, None] + 1) % 3, labels[:, None]).tolist(), labels.tolist(), degrees, name)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 60), st.floats(0, 1), st.sampled_from(["estimate", "confidence"]))
def test_a_draft_is_kept_by_what_it_was_drafted_from(seed: int, n: int, right: float, decide: str) -> None:
    own = [drawn(seed, n, right), drawn(seed, n, right, "gaussian_noise", (0, 1, 3))]
    others = [drawn(seed + 1, n, 0.9)]
    others[0] = swept(others[0].prediction.tolist(), own[0].labels.tolist())
    text = draft_contract(own, dataset="pets", classifier="net", against="old", others=others)
    contract = read_contract(text.replace("decide: estimate", f"decide: {decide}"))
    assert judge(contract, own, others).held, text
    assert [rule.compared for rule in contract.rules] == [False, False, True, False, False]


def test_the_limits_are_the_lower_ends_of_intervals_rounded_down() -> None:
    own = swept([[0, 0, 0]] * 9 + [[0, 0, 1]] + [[1, 1, 1]] * 4, [0] * 10 + [1] * 4)
    contract = read_contract(draft_contract([own], dataset="d", classifier="c"))
    whole, every = contract.rules
    low = np.floor(100 * np.array([wilson(14, 14, 0.95)[0], wilson(14, 14, 0.95)[0], wilson(13, 14, 0.95)[0]])) / 100
    assert whole.limits == tuple(low) and whole.classes == "all"
    assert every.limits[0] == np.floor(100 * wilson(4, 4, 0.95)[0]) / 100  # the dogs: fewest images
    assert every.change == whole.change == own.change


@pytest.mark.parametrize("name", ["a\nb: [", "\"quoted\" 'too' # no comment", "日本語 é 🙂", "yes", "- x", "a" * 300])
def test_any_name_is_read_back_as_it_was(name: str) -> None:
    text = draft_contract([drawn(0, 9, 0.9)], dataset=name, classifier=name, samples=5, seed=2)
    if "\n" in name:
        with pytest.raises(ParameterError, match="of one line"):
            read_contract(text)
        return
    contract = read_contract(text)
    assert contract.dataset.ref == contract.classifier.ref == name and (contract.samples, contract.seed) == (5, 2)


def test_degrees_and_parameters_are_read_back_exactly() -> None:
    found = drawn(0, 9, 0.9, degrees=(-1e-05, 0, 0.30000000000000004))
    contract = read_contract(draft_contract([found], dataset="d", classifier="c"))
    assert contract.rules[0].change == found.change


def test_without_answers_there_is_nothing_to_draft() -> None:
    with pytest.raises(ParameterError, match="Nothing is simulated yet"):
        draft_contract([], dataset="d", classifier="c")
    with pytest.raises(ParameterError, match="Nothing is simulated yet"):
        draft_contract([swept([[0, 0, 0]], [-1])], dataset="d", classifier="c")
