"""What only running a model shows, added to its card: a better guess of the preprocessing, and whether it is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.health import WARNING, probe
from nnvis_dash.analysis.preprocessing_choice import is_blind_guess
from nnvis_dash.types import ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.datasets import Dataset

DOCTOR = "doctor"  # the card's note on what doesn't fit the dataset


def inspected(model: Any, card: ModelCard) -> ModelCard:
    """Return the card of a model just described, with what a few synthetic images show.

    Parameters
    ----------
    model : keras.Model or OpaqueGraph
    card : ModelCard
        A preprocessing that was guessed from nothing is guessed again, from the first batch normalisation.

    Returns
    -------
    ModelCard
        With a note ``warning`` where the model seems to be broken.
    """
    from nnvis_dash.analysis.classifier import Classifier

    clf = with_better_guess(Classifier(model, card))
    warning = probe(clf)
    if warning:
        clf.card.notes[WARNING] = warning
    return clf.card


def with_better_guess(clf: Classifier) -> Classifier:
    """Return the classifier with the preprocessing that its first batch normalisation speaks for, if that was open."""
    from nnvis_dash.analysis.doctor.noise import guess_from_noise

    if not is_blind_guess(clf.card):
        return clf
    record = guess_from_noise(clf)
    if record is None:
        return clf
    why = "its first batch normalisation expects such pixels; a dataset with labels would tell for certain (doctor)"
    return clf.with_preprocessing(record, note=f"guessed: {record.name}, {why}")


def fitted_to(clf: Classifier, data: Dataset, *, automatic: bool) -> Classifier:
    """Return the classifier as the doctor proposes it for a dataset, with what the doctor found in its card's notes.

    Parameters
    ----------
    clf : Classifier
    data : Dataset
    automatic : bool
        Whether the preprocessing is open; a person's own choice stays.
    """
    from nnvis_dash.analysis.doctor import doctor
    from nnvis_dash.analysis.doctor.plan import right_outputs

    if automatic:
        found = doctor(clf, data)
        problems = found.problems if found.class_order is None else (*found.problems, found.class_order.reason)
        best = found.proposed
        clf = clf.with_preprocessing(best.preprocessing, best.resize, note=found.line())
    else:
        _, problems = right_outputs(clf.card, data.card, data.labels)
    if problems:
        clf.card.notes[DOCTOR] = " ".join(problems)
    return clf
