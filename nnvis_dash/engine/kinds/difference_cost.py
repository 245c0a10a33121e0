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


N_TIMED = 48  # windows
DRAWING = 3e-5  # seconds that drawing a sample and adding it up takes, about


@dataclass(frozen=True)
class DifferenceCostParameters(DifferenceParameters):
    """Those of the map."""

    batch: ClassVar[bool] = False


@KINDS.register("difference_cost", title="Cost", reference="", parameters=DifferenceCostParameters)
def difference_cost(job: Job, parameters: DifferenceCostParameters) -> None:
    """Count the windows and time some; keeps a card with windows, forwards, equivalents, bytes, seconds."""
    clf = job.classifier(parameters.model)
    question = parameters.question
    question.check(clf.card)
    forwards, equivalents, n_bytes = _cost(question, clf)
    one = _seconds(question, clf)
    job.save(
        {},
        {
            "windows": forwards // question.whole_samples,
            "forwards": forwards,
            "equivalents": equivalents,
            "bytes": n_bytes,
            "seconds": forwards * one,
        },
    )


def _cost(question: Question, clf: Any) -> tuple[int, float, int]:
    """Return how many samples a map has, the forward passes that they cost, and the bytes that are needed."""
    lattice = question.lattice(clf.card)
    rows, columns = lattice.corners(np.arange(lattice.shape[0] * lattice.shape[1]))
    forwards = len(rows) * question.whole_samples
    plan = question.plan(clf)
    return forwards, forwards * plan.cost(rows, columns), plan.memory + plan.kept_bytes


def _seconds(question: Question, clf: Any) -> float:
    """Return the seconds a sample takes, timed on some windows; the worker is warm for the map afterwards."""
    plan = question.plan(clf)
    image = np.zeros(clf.card.input_shape, np.float32)
    run = plan.begin(image)
    lattice = question.lattice(clf.card)
    rng = np.random.default_rng(0)
    corners = lattice.corners(rng.integers(0, lattice.shape[0] * lattice.shape[1], N_TIMED))
    windows = np.zeros((N_TIMED, 2, question.window, question.window, image.shape[2]), np.float32)
    chosen = np.zeros(1, np.int32)
    run(*corners, windows, chosen)
    began = time.perf_counter()
    run(*corners, windows, chosen)
    return (time.perf_counter() - began) / (2 * N_TIMED) + DRAWING
