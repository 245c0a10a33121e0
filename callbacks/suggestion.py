"""The suggestion view: the state that it looks at, and the comparison of several classifiers as a background callback.

The points that it draws come through the routes of `nnvis_dash/suggestion_routes.py`.
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
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the view and its job."""
    draw(app, "suggestionShown", ids.SUGGESTION_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW, ids.INDEXED)
    register_job(app, services, "suggestion", compared)
    register_job(app, services, "reasons", explained)


def compared(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Compare what classifiers say of every sample; each is indexed first where it isn't yet."""
    request = suggestion_request(services, wanted)
    return indexed_first(services, request, wait)


def explained(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Compare the heatmaps of classifiers on every sample."""
    request = suggestion_request(services, wanted, "reasons")
    return {"key": wait(request).key}


def suggestion_request(services: Services, wanted: Mapping[str, Any], kind: str = "suggestion") -> Request:
    """Return the request for the comparison that a page wants, of answers or of "reasons": see `classifiers_wanted`."""
    return Request(kind, classifiers_wanted(services, wanted, least=2))
