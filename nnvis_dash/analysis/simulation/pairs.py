"""Two changes at once, on a grid of their degrees: whether they hurt more together than each by itself.

Invariant: a cell is what the classifier says of the image changed by the first at its degree, and that by the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.mutation.truth import sample_ids
from nnvis_dash.analysis.simulation.answers import answers, images_of, predicted
from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.analysis.simulation.changed_images import Arrays
from nnvis_dash.analysis.simulation.curves import LEVEL, RESAMPLES, resampled_means, wilson
from nnvis_dash.analysis.simulation.sweep import (
    AGREEMENT,
    counted,
    known_truth,
    labels_of,
    to_be_asked,
    true_probability,
)
from nnvis_dash.analysis.transformations import transform
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.datasets import Dataset

BLOCK = 128  # images of which the whole grid is asked together
MOST_CELLS = 2500

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairGrid:
    """Answers for images changed by two changes, over both their degrees; D1 × D2 cells.

    Attributes
    ----------
    first, second : Change
        Made in this order: they need not commute. The degrees that change nothing are among theirs.
    n : int
        Images that count: those with a class.
    against : {"labels", "predictions"}
    note : str
    accuracy, accuracy_low, accuracy_high : (D1, D2) float64
        Of all images, and Wilson's 95 % interval.
    probability : (D1, D2) float64
        Mean probability of the true class.
    interaction, interaction_low, interaction_high : (D1, D2) float64
        How far the accuracies are from adding up: a(i, j) - a(i, 0) - a(0, j) + a(0, 0), with 0 for the degree that
        changes nothing. Below 0: together they cost more than the sum of what each costs. Its 95 % interval is the
        percentiles of a bootstrap over the images. Where one change alone leaves nothing to lose, it can only be above
        0: accuracies end at 0.
    """

    first: Change
    second: Change
    n: int
    against: str
    note: str
    accuracy: Array
    accuracy_low: Array
    accuracy_high: Array
    probability: Array
    interaction: Array
    interaction_low: Array
    interaction_high: Array


CELLS = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "probability",
    "interaction",
    "interaction_low",
    "interaction_high",
)


def pair_grid(
    clf: Classifier,
    data: Dataset | Images,
    first: Change,
    second: Change,
    *,
    labels: npt.ArrayLike | None = None,
    samples: npt.ArrayLike | None = None,
    precision: str = "float32",
    resamples: int = RESAMPLES,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> PairGrid:
    """Ask a classifier about images under two changes at once, at every pair of their degrees.

    The first change is made once for each of its degrees, the second on what it gives.

    Parameters
    ----------
    clf : Classifier
    data : Dataset, or (N, H, W, C) uint8
    first, second : Change
        The degree that changes nothing is added where it is missing. The first one can't be an attack.
    labels : (N,) int, optional
        Outputs of the classifier, -1 where unknown; the dataset's own by default. Without any: agreement with the
        classifier's own answer for the unchanged image.
    samples : sequence of int, optional
        All by default.
    precision : {"float32", "bfloat16"}
        Taken as it is.
    resamples, seed : int
        Of the bootstrap.
    on_progress : function (done, total) -> None, optional
        Called after every block of images.

    Returns
    -------
    PairGrid

    Raises
    ------
    NotFound, ParameterError
        No such sample, changes that can't stand in a grid, labels that don't fit, or no images.
    """
    one, other = checked_pair(first, second)
    known = known_truth(clf.card, data, labels)
    ids = sample_ids(data, None if samples is None else np.asarray(samples))
    outputs = labels_of(known, ids)
    parts: list[Arrays] = []
    for start in range(0, len(ids), BLOCK):
        some = slice(start, start + BLOCK)
        given = None if outputs is None else outputs[some]
        parts.append(pair_rows(clf, images_of(data, ids[some]), one, other, given, precision))
        if on_progress is not None:
            on_progress(min(start + BLOCK, len(ids)), len(ids))
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return grid_of(one, other, rows, outputs is None, resamples, seed)


def checked_pair(first: Change, second: Change) -> tuple[Change, Change]:
    """Return two changes with the degrees that change nothing among theirs; ParameterError for what makes no grid."""
    if first.kind == "attack":
        raise ParameterError(f"{first.title} comes first", "Let the attack come second, on the changed images.")
    one, other = (
        replace(change, degrees=tuple(sorted({*change.degrees, change.identity}))) for change in (first, second)
    )
    n_cells = len(one.degrees) * len(other.degrees)
    if n_cells > MOST_CELLS:
        raise ParameterError(f"The grid has {n_cells} cells", f"Give degrees for {MOST_CELLS} at most.")
    return one, other


def pair_rows(
    clf: Classifier,
    images: Any,
    first: Change,
    second: Change,
    labels: Ints | None,
    precision: str = "float32",
    step: Callable[[], None] = lambda: None,
) -> Arrays:
    """Ask about a block of images at every cell.

    Parameters
    ----------
    clf : Classifier
    images : (n, H, W, C) uint8, or a sequence of (H, W, C) uint8
    first, second : Change
        As `checked_pair` gives them.
    labels : (n,) int32 or None
        Outputs of the classifier, -1 unknown; None: its own predictions for the unchanged images stand for them.
    precision : {"float32", "bfloat16"}
    step : function, optional
        Called between batches; what it raises ends the work.

    Returns
    -------
    dict
        labels (n,) int32, the class that counts; right (n, D1, D2) bool; true_probability (n, D1, D2) float32.
    """
    n, n_classes = len(images), clf.card.n_classes
    known = counted(labels, predicted(clf, images, precision)) if labels is None else labels
    asked = to_be_asked(second)
    place = second.degrees.index(second.identity)
    shape = (n, len(first.degrees), len(second.degrees))
    right, probability = np.empty(shape, bool), np.empty(shape, np.float32)
    for number, degree in enumerate(first.degrees):
        changed = _changed(images, first, degree)
        found: Floats = np.empty((n, 0, n_classes), np.float32)
        if asked.degrees:
            found = answers([clf], changed, asked, [known], precision, step)[0]
        found = np.insert(found, place, predicted(clf, changed, precision), axis=1)
        step()
        right[:, number] = found.argmax(axis=2) == known[:, None]
        probability[:, number] = true_probability(found, known)
    return {"labels": known, "right": right, "true_probability": probability}


def grid_of(
    first: Change,
    second: Change,
    rows: Mapping[str, npt.NDArray[Any]],
    unlabelled: bool,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairGrid:
    """Reduce what `pair_rows` gave to a grid.

    `unlabelled` says that the classifier's own predictions stand for labels.

    Raises
    ------
    ParameterError
        No image has a class.
    """
    some = np.asarray(rows["labels"]) >= 0
    n = int(some.sum())
    if not n:
        raise ParameterError("No image has a class", "Choose samples with labels.")
    if resamples < 1:
        raise ParameterError(f"{resamples} resamples are asked for", "Ask for one or more.")
    right = np.asarray(rows["right"])[some].astype(np.float32)
    row, column = first.degrees.index(first.identity), second.degrees.index(second.identity)
    apart = right - right[:, :, column, None] - right[:, None, row, :] + right[:, row, column, None, None]
    drawn = resampled_means(apart, resamples, np.random.default_rng(seed))
    low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0)
    accuracy = right.mean(axis=0, dtype=np.float64)
    accuracy_low, accuracy_high = wilson(accuracy, n)
    return PairGrid(
        first=first,
        second=second,
        n=n,
        against="predictions" if unlabelled else "labels",
        note=AGREEMENT if unlabelled else "",
        accuracy=accuracy,
        accuracy_low=accuracy_low,
        accuracy_high=accuracy_high,
        probability=np.asarray(rows["true_probability"])[some].mean(axis=0, dtype=np.float64),
        interaction=apart.mean(axis=0, dtype=np.float64),
        interaction_low=low,
        interaction_high=high,
    )


def grid_arrays(grid: PairGrid) -> Arrays:
    """Return arrays to keep a grid by; `load_grid` reads them."""
    return {name: getattr(grid, name) for name in CELLS}


def grid_card(grid: PairGrid) -> dict[str, Any]:
    """Return the rest of a grid, as JSON can hold it."""
    return {
        "first": grid.first.plain(),
        "second": grid.second.plain(),
        "n": grid.n,
        "against": grid.against,
        "note": grid.note,
    }


def load_grid(artifact: Artifact) -> PairGrid:
    """Read a stored grid."""
    card = artifact.card
    return PairGrid(
        first=Change.read(card["first"]),
        second=Change.read(card["second"]),
        n=card["n"],
        against=card["against"],
        note=card["note"],
        **{name: artifact.array(name) for name in CELLS},
    )


def _changed(images: Any, change: Change, degree: float) -> Any:
    """Return images changed at one degree, each in its own size."""
    parameters = dict(change.parameters)
    if isinstance(images, np.ndarray):
        return transform(images, change.name, degree, **parameters)
    return [transform(np.asarray(image), change.name, degree, **parameters) for image in images]
