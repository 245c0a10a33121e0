"""The whole review of a dataset, from the indexes of the classifiers over it: what a job keeps and the page shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.classes import as_outputs
from nnvis_dash.analysis.review.label_errors import MOST_EXAMINED, Committee, LabelErrors, suspects
from nnvis_dash.analysis.review.neighbours import NEAREST, Neighbourhood, Progress
from nnvis_dash.analysis.review.outliers import logits_of, outlier_scores
from nnvis_dash.analysis.review.slices import Slice, slices
from nnvis_dash.analysis.review.views import TRUSTED, examine, trusted_samples
from nnvis_dash.analysis.review.wording import said
from nnvis_dash.analysis.units import REST, unit_responses, unit_statistics
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Ints, ModelCard, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.index import Index
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.datasets import Dataset

_SMALL = 64 * 64  # pixels of an input up to which `MOST_EXAMINED` samples are examined
_FEWEST = 60
_CLEAR = 0.5  # deviations by which a unit is excited more
_STEPS = 1000  # of the progress of a review
_NEIGHBOURS, _EXAMINED = 0.45, 0.95  # share of it that is done after neighbours, and after the examination
_LABELS = ("order", "score", "likely", "flagged", "examined", "joint", "weights")


@dataclass(frozen=True, eq=False)
class Review:
    """What is to be looked at again in a dataset.

    Attributes
    ----------
    labels : LabelErrors or None
        None where the dataset has no labels.
    outliers : dict of str to (N,) float32
        By name of the score (`outliers.SCORES`), of the first classifier; each higher for what is stranger.
    slices : tuple of Slice
        Where the first classifier errs more than elsewhere.
    said : tuple of str
        A sentence about each slice.
    units : tuple of tuples of Unit
        The units that each slice excites more than other samples of its classes, which are predicted right.
    forms : tuple of str
        In which doubtful samples were examined.
    """

    labels: LabelErrors | None
    outliers: dict[str, Floats]
    slices: tuple[Slice, ...] = ()
    said: tuple[str, ...] = ()
    units: tuple[tuple[Unit, ...], ...] = ()
    forms: tuple[str, ...] = ()


def review(
    data: Dataset,
    classifiers: Sequence[Classifier],
    indexes: Sequence[Index],
    on_progress: Callable[[int, int], None] | None = None,
) -> Review:
    """Find doubtful labels with all classifiers, and outliers and slices with the first.

    Parameters
    ----------
    data : Dataset
    classifiers : sequence of M Classifier
    indexes : sequence of M Index
        Of each over the dataset.
    on_progress : function (done, total) -> None, optional

    Raises
    ------
    ParameterError
        No classifier, or one whose classes aren't the dataset's.
    """
    if not classifiers or len(classifiers) != len(indexes):
        raise ParameterError(
            f"{len(indexes)} indexes of {len(classifiers)} classifiers are to be reviewed", "Give one of each."
        )

    def report(begin: float, end: float) -> Progress:
        def tell(done: int, total: int) -> None:
            if on_progress is not None:
                on_progress(round(_STEPS * (begin + (end - begin) * done / max(1, total))), _STEPS)

        return tell

    first, labels = indexes[0], data.labels
    logits = logits_of(classifiers[0], first.features, first.probabilities)
    if labels is None or not (labels >= 0).any():
        _, cosines = Neighbourhood.of(first.features).nearest(NEAREST, on_progress=report(0, _EXAMINED))
        return Review(None, _outliers(logits, first, cosines))
    columns = [outputs_of(data.class_names, clf.card) for clf in classifiers]
    tables = [np.asarray(one.probabilities)[:, order] for one, order in zip(indexes, columns, strict=True)]
    committee = Committee(tables, [one.features for one in indexes], labels, on_progress=report(0, _NEIGHBOURS))
    most = most_examined(classifiers)
    doubtful = suspects(committee.label_errors(), most)
    trusted = trusted_samples(tables, labels, min(TRUSTED, most))
    examined = examine(classifiers, data, doubtful, trusted, columns, report(_NEIGHBOURS, _EXAMINED))
    found = committee.label_errors(examined)
    predictions = tables[0].argmax(axis=1).astype(np.int32)
    known = np.flatnonzero(labels >= 0)
    cut = slices(np.asarray(first.features)[known], (predictions != labels)[known], labels[known])
    cut = [Slice(known[one.ids].astype(np.int32), *_rest_of(one)) for one in cut]
    words = tuple(said(one, np.asarray(labels), predictions, data.class_names) for one in cut)
    units = typical_units(first, cut, np.asarray(labels), predictions)
    return Review(found, _outliers(logits, first, committee.nearest[0][1]), tuple(cut), words, units, examined.forms)


def typical_units(
    index: Index, cut: Sequence[Slice], labels: Ints, predictions: Ints, n: int = 3
) -> tuple[tuple[Unit, ...], ...]:
    """Return the units that slices excite more than their classes' samples that are predicted right.

    Parameters
    ----------
    index : Index
    cut : sequence of Slice
    labels, predictions : (N,) int32
    n : int
        How many units of each slice at most; those of the outputs are left out.

    Returns
    -------
    tuple of tuples of Unit
        By the difference of the mean activations over the unit's deviation, `_CLEAR` at least.
    """
    hidden = np.array([unit.layer != index.units[-1].layer for unit in index.units], np.bool_)
    if not cut or not hidden.any():
        return tuple(() for _ in cut)
    statistics, found = unit_statistics(index, "mean"), []
    for one in cut:
        others = np.isin(labels, labels[one.ids]) & (labels == predictions)
        others[one.ids] = False
        against = np.flatnonzero(others) if others.any() else REST
        response = unit_responses(index, one.ids, against, "mean", "difference", True, statistics)
        response[~hidden] = -np.inf
        best = np.argsort(-response, kind="stable")[:n]
        found.append(tuple(index.units[place] for place in best if response[place] >= _CLEAR))
    return tuple(found)


def most_examined(classifiers: Sequence[Classifier]) -> int:
    """Return how many samples are examined: fewer where images are large, so that it stays a matter of minutes."""
    pixels = max(clf.card.input_shape[0] * clf.card.input_shape[1] for clf in classifiers)
    return int(np.clip(MOST_EXAMINED * _SMALL // pixels, _FEWEST, MOST_EXAMINED))


def outputs_of(class_names: tuple[str, ...], card: ModelCard) -> Ints:
    """Return a classifier's output for each label of a dataset (K,).

    Raises
    ------
    ParameterError
        It has none for some label.
    """
    order = as_outputs(np.arange(len(class_names), dtype=np.int32), class_names, card.class_names)
    if order.max(initial=-1) >= card.n_classes:
        raise ParameterError(
            f"The classifier {card.name!r} has {card.n_classes} classes and the dataset {len(class_names)}",
            "Choose a classifier for these classes.",
        )
    return order


def _outliers(logits: Floats | None, index: Index, cosines: Floats) -> dict[str, Floats]:
    return outlier_scores(logits, probabilities=index.probabilities, cosines=cosines).known


def _rest_of(one: Slice) -> tuple[int, float, float, float, float, float]:
    return one.wrong, one.low, one.high, one.rest, one.p, one.q


def review_arrays(found: Review) -> dict[str, npt.NDArray[Any]]:
    """Return what `load_review` reads of the arrays."""
    arrays: dict[str, npt.NDArray[Any]] = {f"outlier-{name}": values for name, values in found.outliers.items()}
    if found.labels is not None:
        arrays |= {f"label-{name}": np.asarray(getattr(found.labels, name)) for name in _LABELS}
    for number, one in enumerate(found.slices):
        arrays[f"slice-{number}"] = one.ids
    return arrays


def review_card(found: Review) -> dict[str, Any]:
    """Return the plain values that `load_review` reads."""
    return {
        "labelled": found.labels is not None,
        "outliers": list(found.outliers),
        "slices": [{name: value for name, value in asdict(one).items() if name != "ids"} for one in found.slices],
        "said": list(found.said),
        "units": [[[unit.layer, unit.channel] for unit in some] for some in found.units],
        "forms": list(found.forms),
    }


def load_review(artifact: Artifact) -> Review:
    """Return a review as a job kept it; its arrays stay on disk."""
    card = artifact.card
    labels = LabelErrors(**{name: artifact.array(f"label-{name}") for name in _LABELS}) if card["labelled"] else None
    cut = tuple(Slice(artifact.array(f"slice-{number}"), **one) for number, one in enumerate(card["slices"]))
    outliers = {name: artifact.array(f"outlier-{name}") for name in card["outliers"]}
    units = tuple(tuple(Unit(layer, channel) for layer, channel in some) for some in card["units"])
    return Review(labels, outliers, cut, tuple(card["said"]), units, tuple(card["forms"]))
