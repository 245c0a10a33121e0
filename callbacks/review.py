"""The review: the state that it looks at, and its two jobs as background callbacks.

The lists that it draws, decisions and named slices come through the routes of `nnvis_dash/review_routes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash

from callbacks.drawing import draw
from callbacks.jobs import Wait, indexed_first, register_job
from callbacks.reading import classifiers_wanted
from layouts import ids
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the view and its jobs."""
    draw(app, "reviewShown", ids.REVIEW_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW)
    register_job(app, services, "review", reviewed)
    register_job(app, services, "twins", paired)


def reviewed(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Review a dataset; each classifier is indexed first where it isn't yet."""
    request = review_request(services, wanted)
    return indexed_first(services, request, wait)


def paired(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Find twins."""
    request = twins_request(services, wanted)
    wait(request)
    return {"key": request.key}


def review_request(services: Services, wanted: Mapping[str, Any]) -> Request:
    """Return the request for the review that a page wants: see `classifiers_wanted`."""
    return Request("review", classifiers_wanted(services, wanted))


def twins_request(services: Services, wanted: Mapping[str, Any]) -> Request:
    """Return the request for the twins that a page wants.

    Raises
    ------
    NotFound, ParameterError
        No such dataset, or one against itself.
    """
    dataset = services.workspace.dataset(str(wanted.get("dataset"))).card.fingerprint
    other = str(wanted.get("other") or "")
    if other:
        other = services.workspace.dataset(other).card.fingerprint
    if other == dataset:
        raise ParameterError("A dataset is to be held against itself", "Choose another, or none.")
    return Request("twins", {"dataset": dataset, "other": other})
