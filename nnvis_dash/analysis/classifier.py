"""A classifier: a Keras model together with how images get into it and how its outputs become probabilities.

Invariants: what goes in are raw pixels (0..255) and what comes out are (N, K) probabilities, whatever the model; the
user's model is never changed; everything runs through `tf.function`s traced once (never `model.predict`, whose overhead
for one image is several times the computing, and never XLA, which is far slower on a CPU).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nnvis_dash.analysis.card import batch_size, describe, with_preprocessing
from nnvis_dash.analysis.ends import outputs, preprocessed
from nnvis_dash.analysis.given_images import fitted, four_axes
from nnvis_dash.analysis.graph import Graph, Tensor, Visit
from nnvis_dash.analysis.opaque import OpaqueGraph, graph_of
from nnvis_dash.errors import ModelError
from nnvis_dash.types import Floats, Images, ModelCard, OutputKind, Preprocessing, Resize

if TYPE_CHECKING:
    from nnvis_dash.workspace.datasets import Dataset
    from nnvis_dash.workspace.store import Workspace

Value = TypeVar("Value")
_logger = logging.getLogger(__name__)
_tracing = threading.RLock()  # Keras keeps global state while a graph is traced


class Classifier:
    """A Keras model that takes raw images and gives probabilities.

    Use `from_keras`, `load_classifier` or `open_classifier`; the constructor takes a model and its finished card.

    Attributes
    ----------
    card : ModelCard
    model : keras.Model
        The user's own, unchanged; an `OpaqueGraph` for a TensorFlow graph without layers.
    graph : Graph
        The model's, or one that was made of it.
    """

    def __init__(self, model: Any, card: ModelCard, graph: Graph | None = None) -> None:
        self.card = card
        self.model = model
        self.graph = graph_of(model) if graph is None else graph
        self._compiled: dict[Any, Any] = {}
        self._lock = threading.RLock()

    @classmethod
    def from_keras(
        cls,
        model: Any,
        preprocessing: str | Preprocessing | None = None,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
        resize: Resize = "squash",
        *,
        output: OutputKind | None = None,
        input_size: tuple[int, int] | None = None,
    ) -> Classifier:
        """Make a classifier of a Keras model in memory.

        Parameters
        ----------
        model : keras.Model
            Functional or Sequential; nested, shared and branched layers are fine.
        preprocessing : str or Preprocessing, optional
            How raw pixels become the model's input; None is ``"raw"``, ``"auto"`` guesses and notes it in the card.
        class_names : sequence of str, optional
        name : str, optional
        resize : {"squash", "crop"}
        output : {"softmax", "logits", "sigmoid"}, optional
            What the model puts out; read from its last activation by default.
        input_size : (height, width), optional
            For models that take any size.

        Raises
        ------
        ModelError, ParameterError
            As `describe` does.
        """
        card = describe(
            model,
            name=name,
            preprocessing=preprocessing,
            class_names=class_names,
            resize=resize,
            output=output,
            input_size=input_size,
            source="keras model in memory",
        )
        return cls(model, card)

    def with_preprocessing(
        self,
        preprocessing: str | Preprocessing,
        resize: Resize | None = None,
        class_names: Sequence[str] | None = None,
        note: str = "",
    ) -> Classifier:
        """Return a classifier of the same model that gets its images in another way.

        Parameters
        ----------
        preprocessing : str or Preprocessing
        resize : {"squash", "crop"}, optional
            This one's by default.
        class_names : sequence of str, optional
            This one's by default.
        note : str
            Why, for the card.

        Raises
        ------
        ParameterError
            What doesn't fit the model.
        """
        card = with_preprocessing(self.card, preprocessing, resize, class_names, note)
        return Classifier(self.model, card, self.graph)

    def prepare(self, images: Any) -> Images:
        """Fit images to the classifier's input.

        Parameters
        ----------
        images : (N, H, W, C) array of raw pixels, 0..255
            Also (N, H, W) for a classifier of one channel, or a sequence of (H, W, C) uint8 images of mixed size.

        Returns
        -------
        (N, h, w, c) uint8 or float32
            uint8 where the images are whole numbers, so that a quarter of the bytes is moved.

        Raises
        ------
        ParameterError
            A shape or channels that don't fit, or values that aren't finite.
        """
        return fitted(self.card, images)

    def predict(self, images: Any) -> Floats:
        """Return the probability of every class.

        Parameters
        ----------
        images : (N, H, W, C) array of raw pixels, 0..255
            Of any size (see `prepare`).

        Returns
        -------
        (N, K) float32, 0..1
            Rows add up to 1, but for several sigmoid outputs. One sigmoid output p gives the columns [1 − p, p].
        """
        return self._run("probabilities", images)

    def logits(self, images: Any) -> Floats:
        """Return what the last softmax or sigmoid gets.

        Parameters
        ----------
        images : (N, H, W, C) array of raw pixels, 0..255

        Returns
        -------
        (N, K) float32
            softmax(logits) are the probabilities; for a sigmoid z each column's own log-odds, [−z, z] for one output.
            Where the model's ending can't be taken off, ln of its probabilities (of 1e-30 at least).
        """
        return self._run("logits", images)

    def batches(self, images: Any) -> Iterator[Images]:
        """Yield prepared images in batches of the size that suits the classifier; nothing for no images."""
        step = batch_size(self.card)
        if isinstance(images, np.ndarray):
            images = four_axes(images, self.card.input_shape[2])
        for start in range(0, len(images), step):
            yield self.prepare(images[start : start + step])

    def compiled(self, key: Any, build: Callable[[], Value]) -> Value:
        """Return what `build` makes for `key`, made once however many threads ask.

        `build` traces a graph; one is traced at a time in a process.
        """
        found = self._compiled.get(key)
        if found is None:
            with self._lock, _tracing:
                found = self._compiled.get(key)
                if found is None:
                    found = self._compiled[key] = build()
        return found

    def forget(self, key: Any) -> None:
        """Let what `compiled` made for `key` go; it is made again when it is asked for."""
        with self._lock:
            self._compiled.pop(key, None)

    def scores(self, raw: Tensor, visit: Visit | None = None, output: str = "probabilities") -> Tensor:
        """Compute probabilities or logits of raw pixels inside a graph: preprocessing, model, output kind.

        Parameters
        ----------
        raw : (N, h, w, c) uint8 or float tensor
            Already of the classifier's size.
        visit : function (name, tensor) -> tensor, optional
            See `Graph.run`.
        output : {"probabilities", "logits"}

        Returns
        -------
        (N, K) float32 tensor
        """
        x = preprocessed(raw, self.card.preprocessing)
        return outputs(self.graph, self.card.output, x, visit, output)

    def signature(self, dtype: Any) -> Any:
        """Return the `tf.TensorSpec` of a prepared batch of any size."""
        import tensorflow as tf

        return tf.TensorSpec((None, *self.card.input_shape), dtype)

    def to_probabilities(self, logits: Tensor) -> Tensor:
        """Turn (N, K) logits, as `logits` and `scores` give them, into probabilities inside a graph."""
        import tensorflow as tf

        if self.card.output == "sigmoid" or self.graph.output_shape[-1] == 1:
            return tf.sigmoid(logits)
        return tf.nn.softmax(logits)

    def check_finite(self, values: Floats, images: Images) -> None:
        """Raise ModelError if the classifier's outputs (N, K) for the prepared `images` hold NaN or infinity.

        The message names the first layer that gives them.
        """
        bad = ~np.isfinite(values).all(axis=1)
        if not bad.any():
            return
        layer = self.first_not_finite(images[bad][:1])
        where = f"the layer {layer!r}" if layer else "its output"
        raise ModelError(
            f"The classifier {self.card.name!r} gives NaN or infinity for {int(bad.sum())} of {len(images)} images, "
            f"first in {where}",
            "Check that layer's weights, and that the preprocessing is the one that it was trained with.",
        )

    def first_not_finite(self, images: Images) -> str:
        """Return the first layer that gives NaN or infinity for prepared images (N, h, w, c); empty where none does."""
        found: list[str] = []

        def visit(name: str, tensor: Tensor) -> Tensor:
            if not found and tensor.dtype.is_floating and not np.isfinite(tensor.numpy()).all():
                found.append(name)
            return tensor

        self.scores(_tensor(images), visit)
        return found[0] if found else ""

    def _run(self, output: str, images: Any) -> Floats:
        parts = [np.empty((0, self.card.n_classes), dtype=np.float32)]
        for batch in self.batches(images):
            values = self._function(output, batch.dtype)(_tensor(batch)).numpy()
            self.check_finite(values, batch)
            parts.append(values)
        return np.concatenate(parts)

    def _function(self, output: str, dtype: np.dtype[Any]) -> Callable[[Tensor], Tensor]:
        def build() -> Callable[[Tensor], Tensor]:
            import tensorflow as tf

            function = tf.function(lambda raw: self.scores(raw, output=output), autograph=False)
            return function.get_concrete_function(self.signature(dtype))

        return self.compiled((output, dtype.name), build)


def load_classifier(
    path: str | Path,
    preprocessing: str | Preprocessing | None = "auto",
    class_names: Sequence[str] | None = None,
    name: str | None = None,
    resize: Resize = "squash",
    *,
    architecture: str | Path | None = None,
    head: str | int | None = None,
    input_size: tuple[int, int] | None = None,
    output: OutputKind | None = None,
    data: Dataset | str | Path | None = None,
) -> Classifier:
    """Load a classifier from a `.keras` or `.h5` file, which is checked in a child process before Keras sees it.

    Parameters
    ----------
    path : str or Path
        Also a SavedModel's folder, or a zip of it, where `Settings.allow_saved_models` is on.
    preprocessing : str or Preprocessing, optional
        ``"auto"``: ``raw`` where the model itself begins with Rescaling or Normalization, the scheme of a known
        keras.applications model, else what the first batch normalisation speaks for, ``unit`` (0..1) otherwise; with
        `data` what the doctor proposes. The card's notes say which and why. None is ``"raw"``.
    class_names : sequence of str, optional
    name : str, optional
        The file's name without its ending by default.
    resize : {"squash", "crop"}
    architecture, head, input_size, output
        As `intake.add_model` takes them.
    data : Dataset or path, optional
        Images that the classifier is meant for, with labels or without: the doctor tries every usual preprocessing
        where that is ``"auto"``, and notes what doesn't fit.

    Raises
    ------
    RefusedModel
        A file that could do more than classify.
    ModelError
        No such file, or not a model that can be read.
    """
    import tempfile

    from nnvis_dash.analysis import saved_model
    from nnvis_dash.analysis.heads import NOTE, choose_head, content_of
    from nnvis_dash.analysis.health import check_weights
    from nnvis_dash.analysis.inspection import fitted_to, with_better_guess
    from nnvis_dash.analysis.intake import checked_copy, frozen_copy
    from nnvis_dash.analysis.loading import load_clean
    from nnvis_dash.workspace.datasets import load_dataset

    path = Path(path)
    with tempfile.TemporaryDirectory(prefix="nnvis-") as folder:
        frozen = frozen_copy(path, folder, head=head, input_size=input_size)
        chosen = ""
        if frozen:
            model, content = OpaqueGraph.open(Path(folder) / frozen["frozen"]), frozen["content"]
            notes = saved_model.notes(frozen)
        else:
            checked = checked_copy(path, folder, architecture=architecture)
            model, chosen = choose_head(load_clean(checked), head)
            check_weights(model)
            content = content_of(checked.content, chosen)
            notes = checked.notes | ({NOTE: chosen} if chosen else {})
    card = describe(
        model,
        name=name or path.stem,
        preprocessing=preprocessing,
        class_names=class_names,
        resize=resize,
        output=output,
        input_size=input_size,
        source=path.name,
        content=content,
        notes=notes,
    )
    clf = with_better_guess(Classifier(model, card))
    if data is None:
        return clf
    images = load_dataset(data) if isinstance(data, (str, Path)) else data
    return fitted_to(clf, images, automatic=preprocessing == "auto")


def open_classifier(workspace: Workspace, ref: str) -> Classifier:
    """Open a classifier that a workspace holds, by name or fingerprint; its file was checked when it was added."""
    return Classifier(read_model(workspace.model_path(ref)), workspace.model(ref))


def read_model(path: Path) -> Any:
    """Load a checked `.keras` file without what it was trained with, or the graph of a `.pb` file.

    Raises
    ------
    ModelError
        Keras can't read it.
    """
    if path.suffix == ".pb":
        return OpaqueGraph.open(path)
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, AttributeError) as error:
        _logger.info("keras can't load %s: %s", path.name, error)
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"Keras can't load the model file {path.name!r}: {reason}",
            "Save it again with model.save('model.keras') from Keras 3.",
        ) from error


def _tensor(array: Any) -> Tensor:
    import tensorflow as tf

    return tf.convert_to_tensor(array)
