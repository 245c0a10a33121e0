"""`model_diff`: what changed from one classifier to the next over some samples, of what their indexes say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.engine.questions.breaking_view import known
from nnvis_dash.engine.questions.model_answers import known_answers, labels_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnvis_dash.analysis.suggestion.several import Suggestion
    from nnvis_dash.engine.desk import Desk

PARTS = ("changes", "confusion", "calibration")
MOST_CLASSES = 40  # rows of a matrix that is sent: those with the most confusion
PAIRS = 40  # of answers that differ
FITTED = 4_000_000  # probabilities, at most, that a temperature is fitted to: a second


@dataclass(frozen=True)
class ModelDiffParameters:
    """As `model_answers` has them, with the samples that count and what is asked of them."""

    dataset: str = ""
    models: list = field(default_factory=list)  # type: ignore[type-arg]
    part: str = field(default="changes", metadata={"choices": PARTS})
    rows: str | None = None  # as `state.ids.encode_ids` writes them; None: all


@QUESTIONS.register("model_diff", title="Model diff", reference="", parameters=ModelDiffParameters)
def model_diff(desk: Desk, parameters: ModelDiffParameters) -> dict[str, Any]:
    """Return one part of the comparison of n samples, of which `labelled` have a label; other entries by part.

    changes: with two classifiers and labels, `changed`: counts by name (both_right, fixed, broken, both_wrong_same,
    both_wrong_other), accuracies before and after, sentences said, and classes: [number, n, fixed, broken,
    difference, low, high] of each label that is there. Without labels `agree`, `differ` and `pairs`: [class of the
    first, of the second, n], the most common first. With one classifier neither.

    confusion: `matrices` by name: "a" and "b" (label × prediction) and "ab" (prediction × prediction), each with
    classes, counts (rows × columns of these), n_classes that have samples, and left_out: samples of other classes.
    What there are no labels or no second classifier for is left out.

    calibration: `models`: of each edges [B + 1], counts, right, confidence, accuracy, low, high [B], ece, mce, mean
    confidence and accuracy over all, and `temperature`: None, or temperature, at_bound, ece, n it was fitted to.
    """

    found = known_answers(desk, parameters.dataset, parameters.models)
    rows = np.arange(len(found)) if parameters.rows is None else desk.workspace.selections.ids(parameters.rows)
    rows = rows[rows < len(found)]
    labels = labels_of(found)[rows]
    n_labelled = int((labels >= 0).sum())
    whole = {"n": len(rows), "labelled": n_labelled}
    if not len(rows):
        return whole
    names = [desk.workspace.model(model).name for model in parameters.models]
    answers = found.predictions[:, rows]
    if parameters.part == "changes":
        return whole | (_changes(answers, labels, len(found.classes.names), names) if len(answers) == 2 else {})
    if parameters.part == "confusion":
        return whole | {"matrices": _matrices(answers, labels, len(found.classes.names))}
    models = [_calibration(desk, parameters, found, number, rows) for number in range(len(answers))]
    return whole | {"models": models if n_labelled else []}


def _changes(
    answers: npt.NDArray[np.int32], labels: npt.NDArray[np.int32], n_classes: int, names: list[str]
) -> dict[str, Any]:
    from nnvis_dash.analysis.model_diff.confusion import confusion
    from nnvis_dash.analysis.model_diff.transitions import BROKEN, FIXED, KINDS, transitions
    from nnvis_dash.analysis.model_diff.words import change_sentences

    if not (labels >= 0).any():
        alike = int((answers[0] == answers[1]).sum())
        pairs = confusion(answers[0], answers[1], n_classes).largest(PAIRS)
        return {
            "agree": alike,
            "differ": len(labels) - alike,
            "pairs": [[pair.row, pair.column, pair.n] for pair in pairs],
        }
    found = transitions(answers[0], answers[1], labels, n_classes)
    sizes = found.class_counts.sum(axis=1)
    by_class = zip(
        sizes.tolist(),
        found.class_counts[:, FIXED].tolist(),
        found.class_counts[:, BROKEN].tolist(),
        *(known(values) for values in (found.class_difference, found.class_low, found.class_high)),
        strict=True,
    )
    return {
        "changed": {
            "counts": dict(zip(KINDS, found.counts.tolist(), strict=True)),
            "before": found.accuracy_before,
            "after": found.accuracy_after,
            "said": list(change_sentences(found, *names)),
            "classes": [[number, *row] for number, row in enumerate(by_class) if row[0]],
        }
    }


def _matrices(
    answers: npt.NDArray[np.int32], labels: npt.NDArray[np.int32], n_classes: int
) -> dict[str, dict[str, Any]]:
    from nnvis_dash.analysis.model_diff.confusion import confusion

    sides: dict[str, tuple[Any, Any]] = {}
    if (labels >= 0).any():
        sides = {name: (labels, predicted) for name, predicted in zip("ab", answers, strict=False)}
    if len(answers) == 2:
        sides["ab"] = (answers[0], answers[1])
    matrices = {}
    for name, (first, second) in sides.items():
        table = confusion(first, second, n_classes)
        chosen = table.most_confused(MOST_CLASSES)
        shown = table.counts[np.ix_(chosen, chosen)]
        matrices[name] = {
            "classes": chosen.tolist(),
            "counts": shown.tolist(),
            "n_classes": len(table.most_confused(n_classes)),
            "left_out": int(table.counts.sum() - shown.sum()),
        }
    return matrices


def _calibration(
    desk: Desk, parameters: ModelDiffParameters, found: Suggestion, number: int, rows: npt.NDArray[np.int64]
) -> dict[str, Any]:
    from nnvis_dash.analysis.model_diff.calibration import reliability
    from nnvis_dash.analysis.model_diff.temperature import fit_temperature
    from nnvis_dash.engine.indexes import finished_index

    labels = labels_of(found)[rows]
    labelled = np.flatnonzero(labels >= 0)
    if not len(labelled):
        return {}
    confidence = found.confidence[number, rows[labelled]]
    right = found.predictions[number, rows[labelled]] == labels[labelled]
    diagram = reliability(np.clip(confidence, 0, 1), right)
    outputs = np.full(len(found.classes.names), -1, np.int32)
    outputs[found.classes.outputs[number]] = np.arange(len(found.classes.outputs[number]))
    answerable = labelled[outputs[labels[labelled]] >= 0]
    fitted = None
    if len(answerable):
        table = finished_index(desk, parameters.models[number], parameters.dataset).probabilities
        step = -(-len(answerable) * table.shape[1] // FITTED)
        some = answerable[::step]
        best = fit_temperature(np.asarray(table[rows[some]]), outputs[labels[some]])
        fitted = {"temperature": best.temperature, "at_bound": best.at_bound, "ece": best.ece, "n": len(some)}
    return {
        "edges": diagram.edges.tolist(),
        "counts": diagram.counts.tolist(),
        "right": np.rint(np.nan_to_num(diagram.accuracy) * diagram.counts).astype(int).tolist(),
        **{name: known(getattr(diagram, name)) for name in ("confidence", "accuracy", "low", "high")},
        "ece": diagram.ece,
        "mce": diagram.mce,
        "mean_confidence": float(confidence.mean(dtype=np.float64)),
        "share_right": float(right.mean()),
        "temperature": fitted,
    }
