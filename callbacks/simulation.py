"""The simulation view: the state that it looks at, and its jobs as background callbacks.

What the page asks while a person looks goes through the routes of `nnvis_dash/simulation_routes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from dash import Dash

from callbacks.drawing import draw
from callbacks.jobs import Job, Wait, register_job
from callbacks.strip import visible
from layouts import ids
from nnvis_dash.analysis.simulation.change import Change, change
from nnvis_dash.analysis.simulation.corruption_errors import IMAGENET_C
from nnvis_dash.analysis.simulation.order import stratified_order
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.services import Services
from nnvis_dash.state.codec import field_check
from nnvis_dash.state.selection import Selection

MOST_STEPS = 101  # degrees that the page asks for at once
FEW = 7  # degrees of each of two changes that are tried together
PAIRED = 300  # images that they are tried on
# Sets of changes that are simulated together.
SETS = {
    "usual": ("rotation", "translation_x", "scale", "brightness", "contrast", "blur", "noise", "adversarial"),
    "corruptions": IMAGENET_C,
    "attacks": ("fgsm", "pgd"),
}


def register(app: Dash, services: Services) -> None:
    """Register the view and its jobs."""
    draw(app, "simulationShown", ids.SIMULATION_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW)
    for name in ids.SIMULATION_JOBS:
        register_job(app, services, name, JOBS[name])


def simulated(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Run classifiers over all images at every degree of a change."""
    wait(Request("simulation", parameters(wanted, [wanted_change(wanted).plain()])))
    return {}


def battery(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Run classifiers over all images under each change of a set."""
    wait(Request("simulation", parameters(wanted, [change(name).plain() for name in battery_of(wanted)])))
    return {}


def breaking(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Find the smallest degree that flips each image, for the first classifier."""
    wait(breaking_request(wanted, wanted_change(wanted)))
    return {}


def pairs(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Try two changes at once on the selection, for the first classifier."""
    wait(Request("pair_grid", pair_parameters(services, wanted)))
    return {}


def breaking_request(wanted: Mapping[str, Any], simulated: Change) -> Request:
    """Return the request for the breaking points of a change, for the first of a page's classifiers."""
    known = parameters(wanted, [])
    names = {"dataset": known["dataset"], "model": known["models"][0], "precision": known["precision"]}
    return Request("breaking_points", {**names, "change": simulated.plain()})


def battery_of(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the changes in the set that a page names.

    Raises
    ------
    ParameterError
        There is no such set.
    """
    name = str(wanted.get("set"))
    if name not in SETS:
        raise ParameterError(f"There is no set of changes {name!r}", f"One of: {', '.join(SETS)}.")
    return SETS[name]


def pair_parameters(services: Services, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the engine's kind `pair_grid` takes: two changes at a few degrees each, and a sample of the images.

    The images are those of the selection and filters, or all; of many a fair sample of `PAIRED`.
    """
    known = parameters(wanted, [])
    card = services.workspace.dataset(known["dataset"]).card
    text = selected(services, wanted)
    ids = services.workspace.selections.ids(text) if text else np.arange(card.n_samples)
    if len(ids) > PAIRED:
        labels = services.dataset(card.fingerprint).labels
        order = stratified_order(None if labels is None else np.asarray(labels)[ids], len(ids))
        ids = np.sort(ids[order[:PAIRED]])
    return {
        "dataset": card.fingerprint,
        "model": known["models"][0],
        "first": _few(change(str(wanted.get("change")))).plain(),
        "second": _few(change(str(wanted.get("other")))).plain(),
        "samples": services.workspace.selections.text(ids),
        "precision": known["precision"],
    }


def _few(usual: Change) -> Change:
    """Return a change at no more than `FEW` of its degrees, both ends and the one that changes nothing among them."""
    if len(usual.degrees) <= FEW:
        return usual
    places = np.linspace(0, len(usual.degrees) - 1, FEW).round().astype(int)
    return change(usual.name, [*(usual.degrees[place] for place in places), usual.identity])


def selected(services: Services, wanted: Mapping[str, Any]) -> str:
    """Return the ids of the samples that the page's lasso and correctness filter leave, as text; empty for all.

    Raises
    ------
    ParameterError
        They leave none.
    """
    correctness = field_check(Selection, "correctness")("The filter", wanted.get("correctness") or "all")
    selection = Selection(samples=str(wanted.get("samples") or ""), correctness=correctness)
    if not selection.samples and correctness == "all":
        return ""
    card = services.workspace.dataset(str(wanted.get("dataset"))).card
    model = services.workspace.model(str((wanted.get("models") or [""])[0]))
    label, prediction, _, _ = services.attributes(card, model)
    shown = visible(selection, label, prediction)
    if selection.samples:
        lit = np.zeros(card.n_samples, dtype=bool)
        chosen = services.chosen(selection)
        lit[chosen[chosen < card.n_samples]] = True
        shown &= lit
    if not shown.any():
        raise ParameterError("The selection and the filters leave no image", "Show all of them, or select others.")
    return "" if shown.all() else services.workspace.selections.text(np.flatnonzero(shown))


def parameters(wanted: Mapping[str, Any], plain: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the engine's kind `simulation` takes, from what the page wants and its changes."""
    models = wanted.get("models")
    if not isinstance(models, list) or not models:
        raise ParameterError("No classifier is chosen", "Tick one in the rail.")
    return {
        "dataset": str(wanted.get("dataset")),
        "models": [str(model) for model in models],
        "changes": plain,
        "samples": "",
        "precision": str(wanted.get("precision") or "float32"),
    }


def wanted_change(wanted: Mapping[str, Any]) -> Change:
    """Return the change that a page wants: by name, with its own degrees or `steps` of them from `low` to `high`.

    The degree that changes nothing is always among them: all others are held against it.

    Raises
    ------
    NotFound, ParameterError
        No such change, or degrees that it can't take.
    """
    usual = change(str(wanted.get("change")))
    given = [wanted.get(name) for name in ("low", "high", "steps")]
    if given == [None, None, None]:
        return usual
    ends = usual.degrees[0], usual.degrees[-1]
    low, high = (_number(value, end) for value, end in zip(given, ends, strict=False))
    steps = int(_number(given[2], len(usual.degrees)))
    if low >= high or not 2 <= steps <= MOST_STEPS:
        raise ParameterError(
            f"{steps} degrees from {low:g} to {high:g} are asked for",
            f"Give a lower end, a higher one, and 2 to {MOST_STEPS} degrees.",
        )
    spaced = [float(f"{degree:.6g}") for degree in np.linspace(low, high, steps)]
    return change(usual.name, [*spaced, usual.identity])


def _number(value: Any, otherwise: float) -> float:
    if value is None:
        return float(otherwise)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise ParameterError(f"A degree is {value!r}", "Give a number.")
    return float(value)


JOBS: dict[str, Job] = {"simulation": simulated, "battery": battery, "breaking": breaking, "pairs": pairs}
