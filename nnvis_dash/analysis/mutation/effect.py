"""What freezing units does to a whole dataset: accuracy and mean probability of each class, without and with it.

Invariant: the answers with units frozen are those that `mutate` gives for each image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.card import chunk_size
from nnvis_dash.analysis.mutation.frozen import frozen_units, n_frozen
from nnvis_dash.analysis.mutation.recording import record
from nnvis_dash.analysis.mutation.truth import LABELS, blocks, images_of, truth
from nnvis_dash.types import Floats, Images, Ints, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.datasets import Dataset

ROWS = ("labels", "predictions", "predictions_frozen", "probabilities", "probabilities_frozen")
_CLASSES = ("n", "accuracy", "accuracy_frozen", "probability", "probability_frozen")
Rows = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class MutationEffect:
    """What freezing units does to a dataset.

    Attributes
    ----------
    frozen : dict of a layer's name to its frozen units
    against : {"labels", "predictions"}
        What counts as right. Without labels it is what the classifier says with nothing frozen: accuracy is then the
        share of images that keep their prediction, and probability that of this prediction.
    note : str
        Why it isn't the labels; empty where it is.
    n : (K,) int64
        Images of each class; those without a label count for none.
    accuracy, accuracy_frozen : (K,) float32, 0..1
        Without and with the units frozen; 0 for a class without images.
    probability, probability_frozen : (K,) float32, 0..1
        Mean probability of the right class; 0 for a class without images.
    labels : (N,) int32
        What counts as right for each image; -1 where it is unknown.
    predictions, predictions_frozen : (N,) int32
    probabilities, probabilities_frozen : (N,) float32, 0..1
        Of the right class, 0 where it is unknown.
    """

    frozen: dict[str, tuple[int, ...]]
    against: str
    note: str
    n: npt.NDArray[np.int64]
    accuracy: Floats
    accuracy_frozen: Floats
    probability: Floats
    probability_frozen: Floats
    labels: Ints
    predictions: Ints
    predictions_frozen: Ints
    probabilities: Floats
    probabilities_frozen: Floats

    @property
    def flipped(self) -> int:
        """Images whose prediction changes."""
        return int((self.predictions != self.predictions_frozen).sum())

    def said(self) -> str:
        """Say it in one sentence."""
        units, total = units_said(self.frozen), int(self.n.sum())
        changed = f"{self.flipped} of {len(self.labels)} predictions change"
        if self.against != LABELS or not total:
            return f"With {units} frozen {changed}."
        before, after = (float(rate @ self.n) / total for rate in (self.accuracy, self.accuracy_frozen))
        return f"With {units} frozen accuracy goes from {before:.1%} to {after:.1%}; {changed}."


def mutation_effect(
    clf: Classifier,
    data: Dataset | Images,
    frozen: Mapping[str, Iterable[int]],
    labels: npt.ArrayLike | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> MutationEffect:
    """Measure what freezing units does to a dataset.

    Parameters
    ----------
    clf : Classifier
    data : Dataset, or (N, H, W, C) array of raw pixels, 0..255
    frozen : mapping of a layer's name to the numbers of its units
        {} changes nothing.
    labels : (N,) int, optional
        Outputs of the classifier, -1 where unknown; the dataset's own by default. Without any, the classifier's own
        predictions stand for them, and the result says so.
    on_progress : function (done, total) -> None, optional
        Called after every chunk of images.

    Returns
    -------
    MutationEffect

    Raises
    ------
    NotFound, ParameterError
        No such layer or unit, labels that don't fit, or no images.
    """
    units = frozen_units(clf.card, frozen)
    right = truth(clf.card, data, labels)
    n = len(data)
    parts: list[Rows] = []
    for block in blocks(n, chunk_size(clf.card)):
        images = images_of(data, np.arange(block.start, block.stop), clf.card)
        parts.append(effect_rows(clf, images, units, None if right.labels is None else right.labels[block]))
        if on_progress is not None:
            on_progress(block.stop, n)
    rows = {name: np.concatenate([part[name] for part in parts]) for name in ROWS}
    return effect_of(clf.card, units, rows, right.against, right.note)


def effect_rows(
    clf: Classifier, images: Any, frozen: Mapping[str, Iterable[int]], labels: Ints | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Measure some images of a dataset.

    Parameters
    ----------
    clf : Classifier
    images : (n, H, W, C) array or sequence of raw images
    frozen : mapping
        As `frozen_units` gives it.
    labels : (n,) int32, optional
        Outputs, -1 where unknown; by default the predictions with nothing frozen.

    Returns
    -------
    dict
        The arrays of `ROWS`, n rows each.

    Raises
    ------
    ModelError
        Probabilities that are NaN or infinite.
    """
    probabilities, probabilities_with = clf.predict(images), record(clf, images, (), frozen).probabilities
    predictions = probabilities.argmax(axis=1).astype(np.int32)
    right = predictions if labels is None else labels

    def of_the_right(values: Floats) -> Floats:
        chosen = np.take_along_axis(values, np.maximum(right, 0)[:, None], axis=1)[:, 0]
        return np.where(right >= 0, chosen, 0).astype(np.float32)

    return {
        "labels": right.astype(np.int32),
        "predictions": predictions,
        "predictions_frozen": probabilities_with.argmax(axis=1).astype(np.int32),
        "probabilities": of_the_right(probabilities),
        "probabilities_frozen": of_the_right(probabilities_with),
    }


def effect_of(
    card: ModelCard, frozen: Mapping[str, Iterable[int]], rows: Rows, against: str = LABELS, note: str = ""
) -> MutationEffect:
    """Sum rows up, class by class.

    Parameters
    ----------
    card : ModelCard
    frozen : mapping
        As `frozen_units` gives it.
    rows : mapping
        What `effect_rows` gave, of all images.
    against, note : str
        As `truth` gives them.
    """
    right = rows["labels"]
    known = right >= 0
    n = np.bincount(right[known], minlength=card.n_classes)

    def mean(values: npt.NDArray[Any]) -> Floats:
        total = np.bincount(right[known], weights=values[known], minlength=card.n_classes)
        return (total / np.maximum(n, 1)).astype(np.float32)

    return MutationEffect(
        frozen={layer: tuple(units) for layer, units in frozen.items()},
        against=against,
        note=note,
        n=n,
        accuracy=mean(rows["predictions"] == right),
        accuracy_frozen=mean(rows["predictions_frozen"] == right),
        probability=mean(rows["probabilities"]),
        probability_frozen=mean(rows["probabilities_frozen"]),
        **{name: np.asarray(rows[name]) for name in ROWS},
    )


def effect_arrays(effect: MutationEffect) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Return arrays and plain values to keep an effect by; `load_effect` reads them."""
    plain = {
        "frozen": {layer: list(units) for layer, units in effect.frozen.items()},
        "against": effect.against,
        "note": effect.note,
    }
    return {name: getattr(effect, name) for name in (*_CLASSES, *ROWS)}, plain


def load_effect(artifact: Artifact) -> MutationEffect:
    """Read a stored effect."""
    return MutationEffect(
        frozen={layer: tuple(units) for layer, units in artifact.card["frozen"].items()},
        against=artifact.card["against"],
        note=artifact.card["note"],
        **{name: artifact.array(name) for name in (*_CLASSES, *ROWS)},
    )


def units_said(frozen: Mapping[str, Iterable[int]]) -> str:
    """Return how many units are frozen, in words: "1 unit", "3 units"."""
    n = n_frozen(frozen)
    return "1 unit" if n == 1 else f"{n} units"
