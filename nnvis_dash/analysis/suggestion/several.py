"""What several classifiers say of each sample together: how sure they are, and how many answers they give.

Pena Araya et al., "iNNvestigate-GUI: explaining neural networks through an interactive visualization tool", 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.suggestion.common_classes import CommonClasses, common_classes
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.index import Index
    from nnvis_dash.workspace.artifacts import Artifact

QUADRANTS = {
    "agree and confident": "look for bias: do all rest on the same evidence, and is it the right one?",
    "agree, not confident": "look at what is hard about them: all give the same answer, and none is sure of it",
    "disagree, not confident": "borderline: between classes",
    "disagree and confident": "out of distribution, adversarial, or one classifier is right",
}
CONFIDENT = 0.5  # mean confidence from which classifiers count as confident
MOST_MODELS = 62  # bits of a number that says which are right


@dataclass(frozen=True, eq=False)
class Suggestion:
    """What M classifiers say of N samples.

    Attributes
    ----------
    mean_confidence : (N,) float32, 0..1
        Mean over the classifiers of the probability of what each predicts.
    distinct_classes : (N,) int32, 1..M
        How many different classes they predict.
    predictions : (M, N) int32
        Numbers of `classes.names`.
    confidence : (M, N) float32, 0..1
        Probability of what each predicts.
    labels : (N,) int32 or None
        Numbers of `classes.names`, -1 where unknown; None where no sample has one.
    classes : CommonClasses
    confident : float
        `mean_confidence` from which a sample is in a confident quadrant.
    """

    mean_confidence: Floats
    distinct_classes: Ints
    predictions: npt.NDArray[np.int32]
    confidence: npt.NDArray[np.float32]
    labels: Ints | None
    classes: CommonClasses
    confident: float

    def __len__(self) -> int:
        return len(self.mean_confidence)

    @property
    def quadrant(self) -> Ints:
        """Return each sample's place (N,) among `QUADRANTS`; classifiers agree where they predict one class."""
        agree = self.distinct_classes == 1
        confident = self.mean_confidence >= np.float32(self.confident)
        return np.where(agree, np.where(confident, 0, 1), np.where(confident, 3, 2)).astype(np.int32)

    @property
    def vote_entropy(self) -> Floats:
        """Return the entropy (N,) of the classifiers' votes, in nats: 0 where all agree, ln M where no two do."""
        ordered = np.sort(self.predictions, axis=0)
        models = len(ordered)
        found = np.zeros(len(self), np.float64)
        run = np.ones(len(self), np.int64)
        terms = np.array([0.0, *(-k / models * np.log(k / models) for k in range(1, models + 1))])
        for row in range(1, models):
            same = ordered[row] == ordered[row - 1]
            found += np.where(same, 0.0, terms[run])
            run = np.where(same, run + 1, 1)
        return np.maximum(found + terms[run], 0.0).astype(np.float32)

    @property
    def right(self) -> npt.NDArray[np.bool_] | None:
        """Return which classifiers are right (M, N); False where a label is unknown; None without labels."""
        return None if self.labels is None else (self.predictions == self.labels) & (self.labels >= 0)

    @property
    def right_set(self) -> npt.NDArray[np.int64] | None:
        """Return the set of classifiers that are right (N,): bit m for classifier m, -1 where a label is unknown."""
        if self.right is None or self.labels is None:
            return None
        bits = np.left_shift(np.int64(1), np.arange(len(self.predictions), dtype=np.int64))
        return np.where(self.labels >= 0, bits @ self.right.astype(np.int64), -1)

    def most_contested(self) -> npt.NDArray[np.int64]:
        """Return the samples (N,): those with the most answers first, of these the most confident."""
        return np.lexsort((-self.mean_confidence, -self.distinct_classes)).astype(np.int64)


def suggest(
    indexes: Sequence[Index | npt.NDArray[np.floating]],
    class_names: Sequence[Sequence[str]] = (),
    labels: npt.ArrayLike | None = None,
    label_names: Sequence[str] = (),
    confident: float = CONFIDENT,
) -> Suggestion:
    """Say of each sample how sure several classifiers are of it, and how many answers they give.

    Parameters
    ----------
    indexes : sequence of Index, or of (N, K) float arrays of probabilities
        One a classifier, of the same samples; K may differ.
    class_names : sequence of sequences of str
        The classifiers' class names, by output: classes are matched by name (`common_classes`).
    labels : (N,) int, optional
        The dataset's labels, -1 where unknown.
    label_names : sequence of str
        The dataset's class names. Left out: labels are numbers of outputs of the first classifier.
    confident : float, 0..1

    Returns
    -------
    Suggestion

    Raises
    ------
    ParameterError
        No classifier or too many, different numbers of samples, probabilities or labels that can't be.
    """
    tables = [np.asarray(getattr(index, "probabilities", index)) for index in indexes]
    if not 1 <= len(tables) <= MOST_MODELS:
        raise ParameterError(f"{len(tables)} classifiers are to be compared", f"Give 1 to {MOST_MODELS}.")
    if not 0 <= confident <= 1:
        raise ParameterError(f"confident is {confident!r}", "Give a probability, 0 to 1.")
    for table in tables:
        if table.ndim != 2 or table.shape[1] == 0 or len(table) != len(tables[0]):
            raise ParameterError(
                f"Probabilities have the shapes {', '.join(str(each.shape) for each in tables)}",
                "Give for each classifier one row a sample, of the same samples, and one column a class.",
            )
    known = tuple(label_names)
    if labels is not None and not known:
        own = tuple(class_names[0]) if class_names and class_names[0] else ()
        known = own or tuple(f"class {number}" for number in range(tables[0].shape[1]))
    classes = common_classes([table.shape[1] for table in tables], class_names, known)
    predicted = [table.argmax(axis=1) for table in tables]
    predictions = np.stack([of[found] for of, found in zip(classes.outputs, predicted, strict=True)]).astype(np.int32)
    confidence = np.stack(
        [np.take_along_axis(table, at[:, None], 1)[:, 0] for table, at in zip(tables, predicted, strict=True)]
    ).astype(np.float32)
    ordered = np.sort(predictions, axis=0)
    return Suggestion(
        confidence.mean(axis=0, dtype=np.float64).astype(np.float32),
        (1 + (ordered[1:] != ordered[:-1]).sum(axis=0)).astype(np.int32),
        predictions,
        confidence,
        _labels(labels, len(tables[0]), classes.n_labels),
        classes,
        float(confident),
    )


def suggestion_arrays(found: Suggestion) -> dict[str, npt.NDArray[Any]]:
    """Return what `load_suggestion` reads of the arrays."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "mean_confidence": found.mean_confidence,
        "distinct_classes": found.distinct_classes,
        "predictions": found.predictions,
        "confidence": found.confidence,
    }
    for number, outputs in enumerate(found.classes.outputs):
        arrays[f"outputs-{number}"] = outputs
    return arrays if found.labels is None else {**arrays, "labels": found.labels}


def suggestion_card(found: Suggestion) -> dict[str, Any]:
    """Return the plain values that `load_suggestion` reads."""
    return {
        "class_names": list(found.classes.names),
        "n_labels": found.classes.n_labels,
        "by_number": list(found.classes.by_number),
        "labelled": found.labels is not None,
        "confident": found.confident,
    }


def load_suggestion(artifact: Artifact) -> Suggestion:
    """Return a suggestion as a job kept it."""
    card = artifact.card
    by_number = tuple(bool(value) for value in card["by_number"])
    outputs = tuple(np.asarray(artifact.array(f"outputs-{number}")) for number in range(len(by_number)))
    return Suggestion(
        np.asarray(artifact.array("mean_confidence")),
        np.asarray(artifact.array("distinct_classes")),
        np.asarray(artifact.array("predictions")),
        np.asarray(artifact.array("confidence")),
        np.asarray(artifact.array("labels")) if card["labelled"] else None,
        CommonClasses(tuple(card["class_names"]), outputs, int(card["n_labels"]), by_number),
        float(card["confident"]),
    )


def _labels(labels: npt.ArrayLike | None, n: int, n_labels: int) -> Ints | None:
    if labels is None:
        return None
    found = np.asarray(labels)
    if found.shape != (n,) or found.dtype.kind not in "iu":
        raise ParameterError(f"Labels have the shape {found.shape}", f"Give one whole number for each of {n} samples.")
    if n and not -1 <= found.min() <= found.max() < n_labels:
        raise ParameterError(
            f"Labels are from {int(found.min())} to {int(found.max())}", f"Give -1 (unknown) to {n_labels - 1}."
        )
    return found.astype(np.int32) if (found >= 0).any() else None
