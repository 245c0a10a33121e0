"""The most active unit of every layer."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.index import Index
from nnvis_dash.analysis.neural_patterns import Sequences, unit_sequences
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit

UNITS = (Unit("conv", 0), Unit("conv", 1), Unit("conv", 2), Unit("dense", 0), Unit("dense", 1))


def indexed(activations: list[list[float]], means: list[list[float]] | None = None) -> Index:
    """Return an index of these activations of `UNITS`."""
    greatest = np.array(activations, np.float32)
    return Index(
        probabilities=np.full((len(greatest), 2), 0.5, np.float32),
        features=np.zeros((len(greatest), 1), np.float32),
        unit_activations=greatest,
        unit_means=greatest if means is None else np.array(means, np.float32),
        units=UNITS,
    )


def test_each_layer_gives_the_channel_of_its_highest_activation() -> None:
    found = unit_sequences(indexed([[0, 2, 1, 5, 4], [3, 0, 0, -2, -1]]))
    assert found.layers == ("conv", "dense")
    assert found.channels.tolist() == [[1, 0], [0, 1]]
    assert (found.channels.dtype, found.n_classes, len(found)) == (np.int16, 2, 2)


def test_of_equally_active_units_the_first_counts() -> None:
    assert unit_sequences(indexed([[0, 4, 4, 1, 0]])).channels.tolist() == [[1, 0]]


def test_a_layer_without_an_active_unit_has_none() -> None:
    assert unit_sequences(indexed([[0, 0, 0, 1, 0], [1, 0, 0, 7, 7]])).channels.tolist() == [[-1, 0], [0, -1]]


def test_a_layer_of_one_unit_has_nothing_to_choose() -> None:
    index = indexed([[0, 2, 1, 5, 4]])
    single = Index(index.probabilities, index.features, index.unit_activations[:, :4], index.unit_means, UNITS[:4])
    assert unit_sequences(single).channels.tolist() == [[1, -1]]


def test_units_may_be_read_by_their_mean() -> None:
    index = indexed([[9, 1, 0, 0, 1]], means=[[0.1, 0.5, 0, 0, 1]])
    assert unit_sequences(index, by="mean").channels.tolist() == [[1, 1]]
    with pytest.raises(ParameterError, match=r"can't be read by 'median'.*max, mean"):
        unit_sequences(index, by="median")


def test_more_rows_than_are_read_at_once_give_the_same() -> None:
    activations = np.random.default_rng(0).integers(0, 3, (5000, 5)).tolist()
    found = unit_sequences(indexed(activations)).channels
    for row in (0, 2047, 2048, 4999):
        assert found[row].tolist() == unit_sequences(indexed([activations[row]])).channels[0].tolist()


def test_layers_with_many_units_have_wider_numbers() -> None:
    wide = np.zeros((1, 40_000), np.float32)
    wide[0, 39_999] = 1
    index = Index(np.ones((1, 1), np.float32), wide, wide, wide, tuple(Unit("dense", unit) for unit in range(40_000)))
    assert unit_sequences(index).channels.tolist() == [[39_999]]


def test_an_index_without_units_is_refused_in_words() -> None:
    none = np.zeros((3, 0), np.float32)
    with pytest.raises(ParameterError, match=r"no units: the classifier is a TensorFlow graph.*Keras model"):
        unit_sequences(Index(np.ones((3, 2), np.float32), none, none, none, ()))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (np.zeros((2, 3), np.int16), "for 2 layers"),
        (np.zeros((2, 2), np.float32), "float32"),
        (np.zeros(2, np.int16), "whole numbers"),
        (np.array([[0, -2]], np.int16), "channel -2"),
    ],
)
def test_a_table_that_holds_no_sequences_is_refused(table: np.ndarray, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Sequences(table, ("conv", "dense"))
