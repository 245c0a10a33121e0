"""What counts as right when units are frozen: the labels, or without any the classifier's own predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.classes import as_outputs
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Images, Ints, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.workspace.datasets import Dataset

LABELS, PREDICTIONS = "labels", "predictions"
NO_LABELS = "there are no labels: counted against what the classifier says with nothing frozen"


class Truth(NamedTuple):
    """The classes that images are held against."""

    labels: Ints | None  # (N,) outputs of the classifier, -1 unknown; None: its own predictions
    note: str  # why those; empty where there are labels

    @property
    def against(self) -> str:
        """In one word: "labels" or "predictions"."""
        return PREDICTIONS if self.labels is None else LABELS


def truth(card: ModelCard, data: Dataset | Images, labels: npt.ArrayLike | None = None) -> Truth:
    """Return the classes that a classifier's answers are held against.

    Parameters
    ----------
    card : ModelCard
    data : Dataset, or (N, H, W, C) array
    labels : (N,) int, optional
        Outputs of the classifier, -1 where unknown. The dataset's own by default, brought to the classifier's outputs.

    Returns
    -------
    Truth
        Without labels where there are none, or where the dataset has more classes than the classifier.

    Raises
    ------
    ParameterError
        Labels that aren't one output number for each image, or no images.
    """
    if len(data) == 0:
        raise ParameterError("There are no images", "Give at least one.")
    if labels is not None:
        return Truth(_checked(card, np.asarray(labels), len(data)), "")
    own = None if isinstance(data, np.ndarray) else data.labels
    if own is None or isinstance(data, np.ndarray) or not (own >= 0).any():
        return Truth(None, NO_LABELS)
    outputs = as_outputs(own, data.class_names, card.class_names)
    if outputs.max() >= card.n_classes:
        return Truth(
            None,
            f"the dataset has a class {int(outputs.max())} and {card.name} puts out {card.n_classes}: counted against "
            f"what the classifier says with nothing frozen",
        )
    return Truth(outputs, "")


def sample_ids(data: Dataset | Images, samples: Sequence[int] | npt.NDArray[Any] | None) -> npt.NDArray[np.int64]:
    """Return the chosen samples, each once and ascending; all where `samples` is None.

    Raises
    ------
    NotFound, ParameterError
        A sample that isn't there, or none.
    """
    if samples is None:
        return np.arange(len(data), dtype=np.int64)
    ids = np.unique(np.asarray(samples))
    if not len(ids) or ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ParameterError("No samples are chosen", "Give sample ids, or leave them out for all.")
    if ids[0] < 0 or ids[-1] >= len(data):
        raise NotFound(
            f"There is no sample {int(ids[0] if ids[0] < 0 else ids[-1])}", f"Its samples are 0 to {len(data) - 1}."
        )
    return ids.astype(np.int64)


def images_of(data: Dataset | Images, ids: npt.NDArray[np.int64], card: ModelCard) -> Images:
    """Return some samples' images as a classifier's `prepare` takes them."""
    return data[ids] if isinstance(data, np.ndarray) else data.batch(ids, card.input_shape, card.resize)


def blocks(n: int, size: int) -> Iterator[slice]:
    """Yield slices of `size` (the last may be shorter) that cover 0..n."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _checked(card: ModelCard, labels: npt.NDArray[Any], n: int) -> Ints:
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise ParameterError(
            f"The labels have the shape {labels.shape} and type {labels.dtype}",
            f"Give {n} whole numbers, one for each image; -1 where it is unknown.",
        )
    wrong = (labels < -1) | (labels >= card.n_classes)
    if wrong.any():
        raise ParameterError(
            f"There is a label {int(labels[wrong][0])}",
            f"Give numbers from 0 to {card.n_classes - 1}, or -1 where it is unknown.",
        )
    return labels.astype(np.int32)
