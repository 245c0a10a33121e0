"""The index: what ONE forward pass over a dataset yields for one classifier, and every view then reads.

Probabilities, features and the activation of every unit come out of the same pass, and maps are reduced inside the
graph: carrying whole maps out to reduce them in numpy costs 14 % and more.

Invariant: an index in float32 doesn't depend on how the dataset was cut into chunks (but for the last bits of float32).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.card import chunk_size, feature_point, units_of
from nnvis_dash.analysis.opaque import OpaqueGraph
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.state.ids import content_key
from nnvis_dash.types import Floats, ModelCard, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.graph import Tensor
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.datasets import Dataset

VERSION = 1  # of what an index holds; raised whenever its numbers change
PRECISIONS = ("float32", "bfloat16")
ARRAYS = ("probabilities", "features", "unit_activations", "unit_means")
AGREEMENT = 0.99  # share of equal predictions below which bfloat16 is given up
_SELF_CHECK = 512  # images
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Index:
    """What one pass over a dataset yields for one classifier.

    Attributes
    ----------
    probabilities : (N, K) float32, 0..1
    features : (N, D) float32
        What the last layer with weights gets (`card.feature_point`); the logits for a graph without layers.
    unit_activations : (N, U) float32
        Maximum over a layer's positions of every unit's output.
    unit_means : (N, U) float32
        Mean over a layer's positions.
    units : tuple of Unit
        The U columns: every channel of every convolution layer and every dense unit.
    precision : {"float32", "bfloat16"}
        What it was computed in.
    note : str
        Why that isn't the precision asked for; empty where it is.
    """

    probabilities: Floats
    features: Floats
    unit_activations: Floats
    unit_means: Floats
    units: tuple[Unit, ...]
    precision: str = "float32"
    note: str = ""

    def __len__(self) -> int:
        return len(self.probabilities)

    def layer(self, name: str) -> Floats:
        """Return the mean activations of one layer's units.

        Returns
        -------
        (N, units of the layer) float32

        Raises
        ------
        NotFound
            No such layer with units; names those there are.
        """
        if not self.units:
            raise NotFound(
                f"There is no layer {name!r}: the classifier is a TensorFlow graph without layers",
                "Choose its outputs (features) or the raw pixels.",
            )
        columns = [column for column, unit in enumerate(self.units) if unit.layer == name]
        if not columns:
            raise NotFound.among("layer with units", name, dict.fromkeys(unit.layer for unit in self.units))
        return self.unit_means[:, columns[0] : columns[-1] + 1]


def index(
    clf: Classifier,
    data: Dataset | npt.NDArray[Any],
    precision: str = "float32",
    on_progress: Callable[[int, int], None] | None = None,
) -> Index:
    """Run a classifier once over a dataset.

    Parameters
    ----------
    clf : Classifier
    data : Dataset, or (N, H, W, C) array of raw pixels, 0..255
    precision : {"float32", "bfloat16"}
        bfloat16 is about twice as fast and more on CPUs that have it; it is used only if it predicts the same class
        as float32 on at least 99 % of up to 512 images, otherwise float32 is, and `note` says so. Predictions keep
        better than probabilities: on 200 photographs MobileNetV2 kept all of them, one probability moved by 0.18.
    on_progress : function (done, total) -> None, optional
        Called after every chunk.

    Returns
    -------
    Index

    Raises
    ------
    ParameterError
        No images, or images that don't fit.
    """
    n_samples = len(data)
    if n_samples == 0:
        raise ParameterError("There are no images to index", "Give at least one.")
    chosen, note = choose_precision(clf, data if isinstance(data, np.ndarray) else data.images, precision)
    size = chunk_size(clf.card)

    def images(start: int, stop: int) -> npt.NDArray[Any]:
        if isinstance(data, np.ndarray):
            return data[start:stop]
        return data.batch(range(start, stop), clf.card.input_shape, clf.card.resize)

    def chunks() -> Iterable[dict[str, npt.NDArray[Any]]]:
        for start in range(0, n_samples, size):
            stop = min(start + size, n_samples)
            yield index_chunk(clf, images(start, stop), chosen)
            if on_progress is not None:
                on_progress(stop, n_samples)

    return merge_chunks(clf.card, chunks(), n_samples, chosen, note)


def choose_precision(clf: Classifier, images: Any, precision: str) -> tuple[str, str]:
    """Return the precision to use, and why it isn't the one asked for (empty where it is).

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array or sequence of raw images
        Up to 512 of them, evenly spread, are predicted in both precisions.
    precision : {"float32", "bfloat16"}
    """
    if precision not in PRECISIONS:
        raise ParameterError(f"There is no precision {precision!r}", f"Use one of: {', '.join(PRECISIONS)}.")
    if precision == "float32":
        return precision, ""
    if not clf.card.layers:
        return "float32", "a graph without layers can't be computed in bfloat16; float32 was used"
    ids = np.unique(np.linspace(0, len(images) - 1, min(_SELF_CHECK, len(images))).astype(int))
    sample = images[ids] if isinstance(images, np.ndarray) else [images[int(number)] for number in ids]
    exact = clf.predict(sample).argmax(axis=1)
    rough = index_chunk(clf, sample, precision)["probabilities"].argmax(axis=1)
    agreement = float((exact == rough).mean())
    _logger.info("bfloat16 agrees with float32 on %.4f of %d images", agreement, len(ids))
    if agreement >= AGREEMENT:
        return precision, ""
    return "float32", (
        f"bfloat16 predicts the same class for only {agreement:.1%} of {len(ids)} images; float32 was used"
    )


def index_chunk(clf: Classifier, images: Any, precision: str = "float32") -> dict[str, npt.NDArray[Any]]:
    """Run a classifier over some images of a dataset.

    Parameters
    ----------
    clf : Classifier
    images : (n, H, W, C) array or sequence of raw images
    precision : {"float32", "bfloat16"}
        Taken as it is; `choose_precision` does the self-check.

    Returns
    -------
    dict
        The arrays of `ARRAYS`, n rows each.
    """
    if precision not in PRECISIONS:
        raise ParameterError(f"There is no precision {precision!r}", f"Use one of: {', '.join(PRECISIONS)}.")
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for batch in clf.batches(images):
        key, dtype = ("index", precision, batch.dtype.name), batch.dtype
        function = clf.compiled(key, lambda dtype=dtype: _build(clf, precision, dtype))  # type: ignore[misc]
        arrays = tuple(tensor.numpy() for tensor in function(batch))
        clf.check_finite(arrays[0], batch)
        parts.append(arrays)
    if not parts:
        raise ParameterError("There are no images to index", "Give at least one.")
    return {name: np.concatenate(column) for name, column in zip(ARRAYS, zip(*parts, strict=True), strict=True)}


def merge_chunks(
    card: ModelCard,
    chunks: Iterable[Mapping[str, npt.NDArray[Any]]],
    n_samples: int | None = None,
    precision: str = "float32",
    note: str = "",
) -> Index:
    """Put chunks together, in their order.

    Parameters
    ----------
    card : ModelCard
        Of the classifier; gives the units.
    chunks : iterable of what `index_chunk` returned
    n_samples : int, optional
        All rows together; known, they are written into place and no second copy of them is ever held.
    precision, note : str
        What `choose_precision` said.
    """
    if n_samples is None:
        chunks = list(chunks)
        n_samples = sum(len(chunk[ARRAYS[0]]) for chunk in chunks)
    arrays: dict[str, npt.NDArray[Any]] = {}
    done = 0
    for chunk in chunks:
        stop = done + len(chunk[ARRAYS[0]])
        for name in ARRAYS:
            if name not in arrays:
                arrays[name] = np.empty((n_samples, *chunk[name].shape[1:]), dtype=chunk[name].dtype)
            arrays[name][done:stop] = chunk[name]
        done = stop
    if done != n_samples or not arrays:
        raise ParameterError(f"The chunks hold {done} of {n_samples} samples", "Give all of them.")
    return Index(**arrays, units=units_of(card), precision=precision, note=note)


def index_key(model_fingerprint: str, dataset_fingerprint: str, precision: str = "float32") -> str:
    """Return the key that names an index: equal for equal models, data, precision and code."""
    return content_key("index", VERSION, model_fingerprint, dataset_fingerprint, precision)


def index_arrays(index: Index) -> dict[str, npt.NDArray[Any]]:
    """Return everything of an index as arrays that `numpy.save` keeps without pickle; `load_index` reads them."""
    layers = list(dict.fromkeys(unit.layer for unit in index.units))
    counts = dict.fromkeys(layers, 0)
    for unit in index.units:
        counts[unit.layer] += 1
    return {
        **{name: getattr(index, name) for name in ARRAYS},
        "unit_layers": np.array(layers, dtype=np.str_),
        "unit_counts": np.array([counts[layer] for layer in layers], dtype=np.int32),
        "computed_in": np.array([index.precision, index.note], dtype=np.str_),
    }


def load_index(artifact: Artifact) -> Index:
    """Open a stored index; its arrays stay on disk until they are read."""
    units = tuple(
        Unit(str(layer), channel)
        for layer, count in zip(artifact.array("unit_layers"), artifact.array("unit_counts"), strict=True)
        for channel in range(int(count))
    )
    precision, note = (str(text) for text in artifact.array("computed_in"))
    return Index(**{name: artifact.array(name) for name in ARRAYS}, units=units, precision=precision, note=note)


def _build(clf: Classifier, precision: str, dtype: np.dtype[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Trace raw images -> the arrays of `ARRAYS` as one graph."""
    import tensorflow as tf

    from nnvis_dash.analysis.ends import outputs, preprocessed
    from nnvis_dash.analysis.lean import greatest_and_mean, in_bfloat16, lean

    if isinstance(clf.graph, OpaqueGraph):
        return _build_opaque(clf, dtype)
    graph = lean(clf.graph if precision == "float32" else in_bfloat16(clf))
    feature_step, is_map = feature_point(graph)
    n_units = {layer.name: layer.n_units for layer in graph.layers if layer.n_units}

    def forward(raw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        seen: dict[str, Tensor] = {}

        def visit(name: str, tensor: Tensor) -> Tensor:
            if name in n_units or name == feature_step.name:
                seen[name] = tensor
            return tensor

        x = preprocessed(raw, clf.card.preprocessing)
        probabilities = outputs(graph, clf.card.output, x, visit, "probabilities")
        features = seen[feature_step.name]
        features = greatest_and_mean(features)[1] if is_map else tf.cast(features, tf.float32)
        reduced = [greatest_and_mean(seen[name]) for name in n_units]
        return (
            probabilities,
            features,
            tf.concat([greatest for greatest, _ in reduced], axis=1),
            tf.concat([mean for _, mean in reduced], axis=1),
        )

    function = tf.function(forward, autograph=False).get_concrete_function(clf.signature(dtype))
    return lambda images: function(tf.convert_to_tensor(images))


def _build_opaque(clf: Classifier, dtype: np.dtype[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """Trace the same for a graph without layers: its logits are its features, and it has no units."""
    import tensorflow as tf

    def forward(raw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        logits = clf.scores(raw, output="logits")
        none = tf.zeros((tf.shape(raw)[0], 0), tf.float32)
        return clf.to_probabilities(logits), logits, none, none

    function = tf.function(forward, autograph=False).get_concrete_function(clf.signature(dtype))
    return lambda images: function(tf.convert_to_tensor(images))
