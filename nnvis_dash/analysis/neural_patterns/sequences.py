"""Which unit of every layer an image excites most: one row of an aligned table for each image.

A unit belongs to its layer, so a column is a layer and a row is an image's path through the network; every pattern of
units is found in this table alone (`mining`), without the classifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.index import Index
from nnvis_dash.errors import ParameterError

Table: TypeAlias = npt.NDArray[np.signedinteger[Any]]

NO_UNIT = -1  # stands where no unit of a layer is more active than the others
READINGS = ("max", "mean")  # of a unit over the positions of its map
_ROWS = 2048  # of an index that are read at once


@dataclass(frozen=True, eq=False)
class Sequences:
    """The most active unit of every layer, for every image.

    Attributes
    ----------
    channels : (N, L) int16, or int32 where a layer has more than 32,767 units
        Its channel; -1 where no unit of the layer is more active than the others.
    layers : tuple of str
        Names of the L layers, in the classifier's order.
    n_classes : int
        Of the classifier; 0 where it isn't known.

    Raises
    ------
    ParameterError
        A table that isn't (N, L) whole numbers from -1 up.
    """

    channels: Table
    layers: tuple[str, ...]
    n_classes: int = 0

    def __post_init__(self) -> None:
        """Check the table."""
        table = self.channels
        if table.ndim != 2 or table.shape[1] != len(self.layers) or not np.issubdtype(table.dtype, np.signedinteger):
            raise ParameterError(
                f"The sequences are {table.shape} {table.dtype} for {len(self.layers)} layers",
                "Give whole numbers (images, layers).",
            )
        if table.size and table.min() < NO_UNIT:
            raise ParameterError(f"There is a channel {table.min()} in the sequences", "Give channels, or -1 for none.")

    def __len__(self) -> int:
        return len(self.channels)


def unit_sequences(index: Index, by: str = "max") -> Sequences:
    """Read from an index which unit of every layer each image excites most.

    Parameters
    ----------
    index : Index
        Its units give the layers: convolution and dense ones, the last too.
    by : {"max", "mean"}
        What of a unit's map is compared: its highest activation, or its mean.

    Returns
    -------
    Sequences
        Of units that are equally active the one with the lowest channel. -1 where all units of a layer are equal: where
        none is active behind a ReLU, and in a layer of one unit.

    Raises
    ------
    ParameterError
        An index without units, or no such reading.

    References
    ----------
    Park et al., "VATUN: Visual Analytics for Testing and Understanding Convolutional Neural Networks", EuroVis 2021.
    """
    if by not in READINGS:
        raise ParameterError(f"Units can't be read by {by!r}", f"Use one of: {', '.join(READINGS)}.")
    if not index.units:
        raise ParameterError(
            "The index has no units: the classifier is a TensorFlow graph without layers",
            "Neural patterns need a Keras model with convolution or dense layers.",
        )
    units = index.units
    starts = [column for column, unit in enumerate(units) if column == 0 or unit.layer != units[column - 1].layer]
    spans = list(zip(starts, [*starts[1:], len(units)], strict=True))
    widest = max(stop - start for start, stop in spans)
    activations = index.unit_activations if by == "max" else index.unit_means
    table = np.empty((len(index), len(spans)), np.int16 if widest <= np.iinfo(np.int16).max else np.int32)
    for first in range(0, len(table), _ROWS):
        rows = np.asarray(activations[first : first + _ROWS])
        for column, (start, stop) in enumerate(spans):
            layer = rows[:, start:stop]
            told_apart = layer.max(axis=1) > layer.min(axis=1)
            table[first : first + len(rows), column] = np.where(told_apart, layer.argmax(axis=1), NO_UNIT)
    return Sequences(table, tuple(units[start].layer for start in starts), index.probabilities.shape[1])
