"""Response curves in the what-if lens: computed one after the other while the page rests, as numbers for drawing.

The primary classifier's curves come first, then what the others say of the same classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.subjects import subjects, translated
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from layouts.responses import title_of, unit_of
from nnvis_dash.analysis.classes import as_outputs
from nnvis_dash.analysis.response import ADVERSARIAL
from nnvis_dash.analysis.transformations import TRANSFORMATIONS
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds.response import WHOLE
from nnvis_dash.errors import Cancelled, NNVisError
from nnvis_dash.figures import theme
from nnvis_dash.services import Services
from nnvis_dash.state.edits import place_of
from nnvis_dash.state.references import Reference
from nnvis_dash.types import DatasetCard, Floats, Ints, ModelCard
from nnvis_dash.workspace.artifacts import Artifact

DIGITS = 4  # of a probability


@dataclass(frozen=True)
class Question:
    """Whose responses are wanted."""

    images: list[Reference]
    card: DatasetCard
    models: list[ModelCard]  # the primary one first
    labels: Ints  # (n,) outputs of the primary classifier, -1 where not known
    target: int | None

    def request(self, name: str, model: ModelCard) -> Request:
        """Return the request for one curve."""
        samples = [reference.plain for reference in self.images]
        wanted = {"dataset": self.card.fingerprint, "samples": samples, "model": model.fingerprint, "name": name}
        return Request("response", wanted)


def register(app: Dash, services: Services) -> None:
    """Register the curves' background callback and their drawing in the browser."""
    manager = app._background_manager

    @app.callback(
        Output(ids.RESPONSES, "data"),
        Input(ids.RESPONSES_REQUEST, "data"),
        background=True,
        progress=[Output(ids.RESPONSES_PROGRESS, "data")],
        interval=60,
        prevent_initial_call=True,
    )
    def responses(report: Callable[[Any], None], wanted: Any) -> Any:
        """Answer with all curves; each is reported when it is there."""
        if not wanted or not wanted.get("names"):
            return None
        curves: list[dict[str, Any]] = []
        answer = {"request": wanted, "curves": curves, "n": 0, "selected": 0}
        try:
            asked, answer["selected"] = question(services, wanted)
            answer["n"] = len(asked.images)
            for turn, model in enumerate(asked.models):
                for at, name in enumerate(wanted["names"]):
                    report({**answer, "key": "", "done": len(curves), "total": len(wanted["names"]), "message": ""})
                    artifact = _curve(services, manager, report, asked.request(name, model), answer)
                    if turn == 0:
                        curves.append(_told(services, asked, name, artifact))
                    elif not isinstance(artifact, str) and "series" in curves[at]:
                        curves[at]["others"] += _other(services, asked, name, model, artifact)
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {**answer, "problem": str(error)}
        return answer

    for function, output, inputs in (
        ("responsesShown", ids.RESPONSES_SHOWN, (ids.WHATIF_REQUEST, ids.SELECTION, ids.VIEW)),
        ("responsesProgress", ids.RESPONSES_REPORTED, (ids.RESPONSES_PROGRESS,)),
        ("responsesAnswer", ids.RESPONSES_FINISHED, (ids.RESPONSES,)),
    ):
        draw(app, function, output, *inputs)


def question(services: Services, wanted: Mapping[str, Any]) -> tuple[Question, int]:
    """Read whose responses a page wants, and how many images are selected in all."""
    images, n = subjects(services, wanted, WHOLE)
    card = services.workspace.dataset(str(wanted["dataset"])).card
    models = [services.workspace.model(str(name)) for name in wanted["classifiers"]]
    known = [services.label_of(card.fingerprint, reference) for reference in images]
    labels = np.array([-1 if label is None else label for label in known], np.int32)
    names = models[0].class_names if models else ()
    return Question(images, card, models, as_outputs(labels, card.class_names, names), wanted.get("target")), n


def _curve(
    services: Services, manager: Any, report: Callable[[Any], None], request: Request, answer: Mapping[str, Any]
) -> Artifact | str:
    """Return a curve's artifact, or why there is none; whoever cancels one wants none of those behind it either."""
    try:
        return wait_for(services, manager, request, report, **answer)
    except Cancelled:
        raise
    except NNVisError as error:
        return str(error)


def _told(services: Services, asked: Question, name: str, artifact: Artifact | str) -> dict[str, Any]:
    """Return the primary classifier's curve as the page draws it."""
    known = name == ADVERSARIAL or name in TRANSFORMATIONS
    told: dict[str, Any] = {"name": name, "title": title_of(name) if known else name, "others": []}
    if isinstance(artifact, str):
        return {**told, "problem": artifact}
    degrees = np.asarray(artifact.array("degrees"))
    prediction = np.asarray(artifact.array("prediction"))
    at = int(np.abs(degrees - float(artifact.array("identity"))).argmin())
    names = services.class_names(asked.card, asked.models[0])
    edits = asked.images[0].edits
    place = place_of(edits, name)
    return {
        **told,
        "unit": unit_of(name),
        "key": artifact.key,
        "degrees": degrees.tolist(),
        "identity": at,
        "series": series(np.asarray(artifact.array("probabilities")), prediction[:, at], asked, names),
        "said": [names[int(entry)] for entry in prediction[0]] if len(prediction) == 1 else [],
        "flips": flips(degrees, prediction, at, names),
        "flipped": int((prediction != prediction[:, at : at + 1]).any(axis=1).sum()),
        "now": degree_of(edits[place].parameters, name) if place < len(edits) else None,
    }


def _other(
    services: Services, asked: Question, name: str, model: ModelCard, artifact: Artifact
) -> list[dict[str, Any]]:
    """Return what another classifier says of the classes that the primary one predicts; nothing where it has none."""
    primary = services.workspace.artifacts.load(asked.request(name, asked.models[0]).key)
    prediction = np.asarray(primary.array("prediction"))
    at = int(np.abs(np.asarray(primary.array("degrees")) - float(primary.array("identity"))).argmin())
    own, theirs = (services.class_names(asked.card, card) for card in (asked.models[0], model))
    classes = np.array([_number(translated(int(entry), own, theirs)) for entry in prediction[:, at]], np.int32)
    values = follow(np.asarray(artifact.array("probabilities")), classes)
    return [{"model": model.name, "values": _short(values.mean(axis=0))}] if len(values) else []


def _number(entry: int | None) -> int:
    return -1 if entry is None else entry


def series(probabilities: Floats, predicted: Ints, asked: Question, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the lines of a curve: the prediction, and where they are others the label and the target.

    Of several images each line is the mean of every image's own class, with the quantiles 0.1 and 0.9.

    Parameters
    ----------
    probabilities : (n, D, K) float32
    predicted : (n,) int32
        What is predicted before the change.
    asked : Question
    names : sequence of str
        Of the classes.
    """
    lines = [("prediction", predicted)]
    if (asked.labels >= 0).any() and (asked.labels != predicted).any():
        lines.append(("label", asked.labels))
    if asked.target is not None and (predicted != asked.target).any():
        lines.append(("target", np.full(len(predicted), asked.target, np.int32)))
    colours = theme.class_colours(len(names))
    told = []
    for kind, classes in lines:
        values = follow(probabilities, classes)
        if not len(values):
            continue
        one = int(classes[0]) if len(set(classes.tolist())) == 1 else None
        line: dict[str, Any] = {
            "kind": kind,
            "name": names[one] if one is not None else f"its {kind}",
            "colour": colours[one] if one is not None else {"prediction": theme.ACCENT}.get(kind, theme.MUTED),
            "values": _short(values.mean(axis=0)),
        }
        if len(values) > 1:
            line["low"], line["high"] = (_short(bound) for bound in np.quantile(values, (0.1, 0.9), axis=0))
        told.append(line)
    return told


def follow(probabilities: Floats, classes: Ints) -> Floats:
    """Return each image's probabilities of its own class over the degrees, of those that have one: (m, D)."""
    rows = np.flatnonzero((classes >= 0) & (classes < probabilities.shape[2]))
    return probabilities[rows, :, classes[rows]]


def flips(degrees: npt.NDArray[np.float64], prediction: Ints, at: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the first degree on each side of the identity (place `at`) at which half of the images have flipped.

    Of one image also the class that it is then taken for.
    """
    half = (prediction != prediction[:, at : at + 1]).mean(axis=0) >= 0.5
    found = []
    for side in (range(at - 1, -1, -1), range(at + 1, len(degrees))):
        place = next((one for one in side if half[one]), None)
        if place is not None:
            name = names[int(prediction[0, place])] if len(prediction) == 1 else ""
            found.append({"at": place, "degree": float(degrees[place]), "name": name})
    return found


def degree_of(parameters: Sequence[tuple[str, Any]], name: str) -> float:
    """Return the degree that an edit has."""
    given = dict(parameters).get("degree")
    if given is None:
        given = next(one.default for one in TRANSFORMATIONS[name].form() if one.name == "degree")
    return float(given)


def _short(values: Any) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
