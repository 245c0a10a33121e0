"""Which labels are likely wrong: a committee of classifiers and neighbours, cross-examined on changed images.

Probabilities alone can't tell a wrong label from a weakness of the classifier: a heart on grass that is called
pentagon, because all pentagons lie on grass, contradicts its label as strongly as a star that is labelled heart. What
tells them apart is whether *anything* speaks for the label: in another colour the heart is a heart, and turned upright
the arrow is an arrow; but the star is never a heart. So the doubtful samples are asked for again in changed forms
(`views`), and what speaks for a label is the strongest support that it has in any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.review.confident import ConfidentJoint, checked, confident_joint
from nnvis_dash.analysis.review.neighbours import NEAREST, Neighbourhood, Progress, label_shares
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Ints

MOST_EXAMINED = 400
_SUREST = 0.999  # accuracy above which no member's word counts for more


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """How suspicious the label of each of N samples is.

    Attributes
    ----------
    order : (R,) int32
        The labelled samples, the most suspicious first: those that were examined before the others.
    score : (N,) float32, -1..1
        What speaks for another class minus what speaks for the label; NaN without a label. Above 0 the other class
        has more.
    likely : (N,) int32
        The class that the committee says instead, another than the label.
    flagged : (N,) bool
        Confident learning counts the label as wrong.
    examined : (E,) int32
        Samples that were asked for again in changed forms; empty where none were.
    joint : (K, K) float64
        Estimated shares of given label and true class (`confident_joint`).
    weights : (M,) float64
        Of the members of the committee; they add up to 1.
    """

    order: Ints
    score: Floats
    likely: Ints
    flagged: npt.NDArray[np.bool_]
    examined: Ints
    joint: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]

    @property
    def n_estimated(self) -> int:
        """How many labels are wrong, as confident learning estimates: the joint's share off the diagonal."""
        return round(float((self.joint.sum() - np.trace(self.joint)) * len(self.order)))


@dataclass(frozen=True, eq=False)
class Examined:
    """What the classifiers say of some samples in changed forms.

    Attributes
    ----------
    ids : (n,) int
    probabilities : sequence of (V, n, K) float32
        One array a classifier, in their order, the image itself first.
    features : sequence of (V, n, F) float32
    forms : tuple of V str
        What the forms are called.
    """

    ids: npt.NDArray[np.integer]
    probabilities: Sequence[Floats]
    features: Sequence[Floats] = ()
    forms: tuple[str, ...] = ()


class Committee:
    """Classifiers, and for each its neighbours, each weighed by how often its label is the given one.

    Parameters
    ----------
    probabilities : (N, K) float, or a sequence of these
        A classifier each, columns in the order of the labels.
    features : (N, F) float, or a sequence of these, or None
        Of the same classifiers; neighbours in them are members too, and their word is as if a sample had not been
        seen in training.
    labels : (N,) int
        -1 for none.
    k : int
        Neighbours that vote.
    """

    def __init__(
        self,
        probabilities: npt.ArrayLike | Sequence[npt.ArrayLike],
        features: npt.ArrayLike | Sequence[npt.ArrayLike] | None,
        labels: npt.ArrayLike,
        k: int = NEAREST,
        on_progress: Progress | None = None,
    ) -> None:
        tables, spaces = _several(probabilities), _several(features)
        if not tables:
            raise ParameterError("There is no classifier to ask", "Give the probabilities of one at least.")
        if k < 1:
            raise ParameterError(f"{k} neighbours are to vote", "Give 1 or more.")
        read = [checked(table, labels) for table in tables]
        self.tables, self.labels, self.k = [table for table, _ in read], read[0][1], k
        if len({table.shape for table in self.tables}) > 1:
            raise ParameterError("The classifiers have different classes", "Bring their columns into one order first.")
        self.n_classes = self.tables[0].shape[1]
        self.neighbourhoods, self.nearest = [], []
        for number, space in enumerate(spaces):
            around = Neighbourhood.of(space)
            if len(around) != len(self.labels):
                raise ParameterError(f"Features are of {len(around)} samples", f"Give those of all {len(self.labels)}.")

            def report(done: int, total: int, number: int = number) -> None:
                if on_progress is not None:
                    on_progress(number * total + done, len(spaces) * total)

            self.neighbourhoods.append(around)
            self.nearest.append(around.nearest(k, on_progress=report))
        shares = [label_shares(ids, self.labels, self.n_classes) for ids, _ in self.nearest]
        self.members = [*self.tables, *shares]

    @cached_property
    def weights(self) -> npt.NDArray[np.float64]:
        """Return each member's weight (M,): ln(a / (1-a)) for the share a of labels that it gives itself.

        The weight with which independent voters decide best (Nitzan and Paroush, "Optimal Decision Rules in Uncertain
        Dichotomous Choice Situations", 1982). A member that is wrong every second time has none; if none is better,
        all are alike.
        """
        known = self.labels >= 0
        rates = np.array([(table[known].argmax(axis=1) == self.labels[known]).sum() for table in self.members])
        rates = np.clip(rates / max(1, known.sum()), 0.5, _SUREST)
        odds = np.log(rates / (1 - rates))
        return odds / odds.sum() if odds.sum() > 0 else np.full(len(odds), 1 / len(odds))

    def label_errors(self, examined: Examined | None = None) -> LabelErrors:
        """Rank the labels by how suspicious they are; see `label_errors`."""
        means = [table.astype(np.float64) for table in self.members]
        own = [_of(table, self.labels) for table in means]
        ids = np.zeros(0, np.int32)
        mixed = sum(weight * table for weight, table in zip(self.weights, means, strict=True))
        found = confident_joint(np.asarray(mixed), self.labels)
        support = np.asarray(sum(weight * word for weight, word in zip(self.weights, own, strict=True)))
        if examined is not None and len(examined.ids):
            ids = np.asarray(examined.ids, np.int32)
            forms = self._forms(examined)
            mixed, support = np.array(mixed), support.copy()
            mixed[ids] = sum(weight * form.mean(axis=0) for weight, form in zip(self.weights, forms, strict=True))
            support[ids] = sum(
                weight * np.stack([_of(one, self.labels[ids]) for one in form]).max(axis=0)
                for weight, form in zip(self.weights, forms, strict=True)
            )
        return _ranked(np.asarray(mixed), support, self.labels, ids, found, self.weights)

    def _forms(self, examined: Examined) -> list[npt.NDArray[np.float64]]:
        """Return what each member says of the examined samples, (V, n, K) each."""
        n = len(examined.ids)
        forms = [np.asarray(table, np.float64) for table in examined.probabilities]
        if len(forms) != len(self.tables) or any(form.shape[1:] != (n, self.n_classes) for form in forms):
            raise ParameterError("What was examined doesn't belong to the committee", "Examine all of its classifiers.")
        for number, around in enumerate(self.neighbourhoods):
            if number >= len(examined.features):
                forms.append(np.asarray(self.members[len(self.tables) + number], np.float64)[None, examined.ids])
                continue
            near = [
                around.nearest(self.k, one, np.asarray(examined.ids))[0]
                for one in np.asarray(examined.features[number])
            ]
            forms.append(np.stack([label_shares(one, self.labels, self.n_classes) for one in near]).astype(np.float64))
        return forms


def label_errors(
    probabilities: npt.ArrayLike | Sequence[npt.ArrayLike],
    features: npt.ArrayLike | Sequence[npt.ArrayLike] | None,
    labels: npt.ArrayLike,
    *,
    k: int = NEAREST,
    examined: Examined | None = None,
) -> LabelErrors:
    """Rank samples by how likely their label is wrong.

    Each classifier is a member of a committee, and so are the k nearest neighbours in each classifier's features. The
    score is what the committee gives the best other class minus what it gives the label. Of an examined sample the
    first is the mean over its forms, the second the greatest support that the label has in any form.

    Parameters
    ----------
    probabilities : (N, K) float, 0..1, or a sequence of these
        One a classifier, columns in the order of the labels.
    features : (N, F) float, or a sequence of these, or None
        None: classifiers alone are asked.
    labels : (N,) int
        -1 for none.
    k : int
        Neighbours that vote.
    examined : Examined, optional
        See `nnvis_dash.analysis.review.views.examine`.

    Returns
    -------
    LabelErrors

    Raises
    ------
    ParameterError
        Shapes that don't belong together, or labels that there aren't.

    References
    ----------
    Northcutt, Jiang and Chuang, "Confident Learning", JAIR 70, 2021 (`flagged` and `joint`, from the committee's
    weighted probabilities). The cross-examination is our own.
    """
    return Committee(probabilities, features, labels, k).label_errors(examined)


def suspects(found: LabelErrors, most: int = MOST_EXAMINED) -> Ints:
    """Return the samples worth examining (n,): those whose label has less support than another class."""
    above = found.order[found.score[found.order] > 0]
    return above[:most]


def _several(given: npt.ArrayLike | Sequence[npt.ArrayLike] | None) -> list[npt.NDArray[np.floating]]:
    """Return one table or several as a list; a list of rows is one table."""
    if given is None:
        return []
    if isinstance(given, np.ndarray):
        return [given] if given.ndim < 3 else list(given)
    listed = [np.asarray(one) for one in given]  # type: ignore[union-attr]
    return listed if not listed or listed[0].ndim > 1 else [np.asarray(given)]


def _of(table: npt.NDArray[np.float64], labels: Ints) -> npt.NDArray[np.float64]:
    """Return the entry of each row's label; 0 where there is none."""
    return np.where(labels >= 0, table[np.arange(len(table)), np.maximum(labels, 0)], 0.0)


def _ranked(
    mixed: npt.NDArray[np.float64],
    support: npt.NDArray[np.float64],
    labels: Ints,
    ids: Ints,
    found: ConfidentJoint,
    weights: npt.NDArray[np.float64],
) -> LabelErrors:
    others = mixed.copy()
    known = np.flatnonzero(labels >= 0)
    others[known, labels[known]] = -1.0
    likely = others.argmax(axis=1).astype(np.int32)
    best = np.maximum(others.max(axis=1, initial=-1.0), 0.0)
    score = np.where(labels >= 0, best - support, np.nan).astype(np.float32)
    asked = np.zeros(len(labels), np.bool_)
    asked[ids] = True
    order = known[np.lexsort((known, -score[known], ~asked[known]))].astype(np.int32)
    return LabelErrors(order, score, likely, found.flagged, ids, found.joint, weights)
