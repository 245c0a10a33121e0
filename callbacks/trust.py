"""The trust view: the state that it looks at, and its job, which holds attribution methods against one another.

The table that it draws comes through the routes of `nnvis_dash/trust_routes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from dash import Dash

from callbacks.drawing import draw
from callbacks.jobs import Wait, register_job
from callbacks.testing import looks_through
from layouts import ids
from nnvis_dash.analysis.quality.choice import N_SAMPLES, candidate_layers
from nnvis_dash.analysis.simulation.order import stratified_order
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.services import Services
from nnvis_dash.state import checks
from nnvis_dash.state.codec import field_check
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.view import View

FEWEST, MOST = 4, 256  # images


def register(app: Dash, services: Services) -> None:
    """Register the view and its job."""
    draw(app, "trustShown", ids.TRUST_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW)
    register_job(app, services, "trust", believed)


def believed(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Measure the methods, or the layers to explain through, that a page wants held against one another."""
    return {"key": wait(trust_request(services, wanted)).key}


def trust_request(services: Services, wanted: Mapping[str, Any]) -> Request:
    """Return the request for what a page wants.

    Takes ``{"dataset", "model", "part", "methods", "method", "n_samples", "seed", "samples"}``: `part` is "methods" for
    `methods` (none: all that suit), or "layers" for those that `method` can look through; `samples` a selection as the
    state writes it, of which many are thinned to a fair sample of `MOST`.

    Raises
    ------
    NotFound, ParameterError, StateError
        What isn't there, or can't be asked.
    """
    card = services.workspace.dataset(str(wanted.get("dataset"))).card
    model = services.workspace.model(str(wanted.get("model")))
    methods, layers = checks.words("The methods", wanted.get("methods") or []), ()
    if wanted.get("part") == "layers":
        methods, layers = (_through_layers(wanted),), candidate_layers(model)
        if not layers:
            raise ParameterError(f"{model.name} has no layer with a map", "Hold methods against one another instead.")
    return Request(
        "trust",
        {
            "dataset": card.fingerprint,
            "model": model.fingerprint,
            "methods": list(methods),
            "layers": list(layers),
            "n_samples": checks.whole(FEWEST, MOST)("The number of images", wanted.get("n_samples") or N_SAMPLES),
            "seed": field_check(View, "seed")("The seed", wanted.get("seed", 0)),
            "samples": _chosen(services, card.fingerprint, wanted),
        },
    )


def _through_layers(wanted: Mapping[str, Any]) -> str:
    method = str(wanted.get("method"))
    if not looks_through(method):
        raise ParameterError(
            f"{method!r} looks through no layer that can be chosen", "Choose a method of the CAM family."
        )
    return method


def _chosen(services: Services, dataset: str, wanted: Mapping[str, Any]) -> list[int]:
    text = checks.samples("The selection", wanted.get("samples") or "")
    if not text:
        return []
    data = services.dataset(dataset)
    found = services.chosen(Selection(samples=text))
    found = np.sort(found[found < data.card.n_samples])
    if not len(found):
        raise ParameterError("No sample of the dataset is selected", "Select some, or take a sample.")
    if len(found) > MOST:
        labels = None if data.labels is None else np.asarray(data.labels)[found]
        found = np.sort(found[stratified_order(labels, len(found))[:MOST]])
    return [int(one) for one in found]
