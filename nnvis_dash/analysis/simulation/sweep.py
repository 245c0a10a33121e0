"""A sweep: what one classifier says of a dataset's images over the degrees of one change, image by image.

Everything that the simulation view shows of a change (curves, ranks, breaking points, scores) is read from it, for all
images or for any of them, without asking the classifier again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.mutation.truth import Truth, sample_ids, truth
from nnvis_dash.analysis.simulation.answers import CHECKED, answers, choose_precision, images_of, predicted
from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.analysis.simulation.changed_images import Arrays, ChangedImages, read_head
from nnvis_dash.analysis.simulation.order import stratified_order
from nnvis_dash.state.ids import content_key
from nnvis_dash.types import Floats, Images, Ints, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.datasets import Dataset

VERSION = 1  # of what a sweep holds; raised whenever its numbers change
WHOLE = 64  # classes up to which every probability is kept
CHUNK = 128  # samples between two reports of progress
AGREEMENT = "there are no labels: agreement with what the classifier says of the unchanged images"


@dataclass(frozen=True, eq=False)
class Sweep(ChangedImages):
    """Answers for n of `total` samples at D degrees.

    Attributes
    ----------
    change : Change
    ids : (n,) int64
        The samples, in a random order in which the classes take turns: any beginning of them is a fair sample.
    labels : (n,) int32
        The class that each counts for, an output of the classifier: its label, or where `against` is "predictions" what
        the classifier says of it unchanged. -1: none.
    against : {"labels", "predictions"}
    note : str
        Why those, and why not the precision asked for; empty where there is nothing to say.
    class_names : tuple of str
        The classifier's, by output.
    total : int
        Samples of the whole sweep; more than n while it is being computed.
    prediction : (n, D) int32
    true_probability : (n, D) float32
        Of the class in `labels`; NaN where there is none.
    probabilities : (n, D, K) float32 or None
        None for more than 64 classes.
    clean_prediction : (n,) int32
    deep_gini, margin : (n,) float32
        Of the unchanged images: 1 − Σp² (Feng et al., ISSTA 2020), and the first minus the second probability.
    precision : {"float32", "bfloat16"}
    """

    ROWS = (
        "ids",
        "labels",
        "prediction",
        "true_probability",
        "probabilities",
        "clean_prediction",
        "deep_gini",
        "margin",
    )

    total: int
    prediction: Ints
    true_probability: Floats
    probabilities: Floats | None
    clean_prediction: Ints
    deep_gini: Floats
    margin: Floats
    precision: str = "float32"

    @property
    def degrees(self) -> npt.NDArray[np.float64]:
        """(D,) float64, ascending."""
        return np.asarray(self.change.degrees, np.float64)

    @property
    def n_classes(self) -> int:
        """Number of the classifier's outputs."""
        return len(self.class_names)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """(n, D) bool: the prediction is the class that counts."""
        return np.asarray(self.prediction == self.labels[:, None])

    def rows_of(self, ids: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return (n,) bool: which rows are of these samples."""
        return np.isin(self.ids, np.asarray(ids, np.int64))


def sweep(
    clf: Classifier,
    data: Dataset | Images,
    change: Change,
    *,
    labels: npt.ArrayLike | None = None,
    samples: npt.ArrayLike | None = None,
    precision: str = "float32",
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Ask a classifier about a dataset's images at every degree of a change.

    Parameters
    ----------
    clf : Classifier
    data : Dataset, or (N, H, W, C) uint8
    change : Change
    labels : (N,) int, optional
        Outputs of the classifier, -1 where unknown; the dataset's own by default. Without any: agreement with the
        classifier's own answer for the unchanged image, and `note` says so.
    samples : sequence of int, optional
        All by default.
    precision : {"float32", "bfloat16"}
        bfloat16 is about twice as fast on CPUs that have it; used if its mean probabilities are within 0.01 of those
        in float32 on a sample (`choose_precision`), and `note` says if not.
    seed : int
        Of the order.
    on_progress : function (done, total) -> None, optional

    Returns
    -------
    Sweep

    Raises
    ------
    NotFound, ParameterError
        No such sample; no images, or labels that don't fit.
    """
    known = known_truth(clf.card, data, labels)
    chosen_ids = sample_ids(data, None if samples is None else np.asarray(samples))
    ids = ordered(data, chosen_ids, known.labels, seed)
    outputs = labels_of(known, ids)
    chosen, note = choose_precision(clf, images_of(data, ids[:CHECKED]), outputs, [change], precision)
    parts: list[Arrays] = []
    for start in range(0, len(ids), CHUNK):
        some = images_of(data, ids[start : start + CHUNK])
        given = None if outputs is None else outputs[start : start + CHUNK]
        clean = predicted(clf, some, chosen)
        parts.append({**clean_rows(clean, given), **changed_rows(clf, some, change, clean, given, chosen)})
        if on_progress is not None:
            on_progress(min(start + CHUNK, len(ids)), len(ids))
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return assembled(clf.card, change, known, ids, rows, len(ids), chosen, note)


def known_truth(card: ModelCard, data: Dataset | Images, labels: npt.ArrayLike | None = None) -> Truth:
    """Return the classes that images count for, as `truth` does; its labels are None where there are none at all."""
    known = truth(card, data, labels)
    return known if known.labels is None or (known.labels >= 0).any() else Truth(None, known.note)


def ordered(data: Dataset | Images, ids: npt.NDArray[np.int64], labels: Ints | None, seed: int = 0) -> Any:
    """Return samples (n,) int64 in the order in which a simulation takes them, the same for every classifier.

    The dataset's own labels take turns; those given, outputs of a classifier, where `data` has none.
    """
    own = None if isinstance(data, np.ndarray) else data.labels
    chosen = labels if own is None or not (own >= 0).any() else own
    return ids[stratified_order(None if chosen is None else chosen[ids], len(ids), seed)]


def labels_of(known: Truth, ids: npt.NDArray[np.int64]) -> Ints | None:
    """Return the labels of samples as outputs (n,) int32, -1 where one has none; None where there are none at all."""
    return None if known.labels is None else known.labels[ids].astype(np.int32)


def changed_rows(
    clf: Classifier, images: Any, change: Change, clean: Floats, labels: Ints | None, precision: str = "float32"
) -> Arrays:
    """Return a chunk's rows of a sweep for one classifier, the clean answers (n, K) standing at the identity."""
    found = answers([clf], images, to_be_asked(change), [labels], precision)[0]
    return reduced_rows(with_identity(change, found, clean), counted(labels, clean))


def to_be_asked(change: Change) -> Change:
    """Return the change without the degree that changes nothing: its answers are known."""
    return replace(change, degrees=tuple(degree for degree in change.degrees if degree != change.identity))


def with_identity(change: Change, found: Floats, clean: Floats) -> Floats:
    """Return answers (n, D, K) at all degrees, from those without the identity and the clean ones (n, K)."""
    if change.identity not in change.degrees:
        return found
    return np.insert(found, change.degrees.index(change.identity), clean, axis=1)


def counted(labels: Ints | None, clean: Floats) -> Ints:
    """Return the class (n,) that each image counts for: its label, or without any the clean prediction."""
    return (clean.argmax(axis=1) if labels is None else labels).astype(np.int32)


def reduced_rows(probabilities: Floats, labels: Ints) -> Arrays:
    """Return what a sweep keeps of the answers (n, D, K) at all degrees."""
    rows: Arrays = {
        "prediction": probabilities.argmax(axis=2).astype(np.int32),
        "true_probability": true_probability(probabilities, labels),
    }
    if probabilities.shape[2] <= WHOLE:
        rows["probabilities"] = probabilities
    return rows


def true_probability(probabilities: Floats, labels: Ints) -> Floats:
    """Return (n, D) float32 of (n, D, K) the probability of each image's class, NaN where it is -1."""
    chosen = np.take_along_axis(probabilities, np.maximum(labels, 0)[:, None, None].astype(np.int64), axis=2)[..., 0]
    return np.where(labels[:, None] < 0, np.float32(np.nan), chosen)


def clean_rows(clean: Floats, labels: Ints | None) -> Arrays:
    """Return what a sweep keeps of the answers (n, K) for the unchanged images."""
    exact = clean.astype(np.float64)
    best = -np.sort(-exact, axis=1)[:, :2]
    return {
        "labels": counted(labels, clean),
        "clean_prediction": clean.argmax(axis=1).astype(np.int32),
        "deep_gini": (1 - (exact**2).sum(axis=1)).astype(np.float32),
        "margin": (best[:, 0] - best[:, -1]).astype(np.float32),
    }


def assembled(
    card: ModelCard,
    change: Change,
    known: Truth,
    ids: npt.NDArray[np.int64],
    rows: Mapping[str, npt.NDArray[Any]],
    total: int,
    precision: str = "float32",
    note: str = "",
) -> Sweep:
    """Put a sweep together from its rows, as `clean_rows` and `reduced_rows` give them."""
    names = card.class_names or tuple(str(number) for number in range(card.n_classes))
    reason = AGREEMENT if known.labels is None else ""
    return Sweep(
        change=change,
        ids=ids,
        against=known.against,
        note="; ".join(filter(None, (reason, note))),
        class_names=names,
        total=total,
        precision=precision,
        **{name: rows.get(name) for name in Sweep.ROWS if name != "ids"},  # type: ignore[arg-type]
    )


def sweep_key(
    model: str, dataset: str, change: Change, samples: str = "", precision: str = "float32", seed: int = 0
) -> str:
    """Return the key that names a sweep: equal for equal models, data, change and code.

    Parameters
    ----------
    model, dataset : str
        Fingerprints.
    samples : str
        As `state.ids.encode_ids` writes them; empty: all.
    """
    return content_key("sweep", VERSION, model, dataset, change.plain(), samples, precision, seed)


def sweep_arrays(found: Sweep) -> Arrays:
    """Return a sweep's arrays, which `numpy.save` keeps without pickle; `load_sweep` reads them."""
    return found.arrays


def sweep_card(found: Sweep) -> dict[str, Any]:
    """Return the rest of a sweep, as JSON can hold it."""
    return {**found.head, "precision": found.precision}


def load_sweep(artifact: Artifact) -> Sweep:
    """Open a stored sweep; its arrays stay on disk until they are read."""
    arrays = {name: artifact.array(name) if name in artifact.names else None for name in Sweep.ROWS}
    return Sweep(
        **read_head(artifact.card),
        precision=artifact.card["precision"],
        total=len(arrays["ids"]),  # type: ignore[arg-type]
        **arrays,  # type: ignore[arg-type]
    )
