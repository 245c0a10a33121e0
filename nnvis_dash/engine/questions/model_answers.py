"""`model_answers`: what one or two classifiers say of every sample, for whoever picks samples by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.suggestion.several import Suggestion
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class ModelAnswersParameters:
    """One classifier, or the two that are held against each other, over which dataset; by fingerprint."""

    dataset: str = ""
    models: list = field(default_factory=list)  # type: ignore[type-arg]


@QUESTIONS.register("model_answers", title="Answers", reference="", parameters=ModelAnswersParameters)
def model_answers(desk: Desk, parameters: ModelAnswersParameters) -> dict[str, Any]:
    """Return labels (N,) int32, -1 where unknown; predictions (M, N) int32 and confidence (M, N) float32.

    Numbers are of one list of classes, `names`: the dataset's, then those that only a classifier has. `alone`: for each
    classifier the names that nobody else has.
    """
    found = known_answers(desk, parameters.dataset, parameters.models)
    return {
        "names": list(found.classes.names),
        "alone": [list(found.classes.alone(number)) for number in range(len(found.predictions))],
        "labels": labels_of(found),
        "predictions": found.predictions,
        "confidence": found.confidence,
    }


def known_answers(desk: Desk, dataset: str, models: list[str]) -> Suggestion:
    """Return what one or two classifiers whose indexes are there say of every sample.

    Raises
    ------
    NotFound
        An index isn't there yet.
    ParameterError
        No classifier or more than two, or one twice.
    """
    if not 1 <= len(models) <= 2 or len(set(models)) < len(models):
        raise ParameterError(f"{len(models)} classifiers are to be compared", "Give one, or two that differ.")
    return _answers(desk.path, dataset, tuple(models))


def labels_of(found: Suggestion) -> Any:
    """Return the labels (N,) int32, all -1 where there are none."""
    return np.full(len(found), -1, np.int32) if found.labels is None else found.labels


@lru_cache(maxsize=8)
def _answers(path: str, dataset: str, models: tuple[str, ...]) -> Suggestion:
    from nnvis_dash.analysis.suggestion.several import suggest
    from nnvis_dash.engine.desk import Desk
    from nnvis_dash.engine.indexes import finished_index

    desk = Desk(path)
    data = desk.dataset(dataset)
    indexes = [finished_index(desk, model, dataset) for model in models]
    names = [desk.workspace.model(model).class_names for model in models]
    labels = data.labels if data.labels is not None and data.class_names else None
    return suggest(indexes, names, labels, data.class_names)
