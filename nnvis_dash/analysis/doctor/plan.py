"""What the doctor is going to do, settled before anything runs: the same in a script and in every part of a job."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.classes import as_outputs, fit_together, share_names
from nnvis_dash.analysis.doctor.candidates import Candidate, candidates
from nnvis_dash.analysis.doctor.statistics import stratified_order
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import DatasetCard, Ints, ModelCard
from nnvis_dash.workspace.datasets import Dataset

SCREEN = 64  # samples on which every candidate is tried before the clearly worse ones are stopped
UNLABELLED = 128  # samples where there are no labels: statistics of activations need no more


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be tried on which samples, settled before anything runs.

    Attributes
    ----------
    candidates : tuple of C Candidate
        The classifier's own first.
    ids : (n,) int64
        Sample numbers; every beginning holds each class about in proportion.
    labels : (n,) int32 or None
        Their right outputs; None where there is nothing to compare with.
    n_screen : int
        The first so many samples are tried with every candidate.
    problems : tuple of str
    """

    candidates: tuple[Candidate, ...]
    ids: npt.NDArray[np.int64]
    labels: Ints | None
    n_screen: int
    problems: tuple[str, ...]

    @classmethod
    def of(cls, card: ModelCard, data: Dataset, samples: int, seed: int) -> Plan:
        """Plan a diagnosis.

        Raises
        ------
        ParameterError
            No images, or fewer than one sample.
        """
        if len(data) == 0:
            raise ParameterError(f"The dataset {data.card.name!r} has no images", "Give at least one.")
        if samples < 1:
            raise ParameterError(f"The number of samples is {samples}", "Give 1 or more.")
        outputs, problems = right_outputs(card, data.card, data.labels)
        if outputs is None:
            strata = np.zeros(len(data), np.int32) if data.labels is None else data.labels
            ids = stratified_order(strata, seed)[: min(samples, UNLABELLED)]
            fitted = tuple(candidate for candidate in candidates(card, data) if candidate.resize == card.resize)
            return cls(fitted, ids, None, len(ids), problems)
        labelled = np.flatnonzero(outputs >= 0)
        ids = labelled[stratified_order(outputs[labelled], seed)[:samples]].astype(np.int64)
        return cls(candidates(card, data), ids, outputs[ids], min(SCREEN, len(ids)), problems)

    def part(self, start: int, stop: int) -> tuple[npt.NDArray[np.int64], Ints | None]:
        """Return the samples start..stop-1 and their right outputs."""
        return self.ids[start:stop], None if self.labels is None else self.labels[start:stop]


def right_outputs(card: ModelCard, data: DatasetCard, labels: Ints | None) -> tuple[Ints | None, tuple[str, ...]]:
    """Return the labels as outputs of the classifier, None where they can't be compared, and what is wrong."""
    if labels is None or not (labels >= 0).any():
        return None, ()
    n_names = len(data.class_names)
    by_name = share_names(card.class_names, data.class_names)
    if not by_name and not fit_together(card.n_classes, card.class_names, data.class_names):
        return None, (
            f"The classifier {card.name!r} has {card.n_classes} outputs, the dataset {data.name!r} has {n_names} "
            f"classes: their labels can't be compared. Give the classifier the names of its outputs (--class-names), "
            f"with the dataset's among them, or use a dataset of its classes.",
        )
    outputs = as_outputs(labels, data.class_names, card.class_names)
    if int(outputs.max()) >= card.n_classes:
        return None, (
            f"The dataset {data.name!r} has the label {int(outputs.max())}; the classifier {card.name!r} has only "
            f"{card.n_classes} outputs.",
        )
    if not (outputs >= 0).any():
        return None, (f"No labelled sample of {data.name!r} is of a class that the classifier {card.name!r} knows.",)
    return outputs, ()
