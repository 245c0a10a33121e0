"""`difference_cost`: what a prediction difference would take, before it is started."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnvis_dash.engine.kinds import KINDS
from nnvis_dash.engine.kinds.prediction_difference import DifferenceParameters

if TYPE_CHECKING:
    from nnvis_dash.analysis.prediction_difference.question import Question
    from nnvis_dash.engine.job import Job


@dataclass(frozen=True)
class DifferenceCostParameters(DifferenceParameters):
    """Those of the map."""

    batch: ClassVar[bool] = False


@KINDS.register("difference_cost", title="Cost", reference="", parameters=DifferenceCostParameters)
def difference_cost(job: Job, parameters: DifferenceCostParameters) -> None:
    """Count the windows and time a forward pass; keeps a card with windows, forwards, equivalents, bytes, seconds."""
    from nnvis_dash.analysis.card import batch_size

    clf = job.classifier(parameters.model)
    question = parameters.question
    question.check(clf.card)
    forwards, equivalents, n_bytes = _cost(question, clf)
    images = np.zeros((batch_size(clf.card), *clf.card.input_shape), np.uint8)
    clf.predict(images)
    began = time.perf_counter()
    clf.predict(images)
    one = (time.perf_counter() - began) / len(images)
    job.save(
        {},
        {
            "windows": forwards // question.whole_samples,
            "forwards": forwards,
            "equivalents": equivalents,
            "bytes": n_bytes,
            "seconds": equivalents * one,
        },
    )


def _cost(question: Question, clf: Any) -> tuple[int, float, int]:
    """Return how many samples a map has, the forward passes that they cost, and the bytes that are needed."""
    lattice = question.lattice(clf.card)
    rows, columns = lattice.corners(np.arange(lattice.shape[0] * lattice.shape[1]))
    forwards = len(rows) * question.whole_samples
    plan = question.plan(clf)
    return forwards, forwards * plan.cost(rows, columns), plan.memory + plan.kept_bytes
