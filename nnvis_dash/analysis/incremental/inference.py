"""Outputs of a classifier for images that differ from one image in a window.

Invariants: the result is that of the whole image, up to the rounding of float32; it doesn't depend on which windows are
computed together; memory is bounded whatever the number of windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.ends import preprocessed, removes_ending
from nnvis_dash.analysis.graph import Graph, Step, Tensor
from nnvis_dash.analysis.incremental.moves import Move, move_of
from nnvis_dash.analysis.incremental.patches import Patches
from nnvis_dash.analysis.incremental.reach import Bucket, Reach, buckets, placed, reach
from nnvis_dash.analysis.incremental.readouts import Readout
from nnvis_dash.analysis.lean import in_bfloat16, lean
from nnvis_dash.analysis.partial import needed
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

MEMORY = 192 * 2**20  # bytes that one batch of patches may take
BUCKETS = 3  # groups of windows an axis, where nothing else is said
_LARGEST_BATCH = 1024

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """Windows that are computed together: those that begin in one bucket of rows and one of columns.

    Attributes
    ----------
    whole : frozenset of slots
        Where the patch is the whole map.
    room : int
        Images that are computed at once.
    work : float
        Multiplications for each image.
    """

    rows: Bucket
    columns: Bucket
    whole: frozenset[int]
    room: int
    work: float


class Incremental:
    """A classifier as windows of one size see it. Use `incremental`, which makes each only once a classifier.

    Parameters
    ----------
    clf : Classifier
    window : (height, width)
        In pixels of the classifier's input.
    readout : Readout
    n_buckets : int
        Groups of windows an axis: more of them compute less and are traced more often. 0: every map is whole.
    memory : int
        Bytes that a batch may take.
    precision : {"float32", "bfloat16"}
    """

    def __init__(
        self,
        clf: Classifier,
        window: tuple[int, int],
        readout: Readout,
        n_buckets: int = BUCKETS,
        memory: int = MEMORY,
        precision: str = "float32",
    ) -> None:
        self.clf = clf
        self.window = window
        self.readout = readout
        self.n_buckets = n_buckets
        self.memory = memory
        self.graph: Graph = clf.graph
        if clf.graph.steps:
            self.graph = lean(in_bfloat16(clf) if precision == "bfloat16" else clf.graph)
        self.end = self.graph.output_slot if self.graph.steps else 0
        if readout.layer is not None:
            (self.end,) = self.graph.step(readout.layer).outputs
        self.steps = needed(self.graph.steps, (self.end,))
        self.shapes: dict[int, tuple[int | None, ...]] = {0: clf.card.input_shape}
        for step in self.steps:
            self.shapes.update(zip(step.outputs, step.shapes, strict=True))
        found = {step.outputs[0]: move_of(step, [self.shapes[slot] for slot in step.inputs]) for step in self.steps}
        self.moves: dict[int, Move] = {slot: move for slot, move in found.items() if move is not None}
        maps = {slot: shape for slot, shape in self.shapes.items() if len(shape) == 3 and None not in shape}
        self.axes: tuple[Reach, ...] = tuple(
            reach(self.steps, self.moves, {slot: int(shape[axis] or 0) for slot, shape in maps.items()}, side, axis)
            for axis, side in enumerate(window)
        )
        self.slots = sorted(self.axes[0].low)
        given = {slot for step in self.steps for slot in step.inputs if not self._is_point(step)} | {0, self.end}
        self.kept = [slot for slot in self.slots if slot in given]
        self._groups: dict[tuple[int, int], Group] = {}

    @property
    def n_windows(self) -> tuple[int, int]:
        """How many windows there are, vertically and horizontally, one pixel apart."""
        return len(self.axes[0].low[0]), len(self.axes[1].low[0])

    @cached_property
    def _buckets(self) -> list[list[Bucket]]:
        costs = {slot: move.cost for slot, move in self.moves.items()}
        return [buckets(axis, costs, max(1, self.n_buckets)) for axis in self.axes]

    @cached_property
    def _bucket_of(self) -> list[Numbers]:
        """The bucket of each beginning, along both axes."""
        found = []
        for axis, some in zip(self.axes, self._buckets, strict=True):
            numbers = np.zeros(len(axis.low[0]), np.int64)
            for number, bucket in enumerate(some):
                numbers[bucket.starts] = number
            found.append(numbers)
        return found

    def group(self, row: int, column: int) -> Group:
        """Return the group of windows that begin in these buckets."""
        if (row, column) not in self._groups:
            rows, columns = self._buckets[0][row], self._buckets[1][column]
            whole = self._whole(rows, columns)
            work = sum(self._work(step, rows, columns, whole) for step in self.steps)
            self._groups[row, column] = Group(rows, columns, whole, self._room(rows, columns, whole), work)
        return self._groups[row, column]

    def grouped(self, rows: Numbers, columns: Numbers) -> Iterator[tuple[Group, Numbers]]:
        """Yield the groups that windows at these corners fall into, each with the places of its windows."""
        number = self._bucket_of[0][rows] * len(self._buckets[1]) + self._bucket_of[1][columns]
        for pair in np.unique(number):
            yield self.group(*divmod(int(pair), len(self._buckets[1]))), np.flatnonzero(number == pair)

    def cost(self, rows: Numbers, columns: Numbers) -> float:
        """Return the multiplications for images with windows at these corners, on average, by those of a whole one."""
        if not self.steps:
            return 1.0
        work = sum(group.work * len(places) for group, places in self.grouped(rows, columns))
        return work / len(rows) / self.whole_work

    @cached_property
    def whole_work(self) -> float:
        """Multiplications for a whole image."""
        return sum(self._work(step) for step in self.steps)

    @property
    def bound(self) -> float:
        """How much less all windows would need, were each computed by itself and reading cost nothing."""
        needed = 0.0
        for step in self.steps:
            slot = step.outputs[0]
            shares = [
                float(np.mean((axis.high[slot] - axis.low[slot]) / axis.sizes[slot])) if slot in axis.low else 1.0
                for axis in self.axes
            ]
            needed += self._work(step) * math.prod(shares)
        return self.whole_work / needed

    def begin(self, image: Images) -> Run:
        """Return what computes windows of one prepared image (h, w, c): keeps its maps."""
        return Run(self, image)

    def _whole(self, rows: Bucket, columns: Bucket) -> frozenset[int]:
        """Return the slots that hold whole maps: where the patch covers the map, and all that follows from one."""
        whole = {0} if self.n_buckets == 0 or not self.steps else set()
        for step in self.steps:
            slot = step.outputs[0]
            known = slot in self.axes[0].low
            covered = known and rows.extent[slot] >= self.axes[0].sizes[slot]
            covered = covered and columns.extent[slot] >= self.axes[1].sizes[slot]
            if not known or covered or any(given in whole for given in step.inputs):
                whole.update(step.outputs)
        return frozenset(whole)

    def _work(self, step: Step, rows: Bucket | None = None, columns: Bucket | None = None, whole: Any = ()) -> float:
        """Return a step's multiplications for an image: on the patch, or without buckets on the whole map."""
        slot = step.outputs[0]
        if slot not in self.moves:
            if not step.is_layer:
                return 0.0
            positions = math.prod(int(size or 1) for size in step.shapes[0][:-1]) if step.is_convolution else 1
            return float(positions * sum(math.prod(weight.shape) for weight in step.operation.weights))
        sides = [int(side or 1) for side in self.shapes[slot][:2]]
        if rows is not None and columns is not None and slot not in whole:
            sides = [rows.extent[slot], columns.extent[slot]]
        return self.moves[slot].cost * math.prod(sides)

    def _room(self, rows: Bucket, columns: Bucket, whole: frozenset[int]) -> int:
        """Return how many images fit into the memory: what the largest step reads, a copy of that, what it makes."""
        largest = 1
        for step in self.steps:
            slot = step.outputs[0]
            made = self._numbers(slot, rows, columns, whole)
            taken = sum(self._numbers(given, rows, columns, whole) for given in step.inputs)
            if slot not in whole:
                move = self.moves[slot]
                sides = [
                    (bucket.extent[slot] - 1) * move.stride[axis] + move.reach[axis]
                    for axis, bucket in enumerate((rows, columns))
                ]
                taken += sum(math.prod(sides) * int(self.shapes[given][-1] or 1) for given in step.inputs)
            largest = max(largest, made + taken)
        return int(np.clip(self.memory // (4 * largest), 1, _LARGEST_BATCH))

    def _numbers(self, slot: int, rows: Bucket, columns: Bucket, whole: frozenset[int]) -> int:
        shape = self.shapes[slot]
        if slot in whole or slot not in rows.extent:
            return math.prod(int(size or 1) for size in shape)
        return rows.extent[slot] * columns.extent[slot] * int(shape[-1] or 1)

    def _is_point(self, step: Step) -> bool:
        """Whether a step reads nothing but its patch, unless all is whole there."""
        move = self.moves.get(step.outputs[0])
        return move is not None and move.kind == "point" and step.inputs[0] in self.slots

    @property
    def kept_bytes(self) -> int:
        """What the unchanged image's maps take."""
        return sum(4 * math.prod(int(size or 1) for size in self.shapes[slot]) for slot in self.kept)

    def maps(self, image: Images) -> list[Tensor]:
        """Return the unchanged image's maps as `Patches` takes them."""
        import tensorflow as tf

        def build() -> Any:
            def compute(raw: Tensor) -> list[Tensor]:
                values: dict[int, Tensor] = {0: preprocessed(raw, self.clf.card.preprocessing)}
                slots = {step.name: step.outputs[0] for step in self.steps if len(step.outputs) == 1}

                def visit(name: str, tensor: Tensor) -> Tensor:
                    if name in slots:
                        values[slots[name]] = tensor
                    return tensor

                if self.steps:
                    self.graph.run(values[0], visit)
                return [self._table(tf.cast(values[slot], tf.float32)) for slot in self.kept]

            spec = tf.TensorSpec((1, *self.clf.card.input_shape), tf.float32)
            return tf.function(compute, autograph=False).get_concrete_function(spec)

        function = self.clf.compiled((self, "maps"), build)
        return list(function(tf.convert_to_tensor(image[None], tf.float32)))

    @staticmethod
    def _table(values: Tensor) -> Tensor:
        """Return (1, h, w, c) values as rows, and behind them zeros and the lowest numbers."""
        import tensorflow as tf

        rows = tf.reshape(values, (-1, values.shape[-1]))
        return tf.concat([rows, tf.zeros_like(rows[:1]), tf.fill(tf.shape(rows[:1]), tf.float32.min)], axis=0)

    def function(self, whole: frozenset[int]) -> Any:
        """Return the traced function of all groups with these whole maps."""
        import tensorflow as tf

        def build() -> Any:
            specs = (
                tf.TensorSpec((None, None, *self.window, self.clf.card.input_shape[2]), tf.float32),
                tf.TensorSpec((len(self.slots), 2, None), tf.int32),
                tf.TensorSpec((len(self.slots), 2), tf.int32),
                tf.TensorSpec((None,), tf.int32),
                [tf.TensorSpec((None, self.shapes[slot][-1]), tf.float32) for slot in self.kept],
            )
            made = tf.function(lambda *given: self._compute(whole, *given), autograph=False)
            return made.get_concrete_function(*specs)

        return self.clf.compiled((self, whole), build)

    def _compute(
        self, whole: frozenset[int], raw: Tensor, starts: Tensor, extents: Tensor, chosen: Tensor, kept: list[Tensor]
    ) -> Tensor:
        """Return (n, S, R) readouts of images with raw windows (n, S, h, w, c), inside a graph."""
        import tensorflow as tf

        n, repeats = tf.shape(raw)[0], tf.shape(raw)[1]
        tables = dict(zip(self.kept, kept, strict=True))
        patches = Patches(self.shapes, self.slots, starts, extents, tables, repeats)
        pixels = preprocessed(tf.reshape(raw, (-1, *raw.shape[2:])), self.clf.card.preprocessing)
        patches.values[0] = tf.cast(pixels, self.graph.input_dtype)
        ends = self.readout.layer is None and removes_ending(self.graph, self.clf.card.output)
        if not self.steps:
            patches.maps[0] = self.graph.run(patches.whole(0), logits=ends)
        for step in self.steps:
            if step.outputs[0] in whole:
                patches.compute(step, activation=not (ends and step is self.graph.ending_step))
            else:
                patches.move(step, self.moves[step.outputs[0]])
        found = self.readout.of(self.clf, self.graph, patches.whole(self.end), chosen)
        return tf.reshape(found, (n, repeats, -1))


class Run:
    """One image whose windows are changed.

    Parameters
    ----------
    plan : Incremental
    image : (h, w, c) array of raw pixels
    """

    def __init__(self, plan: Incremental, image: Images) -> None:
        self.plan = plan
        self.image = np.asarray(image, np.float32)
        self._maps = plan.maps(self.image)

    def __call__(self, rows: Numbers, columns: Numbers, windows: Floats, chosen: Ints) -> Floats:
        """Return what is read of the image with other pixels in a window.

        Parameters
        ----------
        rows, columns : (n,) int
            The windows' upper left corners.
        windows : (n, S, h, w, c) float32
            Raw pixels: S variants of each.
        chosen : (R,) int32
            Classes or channels.

        Returns
        -------
        (n, S, R · columns of the readout) float32
        """
        import tensorflow as tf

        n, repeats = windows.shape[:2]
        found = np.empty((n, repeats, len(chosen) * self.plan.readout.per_choice), np.float32)
        for group, places in self.plan.grouped(rows, columns):
            function = self.plan.function(group.whole)
            extents = np.array(
                [[bucket.extent[slot] for bucket in (group.rows, group.columns)] for slot in self.plan.slots], np.int32
            )
            for some, variants in _batches(places, repeats, group.room):
                starts = np.empty((len(self.plan.slots), 2, len(some)), np.int32)
                for axis, (bucket, at) in enumerate(((group.rows, rows), (group.columns, columns))):
                    first = placed(self.plan.axes[axis], bucket, at[some])
                    starts[:, axis] = [first[slot] for slot in self.plan.slots]
                given = (windows[some][:, variants], starts, extents, np.asarray(chosen, np.int32))
                found[some, variants] = function(*map(tf.convert_to_tensor, given), self._maps).numpy()
        return found

    def original(self, chosen: Ints) -> Floats:
        """Return what is read of the unchanged image: (R · columns,) float32."""
        height, width = self.plan.window
        window = self.image[None, None, :height, :width]
        zero = np.zeros(1, np.int64)
        return self(zero, zero, window, chosen)[0, 0]


def incremental(
    clf: Classifier,
    window: tuple[int, int],
    readout: Readout,
    n_buckets: int = BUCKETS,
    memory: int = MEMORY,
    precision: str = "float32",
) -> Incremental:
    """Return the `Incremental` with these parameters, made once a classifier."""
    key = ("incremental", window, readout, n_buckets, memory, precision)
    return clf.compiled(key, lambda: Incremental(clf, window, readout, n_buckets, memory, precision))


def _batches(places: Numbers, repeats: int, room: int) -> Iterator[tuple[Numbers, slice]]:
    """Cut places × variants into batches of at most `room` images: whole places as long as one fits."""
    if repeats > room:
        for place in places:
            for first in range(0, repeats, room):
                yield np.array([place]), slice(first, min(first + room, repeats))
        return
    step = room // repeats
    for first in range(0, len(places), step):
        yield places[first : first + step], slice(None)
