"""What units answer to: worked by hand, and against plain numpy over the whole table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.index import Index, index
from nnvis_dash.analysis.units import (
    class_histogram,
    column_of,
    most_activating,
    unit_responses,
    unit_statistics,
)
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Unit
from tests import networks

UNITS = (Unit("conv", 0), Unit("conv", 1), Unit("conv", 2), Unit("dense", 0))


def indexed(activations: np.ndarray, means: np.ndarray | None = None, units: tuple[Unit, ...] = UNITS) -> Index:
    none = np.zeros((len(activations), 0), np.float32)
    means = activations / 2 if means is None else means
    return Index(none, none, activations.astype(np.float32), means.astype(np.float32), units)


@pytest.fixture
def table() -> Index:
    """Six images; conv 1 is dead, conv 2 always 3."""
    return indexed(
        np.array([[1, 0, 3, -2], [5, 0, 3, 0], [3, 0, 3, 4], [0, 0, 3, 4], [3, 0, 3, 0], [0, 0, 3, -6]], float)
    )


# Responses


def test_mean_maximum_and_difference_by_hand(table: Index):
    chosen = [1, 2]
    np.testing.assert_allclose(unit_responses(table, chosen), [4, 0, 3, 2])
    np.testing.assert_allclose(unit_responses(table, chosen, by="mean"), [2, 0, 1.5, 1])
    np.testing.assert_allclose(unit_responses(table, chosen, measure="max"), [5, 0, 3, 4])
    np.testing.assert_allclose(unit_responses(table, chosen, measure="difference"), [3, 0, 0, 3])
    assert unit_responses(table, chosen).dtype == np.float32


def test_two_samples_and_two_classes_by_hand(table: Index):
    np.testing.assert_allclose(unit_responses(table, [1], against=[0], measure="difference"), [4, 0, 0, 2])
    labels = np.array([0, 0, 1, 1, 2, 2])
    found = unit_responses(table, labels == 0, against=labels == 1, measure="difference")
    np.testing.assert_allclose(found, [1.5, 0, 0, -5])
    swapped = unit_responses(table, labels == 1, against=labels == 0, measure="difference")
    np.testing.assert_allclose(swapped, -found)


def test_standardised_responses_are_in_deviations(table: Index):
    deviation = np.asarray(table.unit_activations, np.float64).std(axis=0)
    found = unit_responses(table, [1, 2], measure="difference", standardised=True)
    np.testing.assert_allclose(found[[0, 3]], [3 / deviation[0], 3 / deviation[3]], rtol=1e-6)
    assert found[1] == found[2] == 0  # a dead unit and one that never changes
    assert (unit_responses(table, [1], standardised=True)[[1, 2]] == 0).all()


def test_the_order_and_repetition_of_a_selection_change_nothing(table: Index):
    np.testing.assert_array_equal(unit_responses(table, [4, 1, 1]), unit_responses(table, [1, 4]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 400), st.integers(1, 40), st.sampled_from(["max", "mean"]))
def test_responses_are_those_of_the_whole_table(seed: int, n: int, n_units: int, by: str):
    rng = np.random.default_rng(seed)
    values = rng.normal(rng.normal(0, 100, n_units), rng.exponential(1, n_units), (n, n_units)).astype(np.float32)
    units = tuple(Unit("layer", channel) for channel in range(n_units))
    idx = indexed(values, values[::-1], units)
    table = (values if by == "max" else values[::-1]).astype(np.float64)
    mask = rng.random(n) < 0.5
    mask[:2] = True, False
    statistics = unit_statistics(idx, by)
    close = {"rtol": 1e-4, "atol": 2e-4}
    np.testing.assert_allclose(statistics.mean, table.mean(axis=0), **close)
    np.testing.assert_allclose(statistics.deviation, table.std(axis=0), rtol=1e-3, atol=2e-4)
    np.testing.assert_array_equal(statistics.greatest, table.max(axis=0).astype(np.float32))
    np.testing.assert_array_equal(statistics.least, table.min(axis=0).astype(np.float32))
    expected = table[mask].mean(axis=0) - table[~mask].mean(axis=0)
    for given_statistics in (None, statistics):
        found = unit_responses(idx, mask, by=by, measure="difference", statistics=given_statistics)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(unit_responses(idx, mask, by=by), table[mask].mean(axis=0), **close)
    np.testing.assert_array_equal(unit_responses(idx, mask, by=by, measure="max"), table[mask].max(axis=0))


def test_blocks_are_put_together_in_whatever_size(table: Index, monkeypatch: pytest.MonkeyPatch):
    expected = unit_statistics(table), unit_responses(table, [0, 2, 3, 5], measure="difference", standardised=True)
    monkeypatch.setattr("nnvis_dash.analysis.units._BLOCK", 1)
    found = unit_statistics(table)
    for name in ("mean", "deviation", "least", "greatest"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected[0], name), rtol=1e-6)
    np.testing.assert_allclose(
        unit_responses(table, [0, 2, 3, 5], measure="difference", standardised=True), expected[1], rtol=1e-6
    )


def test_a_dead_unit_is_known(table: Index):
    assert unit_statistics(table).dead.tolist() == [False, True, False, False]


def test_a_table_on_disk_gives_the_same(table: Index, tmp_path: Path):
    np.save(tmp_path / "activations.npy", table.unit_activations)
    stored = indexed(table.unit_activations)
    object.__setattr__(stored, "unit_activations", np.load(tmp_path / "activations.npy", mmap_mode="r"))
    found = unit_responses(stored, [1, 2], measure="difference", standardised=True)
    np.testing.assert_array_equal(found, unit_responses(table, [1, 2], measure="difference", standardised=True))
    assert type(found) is np.ndarray
    ids, values = most_activating(stored, UNITS[3], 2)
    assert ids.tolist() == [2, 3] and type(values) is np.ndarray


def test_a_real_index():
    clf = Classifier.from_keras(networks.residual(), preprocessing="unit")
    idx = index(clf, networks.images(20, (12, 12, 1)))
    found = unit_responses(idx, [3, 4], measure="difference", by="mean")
    assert found.shape == (len(idx.units),)
    expected = idx.unit_means[[3, 4]].mean(axis=0) - np.delete(idx.unit_means, [3, 4], axis=0).mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    unit = Unit("depthwise", 2)
    assert idx.units[column_of(idx, unit)] == unit
    ids, values = most_activating(idx, unit, n=20)
    assert sorted(ids) == list(range(20)) and (np.diff(values) <= 0).all()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"samples": []}, "No images are selected"),
        ({"samples": np.zeros(6, bool)}, "No images are selected"),
        ({"samples": [6]}, "no image 6"),
        ({"samples": [-1]}, "no image -1"),
        ({"samples": [0.5]}, "float64"),
        ({"samples": np.ones(5, bool)}, r"mask of \(5,\) for 6"),
        ({"samples": range(6), "measure": "difference"}, "no rest"),
        ({"samples": [1], "measure": "difference", "against": "others"}, "'others'"),
        ({"samples": [1], "measure": "difference", "against": []}, "No images are selected"),
        ({"samples": [1], "measure": "median"}, "no measure 'median'"),
        ({"samples": [1], "by": "sum"}, "by 'sum'"),
    ],
)
def test_what_cannot_be_asked_is_said(table: Index, given: dict, reason: str):
    with pytest.raises(ParameterError, match=reason):
        unit_responses(table, **given)


def test_statistics_of_something_else_are_refused(table: Index):
    with pytest.raises(ParameterError, match="by 'mean'"):
        unit_responses(table, [1], statistics=unit_statistics(table, "mean"))


def test_a_classifier_without_units_is_said():
    idx = indexed(np.zeros((3, 0)), units=())
    with pytest.raises(ParameterError, match="no units"):
        unit_responses(idx, [1])
    with pytest.raises((NotFound, ParameterError), match="without layers"):
        most_activating(idx, Unit("conv", 0))


# Most activating images


def test_most_activating_by_hand(table: Index):
    ids, values = most_activating(table, Unit("conv", 0), 3)
    assert ids.tolist() == [1, 2, 4] and values.tolist() == [5, 3, 3]  # equal ones by their ids
    assert most_activating(table, Unit("conv", 0), 2)[0].tolist() == [1, 2]
    assert most_activating(table, Unit("conv", 0))[0].tolist() == [1, 2, 4, 0]  # where it is 0, it is silent
    assert most_activating(table, Unit("dense", 0))[0].tolist() == [2, 3, 0, 5]  # a unit without a rectifier
    assert most_activating(table, Unit("conv", 0), 2, by="mean")[1].tolist() == [2.5, 1.5]
    assert most_activating(table, Unit("conv", 2), 4)[0].tolist() == [0, 1, 2, 3]


def test_most_activating_of_some_images(table: Index):
    mask = np.array([1, 0, 0, 1, 1, 0], bool)
    assert most_activating(table, Unit("conv", 0), 2, samples=mask)[0].tolist() == [4, 0]
    assert most_activating(table, Unit("conv", 0), 2, samples=[4, 3, 0])[0].tolist() == [4, 0]


def test_a_dead_unit_has_no_images(table: Index):
    ids, values = most_activating(table, Unit("conv", 1))
    assert len(ids) == len(values) == 0
    np.testing.assert_array_equal(class_histogram(ids, [0, 1, 2, 0, 1, 2], 3), [0, 0, 0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-2, 3), min_size=1, max_size=30), st.integers(1, 12))
def test_most_activating_is_the_head_of_a_stable_sort(values: list[int], n: int):
    idx = indexed(np.array(values, float)[:, None], units=(Unit("dense", 0),))
    expected = sorted((-value, number) for number, value in enumerate(values) if value)[:n]
    ids, found = most_activating(idx, Unit("dense", 0), n)
    assert [(-value, number) for number, value in zip(ids, found, strict=True)] == expected


def test_units_that_are_not_there_are_said(table: Index):
    with pytest.raises(NotFound, match="layer with units 'pool'"):
        most_activating(table, Unit("pool", 0))
    for channel in (3, -1):
        with pytest.raises(ParameterError, match=f"no unit {channel} in the layer 'conv'.*0 to 2"):
            most_activating(table, Unit("conv", channel))
    with pytest.raises(ParameterError, match="The 0 most"):
        most_activating(table, Unit("conv", 0), 0)


# Class histogram


def test_a_class_histogram_by_hand():
    labels = np.array([2, 0, 2, -1, 1])
    np.testing.assert_array_equal(class_histogram([0, 2, 3, 1], labels, 4), [1, 0, 2, 0])
    assert class_histogram([0, 2], None, 4) is None
    np.testing.assert_array_equal(class_histogram([], labels, 2), [0, 0])


def test_labels_and_ids_that_do_not_fit_are_said():
    with pytest.raises(ParameterError, match="5 labels"):
        class_histogram([5], np.zeros(5, int), 2)
    with pytest.raises(ParameterError, match="label is 3"):
        class_histogram([0], [3], 3)
