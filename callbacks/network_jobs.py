"""What each job of the network view asks the engine for, and how its answer goes to the browser.

A job takes the services, what the browser wants, and a function that waits for a request's artifact; it returns plain
values. `callbacks/network.py` runs it in the background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from callbacks.jobs import Job, Wait
from callbacks.testing import attribution_request, drawn_values
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.mutation.campaign import MutationCampaign, load_campaign
from nnvis_dash.analysis.mutation.effect import load_effect
from nnvis_dash.analysis.mutation.frozen import n_frozen, read_ranges
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.figures import heatmap
from nnvis_dash.services import Services
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import Selection
from nnvis_dash.types import ModelCard

LISTED = 60  # units of a list
FLIPPED = 24  # images whose prediction changes that are shown


def effect(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """What the frozen units do to the whole dataset, by class."""
    card = _model(services, wanted)
    frozen = read_ranges(card, wanted.get("frozen") or {})
    if not frozen:
        raise ParameterError("No unit is frozen", "Freeze one: click it while a click freezes.")
    parameters = {
        "dataset": wanted["dataset"],
        "model": wanted["model"],
        "frozen": {layer: list(units) for layer, units in frozen.items()},
    }
    found = load_effect(wait(Request("mutation_effect", parameters)))
    changed = np.flatnonzero(found.predictions != found.predictions_frozen)
    lost = found.probabilities[changed] - found.probabilities_frozen[changed]
    shown = changed[np.argsort(-lost, kind="stable")][:FLIPPED]
    names = ("n", "accuracy", "accuracy_frozen", "probability", "probability_frozen")
    return {
        "said": found.said(),
        "note": found.note,
        "against": found.against,
        "units": n_frozen(frozen),
        **{name: np.round(np.asarray(getattr(found, name), float), 5).tolist() for name in names},
        "flipped": [
            {"id": int(one), "before": int(found.predictions[one]), "after": int(found.predictions_frozen[one])}
            for one in shown
        ],
        "changed": services.workspace.selections.text(changed),
    }


def campaign(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Every unit of some layers frozen by itself: the lists, and the key under which the matrix is."""
    samples = Selection(samples=str(wanted.get("samples") or ""))
    chosen = services.workspace.selections.text(services.chosen(samples)) if samples.samples else ""
    parameters = {
        "dataset": wanted["dataset"],
        "model": wanted["model"],
        "layers": list(wanted.get("layers") or []),
        "samples": chosen,
    }
    request = Request("mutation_campaign", parameters)
    found = load_campaign(wait(request))
    rows = {unit: row for row, unit in enumerate(found.units)}
    return {
        "key": request.key,
        "note": found.note,
        "against": found.against,
        "images": found.n_samples,
        "units": len(found.units),
        "layers": [[layer, span.start, span.stop] for layer, span in found.layers.items()],
        **{
            what: {"count": len(units), "listed": [_listed(found, rows[unit]) for unit in units[:LISTED]]}
            for what, units in (("critical", found.critical), ("harmful", found.harmful), ("dead", found.dead))
        },
    }


def _listed(found: MutationCampaign, row: int) -> dict[str, Any]:
    """Return one unit of a campaign's lists: what becomes wrong or right, and the class that loses or wins most."""
    change = found.accuracy_change[row]
    most = int(np.abs(change).argmax())
    return {
        "unit": [found.units[row].layer, found.units[row].channel],
        "broken": int(found.broken[row]),
        "repaired": int(found.repaired[row]),
        "class": most,
        "change": round(float(change[most]), 4),
    }


def smallest(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """The fewest units without which a prediction breaks, or an error is right."""
    reference = Reference.wanted(dict(wanted))
    if reference is None:
        raise ParameterError("There is no image to search for", "Click a point on the map.")
    goal = str(wanted.get("goal"))
    target = None
    if goal == "repair":
        card = services.workspace.dataset(str(wanted["dataset"])).card
        target = _output(
            services, card.class_names, _model(services, wanted), services.label_of(card.fingerprint, reference)
        )
        if target is None:
            raise ParameterError("It isn't known what this image is", "A repair needs its label.")
    parameters = {
        "dataset": wanted["dataset"],
        "sample": reference.plain,
        "model": wanted["model"],
        "goal": goal,
        "target": target,
        "layers": list(wanted.get("layers") or []),
    }
    artifact = wait(Request("smallest_set", parameters))
    card = artifact.card
    return {
        "goal": goal,
        "found": card["found"],
        "reason": card["reason"],
        "units": card["units"],
        "tried": len(card["tried"]),
        "evaluated": card["evaluated"],
        "target": card["target"],
        "prediction": card["prediction"],
        "prediction_frozen": card["prediction_frozen"],
        "probability": _round(artifact.array("probabilities")[card["target"]]),
        "probability_frozen": _round(artifact.array("probabilities_frozen")[card["target"]]),
    }


def _output(services: Services, classes: Sequence[str], model: ModelCard, label: int | None) -> int | None:
    """Return a label of the dataset as an output of the classifier, None where it has none."""
    if label is None or not model.class_names or not classes:
        return label if label is None or label < model.n_classes else None
    name = classes[label] if label < len(classes) else ""
    return model.class_names.index(name) if name in model.class_names else None


def visualisation(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """An image that excites a unit or a class."""
    names = ("model", "layer", "channel", "target", "seed", "where")
    request = Request("feature_visualisation", {name: wanted[name] for name in names if wanted.get(name) is not None})
    artifact = wait(request)
    card = artifact.card
    return {
        "key": request.key,
        "activation": _round(card["activation"]),
        "before": _round(card["before"]),
        "note": card["note"],
    }


def redrawn(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """The tested image's attribution without and with units frozen, for the same class and in one scale."""
    reference = Reference.wanted(dict(wanted))
    if reference is None:
        raise ParameterError("There is no image to explain", "Click a point on the map.")
    card = _model(services, wanted)
    frozen = read_ranges(card, wanted.get("frozen") or {})
    asked = attribution_request(wanted, [reference.plain], card)
    before = wait(asked)
    more = {"frozen": {layer: list(units) for layer, units in frozen.items()}}
    if wanted["explained"] is None:
        more["target"] = int(before.array("target")[0])
    frozen_too = Request("attribution", {**asked.parameters, **more})
    after = wait(frozen_too)
    maps = [drawn_values(artifact, 0, wanted["smooth"]) for artifact in (before, after)]
    signed = heatmap.is_signed(np.stack(maps), METHODS[wanted["method"]].traits)
    drawn = heatmap.alike(maps, wanted["clip"], signed)
    return {
        "title": METHODS[wanted["method"]].title,
        "layer": before.card["layer"],
        "explained": wanted["explained"],
        "unit": wanted["unit"],
        "target": int(before.array("target")[0]),
        "signed": signed,
        "resize": card.resize,
        "aspect": card.input_shape[1] / card.input_shape[0],
        "pictures": [
            {"raw": heatmap.data_uri(alone), "overlay": heatmap.data_uri(over), "flat": heatmap.is_flat(one)}
            for (alone, over), one in zip(drawn, maps, strict=True)
        ],
        "maps": [{"key": one.key, "asked": dict(one.parameters)} for one in (asked, frozen_too)],
        "probabilities": [_round(artifact.array("probability")[0]) for artifact in (before, after)],
        "distance": _distance(*maps),
    }


def _distance(one: heatmap.Heatmap, other: heatmap.Heatmap) -> float:
    """Return ‖a − b‖ / (½ (‖a‖ + ‖b‖)): 0 where nothing changed, at most 2."""
    a, b = (values.astype(float).ravel() for values in (one, other))
    scale = 0.5 * (np.linalg.norm(a) + np.linalg.norm(b))
    return _round(np.linalg.norm(a - b) / scale) if scale else 0.0


def _model(services: Services, wanted: Mapping[str, Any]) -> ModelCard:
    return services.workspace.model(str(wanted.get("model")))


def _round(value: Any) -> float:
    return round(float(value), 5)


JOBS: dict[str, Job] = {
    "effect": effect,
    "campaign": campaign,
    "smallest": smallest,
    "visualisation": visualisation,
    "redrawn": redrawn,
}
