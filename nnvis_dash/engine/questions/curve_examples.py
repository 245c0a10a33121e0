"""`curve_examples`: the images beside a class's curve: how they fare at a degree, and those that flip first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import NotFound

if TYPE_CHECKING:
    from nnvis_dash.analysis.simulation.sweep import Sweep
    from nnvis_dash.engine.desk import Desk

MOST = 64


@dataclass(frozen=True)
class CurveExamplesParameters:
    """Which sweep, class and degree."""

    dataset: str = ""
    model: str = ""
    change: dict = field(default_factory=dict)  # type: ignore[type-arg]
    samples: str = ""
    precision: str = "float32"
    number: int = -1  # an output of the classifier; -1: every class
    degree: int = 0  # place among the degrees
    n: int = field(default=8, metadata={"low": 1, "high": MOST})


@QUESTIONS.register("curve_examples", title="Examples of a curve", reference="", parameters=CurveExamplesParameters)
def curve_examples(desk: Desk, parameters: CurveExamplesParameters) -> dict[str, Any]:
    """Return samples of a class.

    `typical`: n of them, evenly spread from the highest to the lowest probability of their class at the degree.
    `others`: every class's mean probability over the class's images at the degree, [number, value], the largest first;
    where a sweep of many classes keeps no probabilities, the share of the predictions. `others_are` says which.
    `flips`: those whose prediction, right at the identity, is wrong at the degree nearest to it, the nearest first.
    """
    from nnvis_dash.analysis.simulation.change import Change
    from nnvis_dash.engine.sweeps import Wanted, known_sweep

    change = Change.read(parameters.change)
    wanted = Wanted(parameters.model, parameters.dataset, change, parameters.samples, parameters.precision)
    found = known_sweep(desk, wanted)
    if found is None:
        raise NotFound("The simulation has not begun", "Start it first.")
    if not 0 <= parameters.degree < len(found.degrees) or not -1 <= parameters.number < found.n_classes:
        raise NotFound(
            f"There is no degree {parameters.degree} of class {parameters.number}",
            f"There are {len(found.degrees)} degrees and {found.n_classes} classes, counted from 0.",
        )
    rows = found.labels == parameters.number if parameters.number >= 0 else found.labels >= 0
    some = found.take(np.flatnonzero(rows))
    return {
        "typical": _typical(some, parameters.degree, parameters.n),
        "others": _others(some, parameters.degree),
        "others_are": "share of the predictions" if some.probabilities is None else "mean probability",
        "flips": _flips(some, parameters.n),
        "n": len(some),
    }


def _typical(some: Sweep, degree: int, n: int) -> list[dict[str, Any]]:
    order = np.argsort(-some.true_probability[:, degree], kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int))]
    return [
        {
            "id": int(some.ids[row]),
            "probability": round(float(some.true_probability[row, degree]), 4),
            "prediction": int(some.prediction[row, degree]),
            "right": bool(some.right[row, degree]),
        }
        for row in chosen
    ]


def _others(some: Sweep, degree: int) -> list[list[float]]:
    if not len(some):
        return []
    if some.probabilities is not None:
        share = np.asarray(some.probabilities[:, degree], np.float64).mean(axis=0)
    else:
        share = np.bincount(some.prediction[:, degree], minlength=some.n_classes) / len(some)
    largest = np.argsort(-share, kind="stable")[:8]
    return [[int(number), round(float(share[number]), 4)] for number in largest]


def _flips(some: Sweep, n: int) -> list[dict[str, Any]]:
    away = np.abs(some.degrees - some.identity)
    wrong = ~some.right & (away > 0)
    first = np.where(wrong, away, np.inf).argmin(axis=1)
    rows = np.flatnonzero(wrong.any(axis=1) & (some.clean_prediction == some.labels))
    rows = rows[np.argsort(away[first[rows]], kind="stable")[:n]]
    return [
        {
            "id": int(some.ids[row]),
            "degree": float(some.degrees[first[row]]),
            "prediction": int(some.prediction[row, first[row]]),
        }
        for row in rows
    ]
