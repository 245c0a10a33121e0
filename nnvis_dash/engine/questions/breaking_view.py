"""`breaking_view`: how breaking points are distributed over the classes, and which images to look at first."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.engine.questions.class_curves import MOST_CLASSES, SENT
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnvis_dash.analysis.simulation.breaking import BreakingPoints
    from nnvis_dash.analysis.simulation.sweep import Sweep
    from nnvis_dash.engine.desk import Desk

MOST = 500  # images of the queue that are sent


@dataclass(frozen=True)
class BreakingViewParameters:
    """Which jobs `breaking_points`, as their parameters name them, and the samples that count."""

    dataset: str = ""
    model: str = ""
    changes: list = field(default_factory=list)  # type: ignore[type-arg]
    samples: str = ""
    precision: str = "float32"
    tolerance: float | None = None
    rows: str = ""  # as `state.ids.encode_ids` writes them; empty: all
    n: int = field(default=24, metadata={"low": 0, "high": MOST})


@QUESTIONS.register("breaking_view", title="Breaking points", reference="", parameters=BreakingViewParameters)
def breaking_view(desk: Desk, parameters: BreakingViewParameters) -> dict[str, Any]:
    """Return the distributions of finished breaking points, and the n most fragile images by all of them together.

    `changes`: of each change name, title, unit, kind, identity, degrees, and `known`: None where the job isn't done,
    else tolerance, against, note, said, distances [M] and groups, one a class with images and all images last: number
    (-1: all), name, n, quantiles [5], median_low, median_high, never, survival, survival_low, survival_high [M]. None
    stands for what lies beyond the range.
    `queue`: id, score, breaking, deep_gini, margin (percentile ranks), label, clean (prediction), `worst`: the place in
    `changes` under which it stands worst (-1: none known), degree and prediction there (None: never flips).
    """
    from nnvis_dash.analysis.simulation.change import Change
    from nnvis_dash.engine.jobs import Request
    from nnvis_dash.engine.sweeps import Wanted, known_sweep

    if not parameters.changes:
        raise ParameterError("No change is named", "Give at least one.")
    rows = desk.workspace.selections.ids(parameters.rows) if parameters.rows else None
    answered: list[dict[str, Any]] = []
    found: list[tuple[int, BreakingPoints]] = []
    for place, plain in enumerate(parameters.changes):
        change = Change.read(plain)
        asked = {
            "dataset": parameters.dataset,
            "model": parameters.model,
            "change": change.plain(),
            "samples": parameters.samples,
            "precision": parameters.precision,
            "tolerance": parameters.tolerance,
        }
        key = Request("breaking_points", asked).key
        known = None
        if desk.workspace.artifacts.has(key):
            points = _points(desk.path, key)
            points = points if rows is None else points.take(np.isin(points.ids, rows))
            found.append((place, points))
            known = _described(points)
        answered.append({**change.told, "known": known})
    queue: list[dict[str, Any]] = []
    if found:
        change = found[0][1].change
        wanted = Wanted(parameters.model, parameters.dataset, change, parameters.samples, parameters.precision)
        sweep = known_sweep(desk, wanted)
        if sweep is not None:
            queue = _queue(sweep if rows is None else sweep.take(sweep.rows_of(rows)), found, parameters.n)
    return {"changes": answered, "queue": queue}


def _described(points: BreakingPoints) -> dict[str, Any]:
    from nnvis_dash.analysis.simulation.distribution import distribution
    from nnvis_dash.analysis.simulation.words import breaking_sentences

    counts = np.bincount(points.labels[points.labels >= 0], minlength=len(points.class_names))
    largest = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    found = distribution(points, sorted(largest[counts[largest] > 0].tolist()))
    groups = [
        {
            "number": int(found.classes[group]),
            "name": found.names[group],
            "n": int(found.counts[group]),
            **{
                name: known(getattr(found, name)[group])
                for name in (
                    "quantiles",
                    "median_low",
                    "median_high",
                    "never",
                    "survival",
                    "survival_low",
                    "survival_high",
                )
            },
        }
        for group in range(len(found.names))
    ]
    return {
        "tolerance": points.tolerance,
        "against": points.against,
        "note": points.note,
        "said": list(breaking_sentences(points.change, found)),
        "distances": found.distances.tolist(),
        "groups": groups,
    }


def _queue(sweep: Sweep, found: Sequence[tuple[int, BreakingPoints]], n: int) -> list[dict[str, Any]]:
    from nnvis_dash.analysis.simulation.queue import priority_queue

    queue = priority_queue(sweep, [points for _, points in found])
    records = []
    for number, sample in enumerate(queue.ids[:n].tolist()):
        worst = int(queue.worst[number])
        own = int(np.flatnonzero(sweep.ids == sample)[0])
        degree, after = None, None
        if worst >= 0:
            points = found[worst][1]
            row = int(np.flatnonzero(points.ids == sample)[0])
            degree = known(points.degree[row])
            after = int(points.prediction_after[row]) if points.side[row] else None
        records.append(
            {
                "id": sample,
                **{name: known(getattr(queue, name)[number]) for name in ("score", "breaking", "deep_gini", "margin")},
                "worst": found[worst][0] if worst >= 0 else -1,
                "degree": degree,
                "prediction": after,
                "label": int(sweep.labels[own]),
                "clean": int(sweep.clean_prediction[own]),
            }
        )
    return records


@lru_cache(maxsize=32)
def _points(path: str, key: str) -> BreakingPoints:
    from nnvis_dash.analysis.simulation.breaking import load_points
    from nnvis_dash.engine.desk import open_workspace

    return load_points(open_workspace(path)[0].artifacts.load(key))


def known(values: Any) -> Any:
    """Return a number, or numbers as lists, as JSON can hold them: None for what isn't finite."""
    array = np.round(np.asarray(values, np.float64), SENT)
    return np.where(np.isfinite(array), array, None).tolist()  # type: ignore[call-overload]
