"""The suggestion view: the state that it looks at, and the comparison of several classifiers as a background callback.

The points that it draws come through the routes of `nnvis_dash/suggestion_routes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash

from callbacks.drawing import draw
from callbacks.jobs import Wait, register_job
from layouts import ids
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the view and its job."""
    draw(app, "suggestionShown", ids.SUGGESTION_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW, ids.INDEXED)
    register_job(app, services, "suggestion", compared)
    register_job(app, services, "reasons", explained)


def compared(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Compare what classifiers say of every sample; each is indexed first where it isn't yet."""
    request = suggestion_request(services, wanted)
    for model in request.parameters["models"]:
        wait(services.index_request(request.parameters["dataset"], model))
    wait(request)
    return {"key": request.key}


def explained(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Compare the heatmaps of classifiers on every sample."""
    request = suggestion_request(services, wanted, "reasons")
    wait(request)
    return {"key": request.key}


def suggestion_request(services: Services, wanted: Mapping[str, Any], kind: str = "suggestion") -> Request:
    """Return the request for the comparison that a page wants: of answers, or of "reasons".

    Raises
    ------
    NotFound, ParameterError
        No such dataset or classifier, or fewer than two.
    """
    models = wanted.get("models")
    if not isinstance(models, list) or len(models) < 2:
        raise ParameterError("Fewer than two classifiers are chosen", "Tick another one.")
    dataset = services.workspace.dataset(str(wanted.get("dataset"))).card.fingerprint
    known = [services.workspace.model(str(model)).fingerprint for model in models]
    return Request(kind, {"dataset": dataset, "models": known})
