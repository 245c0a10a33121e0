"""Patches of maps inside a TensorFlow graph: read from where they were computed, or from the unchanged image's map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnvis_dash.analysis.graph import Step, Tensor, call
from nnvis_dash.analysis.incremental.moves import Move


class Patches:
    """The patches of one batch: n places, several images each.

    Parameters
    ----------
    shapes : dict of slot -> (height, width, channels)
    slots : sequence of int
        Those that have patches, in the order of `starts` and `extents`.
    starts : (slots, 2, n) int32 tensor
        Where each place's patch begins.
    extents : (slots, 2) int32 tensor
    kept : dict of slot -> (height · width + 2, channels) tensor
        The unchanged maps that are read, and behind them a row of zeros and one of the lowest numbers, which stand for
        what lies beyond the border.
    repeats : int tensor
        Images a place.
    """

    def __init__(
        self,
        shapes: Mapping[int, tuple[int | None, ...]],
        slots: Sequence[int],
        starts: Tensor,
        extents: Tensor,
        kept: Mapping[int, Tensor],
        repeats: Tensor,
    ) -> None:
        import tensorflow as tf

        self.shapes = shapes
        self.place = {slot: number for number, slot in enumerate(slots)}
        self.starts, self.extents, self.kept, self.repeats = starts, extents, kept, repeats
        self.n = tf.shape(starts)[2]
        self.values: dict[int, Tensor] = {}  # of patches
        self.maps: dict[int, Tensor] = {}  # whole

    def whole(self, slot: int) -> Tensor:
        """Return whole maps (n · repeats, ...), put together where only patches are known."""
        import tensorflow as tf

        if slot not in self.maps:
            zero = tf.zeros((self.n,), tf.int32)
            height, width, channels = self.shapes[slot]
            read = self._read(slot, (zero, zero), (tf.constant(height), tf.constant(width)), False)
            self.maps[slot] = tf.reshape(read, (-1, height, width, channels))
        return self.maps[slot]

    def move(self, step: Step, move: Move) -> None:
        """Compute the patches of a step's output."""
        slot = step.outputs[0]
        if move.kind == "point":
            self.values[slot] = move.run([self.values[step.inputs[0]]])
            return
        number = self.place[slot]
        first = [
            self.starts[number, axis] * move.stride[axis] - move.before[axis] if move.kind == "window" else
            self.starts[number, axis]
            for axis in (0, 1)
        ]  # fmt: skip
        extent = [(self.extents[number, axis] - 1) * move.stride[axis] + move.reach[axis] for axis in (0, 1)]
        made = move.run([self._read(given, first, extent, move.pads_lowest) for given in step.inputs])
        self.values[slot] = self._averaged(made, step, move) if move.counts else made

    def compute(self, step: Step, activation: bool) -> None:
        """Compute whole maps of a step's outputs."""
        from keras import tree

        result = call(step, {slot: self.whole(slot) for slot in step.inputs}, activation)
        self.maps.update(zip(step.outputs, tree.flatten(result), strict=True))

    def _read(self, slot: int, first: Sequence[Tensor], extent: Sequence[Tensor], lowest: bool) -> Tensor:
        """Read a rectangle of every image's map; it may reach over the border.

        Parameters
        ----------
        first : two (n,) int32 tensors
        extent : two int32 tensors
        """
        import tensorflow as tf

        number = self.place[slot]
        height, width, channels = self.shapes[slot]
        in_map, in_patch, on_map, on_patch = [], [], [], []
        for axis, size in enumerate((height, width)):
            at = first[axis][:, None] + tf.range(extent[axis])[None]
            relative = at - self.starts[number, axis][:, None]
            on_map.append(at)
            on_patch.append(relative)
            in_map.append((at >= 0) & (at < size))
            in_patch.append((relative >= 0) & (relative < self.extents[number, axis]))
        border = int(height or 0) * int(width or 0) + int(lowest)
        map_row = on_map[0][:, :, None] * width + on_map[1][:, None, :]
        map_row = tf.where(in_map[0][:, :, None] & in_map[1][:, None, :], map_row, border)
        patch_row = on_patch[0][:, :, None] * self.extents[number, 1] + on_patch[1][:, None, :]
        row = tf.where(in_patch[0][:, :, None] & in_patch[1][:, None, :], patch_row, -1 - map_row)
        row = tf.repeat(tf.reshape(row, (self.n, -1)), self.repeats, axis=0)
        images = self.n * self.repeats
        area = self.extents[number, 0] * self.extents[number, 1]
        row = tf.where(row >= 0, row + tf.range(images)[:, None] * area, images * area - 1 - row)
        values = self.values[slot]
        table = tf.concat([tf.reshape(values, (-1, channels)), tf.cast(self.kept[slot], values.dtype)], axis=0)
        return tf.reshape(tf.gather(table, row), (images, extent[0], extent[1], channels))

    def _averaged(self, made: Tensor, step: Step, move: Move) -> Tensor:
        """Turn averages over windows with zeros beyond the border into averages over what lies inside it."""
        import tensorflow as tf

        number = self.place[step.outputs[0]]
        share: Any = 1.0
        for axis in (0, 1):
            at = self.starts[number, axis][:, None] + tf.range(self.extents[number, axis])[None]
            begin = at * move.stride[axis] - move.before[axis]
            size = self.shapes[step.inputs[0]][axis]
            inside = tf.minimum(begin + move.reach[axis], size) - tf.maximum(begin, 0)
            part = move.reach[axis] / tf.cast(inside, tf.float32)
            share = share * (part[:, :, None] if axis == 0 else part[:, None, :])
        share = tf.repeat(share, self.repeats, axis=0)[..., None]
        return made * tf.cast(share, made.dtype)
