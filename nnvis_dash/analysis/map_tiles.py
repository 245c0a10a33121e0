"""A layer's output as small pictures of its channels: averaged down, in 256 steps, with the values that they stand for.

Also says which layers have channels at all, and whose units they are: a ReLU's or a pooling's channels are those of the
convolution before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.graph import Graph, Step
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

Bytes = npt.NDArray[np.uint8]

# What keeps a channel a channel: each one's values depend on that channel alone.
_KEEPS_CHANNELS = frozenset(
    {
        "Activation", "ActivityRegularization", "AveragePooling2D", "BatchNormalization", "Cropping2D", "Dropout",
        "ELU", "Flatten", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
        "Identity", "LeakyReLU", "MaxPooling2D", "PReLU", "ReLU", "Relu", "Relu6", "Rescaling", "Reshape", "Resizing",
        "Sigmoid", "Silu", "Softmax", "SpatialDropout2D", "UpSampling2D", "ZeroPadding2D",
    }
)  # fmt: skip
_FLATTENS = frozenset({"Flatten", "Reshape"})
_ADVICE = 6  # layers that a message names


def as_maps(output: npt.NDArray[Any], graph: Graph, layer: str) -> Floats:
    """Return a layer's output for one image as (h, w, C): a vector as C maps of one position, tokens as one column.

    Parameters
    ----------
    output : array without the batch axis
    graph : Graph
    layer : str

    Raises
    ------
    ParameterError
        A layer whose outputs are no channels; names layers near it that have some.
    """
    if not 1 <= output.ndim <= 3 or output.size == 0 or not has_channels(graph, graph.step(layer)):
        raise ParameterError(_what(output, graph.step(layer)), _mend(graph, layer))
    return output.reshape(
        (1, 1, -1) if output.ndim == 1 else (-1, 1, output.shape[1]) if output.ndim == 2 else output.shape
    )


def has_channels(graph: Graph, step: Step) -> bool:
    """Whether the last axis of a step's output counts channels: not where positions were flattened into it."""
    if not 1 <= len(step.shapes[0]) <= 3:
        return False
    while len(step.shapes[0]) == 1 and not step.n_units:
        before = graph.before(step)
        if before is None or len(step.inputs) != 1:
            break
        if step.shapes[0][-1] != before.shapes[0][-1]:
            return step.kind not in _FLATTENS
        step = before
    return True


def unit_layer(graph: Graph, layer: str) -> str | None:
    """Return the layer whose units a layer's channels are: itself, or one before it; None where they are no one's."""
    step = graph.step(layer)
    while not step.n_units:
        before = graph.before(step)
        if before is None or step.kind not in _KEEPS_CHANNELS or step.shapes[0][-1] != before.shapes[0][-1]:
            return None
        step = before
    return step.name


def shrunk(maps: Floats, side: int) -> Floats:
    """Average maps down so that neither side has more than `side` positions.

    Parameters
    ----------
    maps : (h, w, C) float32
    side : int

    Returns
    -------
    (h', w', C) float32
        Means of blocks of k × k positions, k the least that does; the last blocks are of what is left. `maps` itself
        for k = 1.
    """
    height, width, channels = maps.shape
    k = -(-max(height, width) // side)
    if k <= 1:
        return maps
    tall, wide = -(-height // k), -(-width // k)
    if (tall * k, wide * k) != (height, width):
        maps = np.pad(maps, ((0, tall * k - height), (0, wide * k - width), (0, 0)))
    sums = maps.reshape(tall, k, wide * k * channels).sum(axis=1).reshape(tall, wide, k, channels).sum(axis=2)
    return sums / (_block(height, k)[:, None] * _block(width, k))[:, :, None]


def tiles_of(maps: Floats) -> Floats:
    """Return (h, w, C) maps as (C, h, w), without NaN and infinities: those become 0 and the greatest numbers."""
    tiles = np.ascontiguousarray(np.moveaxis(maps, -1, 0), np.float32)
    return tiles if np.isfinite(tiles.sum()) else np.nan_to_num(tiles)


def extremes(*tiles: Floats) -> tuple[Floats, Floats]:
    """Return (C,) the least and (C,) the greatest value of each channel over several arrays (C, h, w)."""
    low = np.minimum.reduce([one.min(axis=(1, 2)) for one in tiles])
    high = np.maximum.reduce([one.max(axis=(1, 2)) for one in tiles])
    return low, high


def quantised(tiles: Floats, low: Floats, high: Floats) -> Bytes:
    """Return (C, h, w) uint8: 0 for `low` (C,), 255 for `high` (C,), evenly between; 0 where both are equal."""
    span = high.astype(np.float64) - low
    scale = np.divide(255.0, span, out=np.zeros(len(span)), where=span > 0)
    steps = (tiles - low[:, None, None].astype(np.float64)) * scale[:, None, None]
    return np.rint(np.clip(steps, 0, 255)).astype(np.uint8)


def signed(tiles: Floats, reach: Floats) -> Bytes:
    """Return (C, h, w) uint8: 128 for 0, 255 for `reach` (C,), 1 for −`reach`; 128 where that is 0."""
    scale = np.divide(127.0, reach, out=np.zeros(len(reach)), where=reach > 0)
    return np.rint(128 + np.clip(tiles * scale[:, None, None], -127, 127)).astype(np.uint8)


def _block(extent: int, k: int) -> Floats:
    """Return how many positions each block of `k` has along an axis."""
    starts = np.arange(0, extent, k)
    return np.minimum(k, extent - starts).astype(np.float32)


def _what(output: npt.NDArray[Any], step: Step) -> str:
    shape = " × ".join(str(size) for size in output.shape) or "one number"
    if output.ndim == 1:
        return f"The layer {step.name!r} ({step.kind}) puts out {len(output):,} numbers that are no channels"
    return f"The output of the layer {step.name!r} ({step.kind}), {shape}, has no maps of channels"


def _mend(graph: Graph, layer: str) -> str:
    """Name the layers nearest to one that have channels."""
    names = [step.name for step in graph.steps if len(step.outputs) == 1]
    at = names.index(layer)
    near = sorted(range(len(names)), key=lambda place: (abs(place - at), place))
    shown = [names[place] for place in near if has_channels(graph, graph.step(names[place]))][:_ADVICE]
    return f"Choose one of: {', '.join(shown)}." if shown else "This classifier has no layer with channels."
