"""Runs a classifier on the same images under many preprocessings, with one graph that is traced once.

Scale, mean, deviation and channel order are tensors of that graph, and an image is decoded and fitted once for each way
of fitting, so that trying sixteen ways costs sixteen passes and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.doctor.candidates import Candidate
from nnvis_dash.analysis.graph import Graph, Step
from nnvis_dash.types import Floats, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.graph import Tensor
    from nnvis_dash.workspace.datasets import Dataset

NOT_TRIED, NOT_FINITE = -1, -2  # in the place of a prediction
_LEAST = 1e-6  # probability whose logarithm stands for that of anything smaller
_PIECE = 16  # images of a pass that only looks at the first layers
_NEAR = 2  # layers with units that may lie before a batch normalisation that is to tell the scale of the input

Rows = dict[str, npt.NDArray[Any]]


def try_candidates(
    clf: Classifier,
    data: Dataset,
    ids: npt.NDArray[np.int64],
    candidates: Sequence[Candidate],
    labels: Ints | None = None,
    chosen: Sequence[int] | None = None,
    on_batch: Callable[[], None] | None = None,
) -> Rows:
    """Run a classifier on some samples under the candidates.

    Parameters
    ----------
    clf : Classifier
        Its own preprocessing plays no part.
    data : Dataset
    ids : (n,) int64
        Sample numbers.
    candidates : sequence of C Candidate
    labels : (n,) int32, optional
        The samples' right outputs, -1 for none.
    chosen : sequence of int, optional
        Which candidates; all by default. The others' columns say so.
    on_batch : callable, optional
        Called after every batch; may raise.

    Returns
    -------
    dict of arrays
        predicted (n, C) int32, `NOT_TRIED` or `NOT_FINITE` where there is no prediction. float32: confidence (n, C),
        the largest probability; loss (n, C), −ln of the right class's probability, of 1e-6 at least, 0 without a label;
        entropy (n, C), as a share of ln K; mean and square (n, C, U), of what the first batch normalisation gets,
        standardised by what it saw in training, for each of its U channels (none: U is 0).
    """
    card = clf.card
    n, total = len(ids), len(candidates)
    function, n_channels = clf.compiled(("doctor",), lambda: _build(clf))
    rows: Rows = {
        "predicted": np.full((n, total), NOT_TRIED, np.int32),
        "confidence": np.zeros((n, total), np.float32),
        "loss": np.zeros((n, total), np.float32),
        "entropy": np.zeros((n, total), np.float32),
        "mean": np.zeros((n, total, n_channels), np.float32),
        "square": np.zeros((n, total, n_channels), np.float32),
    }
    numbers = range(total) if chosen is None else sorted(chosen)
    right = np.full(n, -1, np.int32) if labels is None else labels
    step = batch_size(card)
    for start in range(0, n, step):
        stop = min(start + step, n)
        for resize in dict.fromkeys(candidates[number].resize for number in numbers):
            images = data.batch(ids[start:stop], card.input_shape, resize)
            for number in numbers:
                if candidates[number].resize == resize:
                    for name, values in function(images, right[start:stop], candidates[number]).items():
                        rows[name][start:stop, number] = values
                    if on_batch is not None:
                        on_batch()
    return rows


def try_images(clf: Classifier, images: npt.NDArray[np.uint8], candidates: Sequence[Candidate]) -> Rows:
    """Run a classifier on prepared images (n, h, w, c) under the candidates; rows as `try_candidates` gives them.

    Only what the first batch normalisation gets is computed; there are no predictions but zeros.
    """
    function, _ = clf.compiled(("noise",), lambda: _build(clf, only_moments=True))
    none = np.full(len(images), -1, np.int32)
    columns = []
    for candidate in candidates:
        parts = [
            function(images[start : start + _PIECE], none[start : start + _PIECE], candidate)
            for start in range(0, len(images), _PIECE)
        ]
        columns.append(joined(parts))
    rows = {name: np.stack([column[name] for column in columns], axis=1) for name in columns[0]}
    return {**rows, "predicted": np.where(np.isfinite(rows["mean"]).all(axis=2), 0, NOT_FINITE)}


def first_normalisation(graph: Graph) -> Step | None:
    """Return the first batch normalisation, if it is near the input and remembers what it saw in training."""
    n_before = 0
    for step in graph.steps:
        n_before += bool(step.n_units)
        if n_before > _NEAR:
            return None
        if step.kind == "BatchNormalization" and step.operation.axis in (-1, len(step.shapes[0])):
            mean, variance = moments(step)
            known = np.isfinite(mean).all() and (variance > 0).all()
            return step if known and not ((mean == 0).all() and (variance == 1).all()) else None
    return None


def moments(step: Step) -> tuple[Floats, Floats]:
    """Return the mean and the variance of each channel that a batch normalisation saw in training."""
    return step.operation.moving_mean.numpy(), step.operation.moving_variance.numpy()


def _build(clf: Classifier, only_moments: bool = False) -> tuple[Callable[[Any, Ints, Candidate], Rows], int]:
    """Trace raw images and the numbers of a preprocessing -> one row for each image."""
    import tensorflow as tf

    from nnvis_dash.analysis.ends import outputs
    from nnvis_dash.analysis.lean import lean

    channels = clf.card.input_shape[2]
    graph = lean(clf.graph) if clf.graph.steps else clf.graph  # a graph without layers stays as it is
    step = first_normalisation(clf.graph)
    before = "" if step is None else getattr(clf.graph.before(step), "name", "")  # "": the model's input
    centre, variance = (np.zeros(0, np.float32),) * 2 if step is None else moments(step)
    spread = np.sqrt(variance)

    def forward(
        raw: Tensor, right: Tensor, order: Tensor, scale: Tensor, mean: Tensor, deviation: Tensor
    ) -> dict[str, Tensor]:
        x = (tf.gather(tf.cast(raw, tf.float32), order, axis=3) * scale - mean) / deviation
        seen = {"": x}

        def visit(name: str, tensor: Tensor) -> Tensor:
            if name == before:
                seen[name] = tensor
            return tensor

        probabilities = outputs(graph, clf.card.output, x, visit, "probabilities")
        finite = tf.reduce_all(tf.math.is_finite(probabilities), axis=1)
        safe = tf.where(finite[:, None], probabilities, 0.0)
        predicted = tf.where(finite, tf.argmax(safe, axis=1, output_type=tf.int32), NOT_FINITE)
        terms = safe * tf.math.log(tf.where(safe > 0, safe, 1.0))
        own = tf.gather(safe, tf.maximum(right, 0), axis=1, batch_dims=1)
        first = second = tf.zeros((tf.shape(raw)[0], 0))
        if step is not None:
            z = (tf.cast(seen[before], tf.float32) - centre) / spread
            axes = tuple(range(1, len(z.shape) - 1))
            first, second = tf.reduce_mean(z, axis=axes), tf.reduce_mean(z * z, axis=axes)
        if only_moments:  # what nothing depends on is left out of the graph
            return {"mean": first, "square": second}
        return {
            "predicted": predicted,
            "confidence": tf.reduce_max(safe, axis=1),
            "loss": tf.where(right >= 0, -tf.math.log(tf.maximum(own, _LEAST)), 0.0),
            "entropy": -tf.reduce_sum(terms, axis=1) / np.log(max(clf.card.n_classes, 2)),
            "mean": first,
            "square": second,
        }

    numbers = tf.TensorSpec((channels,), tf.float32)
    function = tf.function(forward, autograph=False).get_concrete_function(
        clf.signature(np.uint8),
        tf.TensorSpec((None,), tf.int32),
        tf.TensorSpec((channels,), tf.int32),
        tf.TensorSpec((), tf.float32),
        numbers,
        numbers,
    )

    def run(images: npt.NDArray[np.uint8], right: Ints, candidate: Candidate) -> Rows:
        record = candidate.preprocessing
        order = np.arange(channels, dtype=np.int32)
        spread = [np.broadcast_to(np.array(v, np.float32), (channels,)) for v in (record.mean, record.deviation)]
        found = function(
            tf.constant(images),
            tf.constant(right, tf.int32),
            tf.constant(order[::-1] if record.bgr else order),
            tf.constant(record.scale, tf.float32),
            *(tf.constant(values) for values in spread),
        )
        return {name: tensor.numpy() for name, tensor in found.items()}

    return run, len(centre)


def joined(parts: Sequence[Rows]) -> Rows:
    """Put rows one under the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
