"""Receptive fields: which pixels of the input a position of a layer's map sees.

Two things are said. The *theoretical* field (size, stride, offset) is the usual one, of a position far from the border.
The *box* of a position is exact: it leaves out what lies beyond the image, and positions of padding, which see nothing.

Convolutions, pooling, padding, cropping, joins and everything that works on each position alone are followed; behind
any other layer (dense, global pooling, resizing, transposed convolution) a position sees the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.architecture import Shape, graph_with_layers, slot_shapes
from nnvis_dash.analysis.graph import Graph, Step
from nnvis_dash.analysis.incremental.moves import Move, move_of
from nnvis_dash.analysis.slots import Slot
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Numbers: TypeAlias = npt.NDArray[np.int64]

_EACH_POSITION = frozenset({"Dense", "LayerScale", "StochasticDepth"})
_OVER_CHANNELS = frozenset({"LayerNormalization", "RMSNormalization", "UnitNormalization"})
# Keras operations on one map and plain numbers, as `x * 0.5` leaves them.
_ARITHMETIC = frozenset(
    {
        "Abs", "Absolute", "Add", "Cast", "Clip", "Divide", "Exp", "Maximum", "Minimum", "Multiply", "Negative",
        "Power", "Sqrt", "Square", "Subtract", "TrueDivide",
    }
)  # fmt: skip


class Box(NamedTuple):
    """A rectangle of the classifier's input, in pixels; bottom and right are the first ones outside it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.bottom <= self.top or self.right <= self.left


class _Axis(NamedTuple):
    """What the positions of one map see along one axis.

    `low` and `high` (n,) are the first pixel and one past the last; where a position sees nothing, `low` is the image's
    extent and `high` 0. The position p sees stride·p + first ... stride·p + last in theory; None: the whole image.
    """

    low: Numbers
    high: Numbers
    theory: tuple[int, int, int] | None  # stride, first, last


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """What the positions of a layer see; pairs are (vertical, horizontal).

    Attributes
    ----------
    layer : str
    size : (int, int)
        Pixels that a position sees in theory; may be more than the image has. The image's where all of it is seen.
    stride : (int, int)
        Pixels from one position's field to the next one's; 0 where every position sees the whole image.
    offset : (int, int)
        The first pixel that position 0 sees in theory; negative where that is padding.
    image : (height, width)
        Of the input.
    positions : (h, w)
        Of the layer's map; (1, 1) for a layer without one.
    low, high : pair of (h,) and (w,) int64
        For each row and column of the map the first pixel that it sees, and one past the last.
    """

    layer: str
    size: tuple[int, int]
    stride: tuple[int, int]
    offset: tuple[int, int]
    image: tuple[int, int]
    positions: tuple[int, int]
    low: tuple[Numbers, Numbers]
    high: tuple[Numbers, Numbers]

    @property
    def is_whole(self) -> bool:
        """Whether every position may see the whole image, wherever it lies."""
        return 0 in self.stride

    def box(self, position: tuple[int, int] = (0, 0)) -> Box:
        """Return the smallest rectangle of pixels that a position (row, column) sees, inside the image.

        Returns
        -------
        Box
            (0, 0, 0, 0) where it sees nothing but padding.

        Raises
        ------
        ParameterError
            A position outside the map.
        """
        row, column = (int(number) for number in position)
        if not (0 <= row < self.positions[0] and 0 <= column < self.positions[1]):
            raise ParameterError(
                f"There is no position ({row}, {column}) in the layer {self.layer!r}",
                f"Its map has {self.positions[0]} × {self.positions[1]}, counted from 0.",
            )
        found = Box(
            *(int(axis[place]) for axis, place in zip(self.low, (row, column), strict=True)),
            *(int(axis[place]) for axis, place in zip(self.high, (row, column), strict=True)),
        )
        return Box(0, 0, 0, 0) if found.is_empty else found

    def centres(self, axis: int) -> npt.NDArray[np.float64]:
        """Return where, in pixels along an axis (0: vertical), the middle of each position's field lies.

        Positions that see the whole image are spread evenly over it.
        """
        numbers = np.arange(self.positions[axis], dtype=np.float64)
        if self.is_whole:
            return (numbers + 0.5) * self.image[axis] / self.positions[axis] - 0.5
        return self.offset[axis] + self.stride[axis] * numbers + (self.size[axis] - 1) / 2


def receptive_field(clf: Classifier | Graph, layer: str) -> ReceptiveField:
    """Find which pixels the positions of a layer see.

    Parameters
    ----------
    clf : Classifier or Graph
        A graph must have a fixed input size.
    layer : str

    Returns
    -------
    ReceptiveField
        Joined branches see what any of them sees: the smallest rectangle around it.

    Raises
    ------
    NotFound
        No such layer.
    ParameterError
        A graph without layers, or of open size.

    References
    ----------
    Araujo et al., "Computing receptive fields of convolutional neural networks", Distill 2019,
    doi:10.23915/distill.00021, eq. 2-5.
    """
    graph = graph_with_layers(clf, "A receptive field")
    wanted = graph.step(layer)
    shapes = slot_shapes(clf)
    if None in shapes[0]:
        raise ParameterError(f"The graph takes images of any size: {shapes[0]}", "Give the classifier, which has one.")
    image = (int(shapes[0][0] or 0), int(shapes[0][1] or 0))
    seen: dict[int, tuple[_Axis, _Axis]] = {0: (_pixels(image[0]), _pixels(image[1]))}
    for step in graph.steps:
        concrete = replace(step, shapes=tuple(shapes[slot] for slot in step.outputs))
        given = [shapes[slot] for slot in step.inputs]
        move = _point(concrete, given) or move_of(concrete, given)
        for slot in step.outputs:
            if move is None or any(source not in seen for source in step.inputs):
                continue  # the whole image
            seen[slot] = (
                _moved(concrete, move, [seen[source][0] for source in step.inputs], image[0], 0),
                _moved(concrete, move, [seen[source][1] for source in step.inputs], image[1], 1),
            )
        if wanted is step:
            break
    shape = shapes[wanted.outputs[0]]
    positions = (int(shape[0] or 1), int(shape[1] or 1)) if len(shape) == 3 else (1, 1)
    axes = seen.get(wanted.outputs[0]) or (_whole(positions[0], image[0]), _whole(positions[1], image[1]))
    theory = [
        (0, 0, extent - 1) if axis.theory is None else axis.theory for axis, extent in zip(axes, image, strict=True)
    ]
    return ReceptiveField(
        layer=layer,
        size=(theory[0][2] - theory[0][1] + 1, theory[1][2] - theory[1][1] + 1),
        stride=(theory[0][0], theory[1][0]),
        offset=(theory[0][1], theory[1][1]),
        image=image,
        positions=positions,
        low=(axes[0].low, axes[1].low),
        high=(axes[0].high, axes[1].high),
    )


def _pixels(extent: int) -> _Axis:
    return _Axis(np.arange(extent), np.arange(extent) + 1, (1, 0, 0))


def _whole(n: int, extent: int) -> _Axis:
    return _Axis(np.zeros(n, np.int64), np.full(n, extent), None)


def _point(step: Step, shapes: list[Shape]) -> Move | None:
    """Return a move for the layers that work on each position alone and that only whole maps are known for."""
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][:2] != step.shapes[0][:2] or len(step.outputs) != 1:
        return None
    if step.kind in _OVER_CHANNELS:
        axis = getattr(step.operation, "axis", -1)
        alone = (list(axis) if isinstance(axis, (list, tuple)) else [axis]) in ([-1], [3])
    elif step.is_layer:
        alone = step.kind in _EACH_POSITION
    else:
        numbers = [entry for entry in (*step.args, *step.kwargs.values()) if not isinstance(entry, Slot)]
        alone = step.kind in _ARITHMETIC and all(isinstance(entry, (int, float, str)) for entry in numbers)
    return Move("point", lambda inputs: inputs[0]) if alone else None


def _moved(step: Step, move: Move, inputs: list[_Axis], extent: int, axis: int) -> _Axis:
    """Return what the output of a step sees along one axis."""
    if move.kind != "window":
        low = np.min([source.low for source in inputs], axis=0)
        high = np.max([source.high for source in inputs], axis=0)
        theories = [source.theory for source in inputs]
        known = [theory for theory in theories if theory is not None]
        if len(known) < len(theories) or len({stride for stride, _, _ in known}) > 1:
            return _Axis(low, high, None)
        firsts, lasts = [first for _, first, _ in known], [last for _, _, last in known]
        return _Axis(low, high, (known[0][0], min(firsts), max(lasts)))
    (source,) = inputs
    dilation = getattr(step.operation, "dilation_rate", (1, 1))
    apart = int(dilation[axis])
    pace, before, reach = move.stride[axis], move.before[axis], move.reach[axis]
    taps = np.arange(int(step.shapes[0][axis] or 0))[:, None] * pace - before + np.arange(0, reach, apart)
    inside = (taps >= 0) & (taps < len(source.low))
    read = np.clip(taps, 0, len(source.low) - 1)
    low = np.where(inside, source.low[read], extent).min(axis=1)
    high = np.where(inside, source.high[read], 0).max(axis=1)
    if source.theory is None:
        return _Axis(low, high, None)
    stride, first, last = source.theory
    return _Axis(low, high, (stride * pace, first - stride * before, last + stride * (reach - 1 - before)))
