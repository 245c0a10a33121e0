"""`robustness_view`: a heatmap of classes and changes, corruption errors and accuracy over epsilon, as far as known."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.engine.questions.breaking_view import known
from nnvis_dash.engine.questions.class_curves import MOST_CLASSES
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nnvis_dash.analysis.simulation.sweep import Sweep
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class RobustnessViewParameters:
    """Which sweeps, as the kind `simulation` names them, and what corruption errors are divided by."""

    dataset: str = ""
    model: str = ""
    reference: str = ""  # fingerprint of another classifier; empty: none
    changes: list = field(default_factory=list)  # type: ignore[type-arg]
    samples: str = ""
    precision: str = "float32"
    rows: str = ""  # as `state.ids.encode_ids` writes them; empty: all


@QUESTIONS.register("robustness_view", title="Robustness", reference="", parameters=RobustnessViewParameters)
def robustness_view(desk: Desk, parameters: RobustnessViewParameters) -> dict[str, Any]:
    """Return scores of what is known of some changes.

    `changes`: of each change name, title, kind, unit, n of total images known, and its `column` (None: nothing known).
    `classes`, `numbers`: those with images. `counts`, `clean`, `accuracy`, `score`, `score_low`, `score_high`:
    [class][column], None where there is none; `overall`: the last three's counterparts of all images, [column].
    `said`: the most fragile classes of each column. `errors`: of the finished corruptions, None without any.
    `epsilon`: a curve for each attack.
    """
    from nnvis_dash.analysis.simulation.change import read_changes
    from nnvis_dash.analysis.simulation.epsilon_curve import accuracy_over_epsilon
    from nnvis_dash.analysis.simulation.robustness import robustness
    from nnvis_dash.analysis.simulation.words import fragile_sentence
    from nnvis_dash.engine.sweeps import Wanted, known_sweep, sample_order

    total = len(sample_order(desk, parameters.dataset, parameters.samples))
    ids = desk.workspace.selections.ids(parameters.rows) if parameters.rows else None

    def sweep_of(model: str, change: Any) -> Sweep | None:
        wanted = Wanted(model, parameters.dataset, change, parameters.samples, parameters.precision)
        found = known_sweep(desk, wanted)
        return found if found is None or ids is None else found.take(found.rows_of(ids))

    answered: list[dict[str, Any]] = []
    sweeps: list[Sweep] = []
    for change in read_changes(parameters.changes):
        found = sweep_of(parameters.model, change)
        changing = any(degree != change.identity for degree in change.degrees)
        usable = found is not None and len(found) > 0 and changing
        answered.append(
            {
                "name": change.name,
                "title": change.title,
                "kind": change.kind,
                "unit": change.unit,
                "n": 0 if found is None else len(found),
                "total": total,
                "column": len(sweeps) if usable else None,
            }
        )
        if found is not None and usable:
            sweeps.append(found)
    if not sweeps:
        return {"changes": answered, "classes": [], "numbers": [], "said": [], "errors": None, "epsilon": []}
    scores = robustness(sweeps)
    counts = scores.counts.max(axis=1)
    largest = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    numbers = np.sort(largest[counts[largest] > 0])
    theirs = [sweep_of(parameters.reference, sweep.change) for sweep in sweeps] if parameters.reference else []
    labelled = [sweep for sweep in sweeps if (np.asarray(sweep.labels) >= 0).any()]
    return {
        "changes": answered,
        "against": scores.against,
        "classes": [scores.class_names[number] for number in numbers],
        "numbers": numbers.tolist(),
        "counts": scores.counts[numbers].tolist(),
        **{
            name: known(getattr(scores, name)[numbers])
            for name in ("clean", "accuracy", "score", "score_low", "score_high")
        },
        "overall": {name: known(getattr(scores, f"overall_{name}")) for name in ("clean", "accuracy", "score")},
        "said": [fragile_sentence(scores, column) for column in range(len(sweeps))],
        "errors": _errors(labelled, [found for found in theirs if found is not None]),
        "epsilon": [
            {name: value if isinstance(value, (str, int)) else known(value) for name, value in asdict(curve).items()}
            for curve in (accuracy_over_epsilon(sweep) for sweep in labelled if sweep.change.kind == "attack")
        ],
    }


def _errors(sweeps: Sequence[Sweep], theirs: Sequence[Sweep]) -> dict[str, Any] | None:
    """Return the corruption errors of what is known well enough; held against a reference that has all of them."""
    from nnvis_dash.analysis.simulation.corruption_errors import IMAGENET_C, SEVERITIES, corruption_errors

    usable: dict[str, Sweep] = {}
    for sweep in sweeps:
        if sweep.change.kind == "corruption" and set(SEVERITIES) <= set(sweep.change.degrees):
            usable.setdefault(sweep.change.name, sweep)
    if not any(name in IMAGENET_C for name in usable):
        return None
    mine = list(usable.values())
    same = [_alike(sweep, theirs) for sweep in mine]
    reference = [sweep for sweep in same if sweep is not None]
    try:
        found = corruption_errors(mine, reference if len(reference) == len(mine) else None)
    except ParameterError:  # the reference has labels where this one has none
        found = corruption_errors(mine)
    return {
        "names": list(found.names),
        "counted": found.counted.tolist(),
        "missing": list(found.missing),
        "n": found.n,
        **{
            name: None if getattr(found, name) is None else known(getattr(found, name))
            for name in (
                "errors",
                "clean_error",
                "mean_error",
                "reference_errors",
                "reference_clean_error",
                "corruption_error",
                "relative",
                "mce",
                "relative_mce",
            )
        },
    }


def _alike(sweep: Sweep, theirs: Sequence[Sweep]) -> Sweep | None:
    """Return the reference's sweep of the same change over the same images, None while there is none."""
    for other in theirs:
        if other.change == sweep.change and np.array_equal(np.sort(other.ids), np.sort(sweep.ids)):
            return other
    return None
