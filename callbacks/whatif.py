"""The what-if lens: drawn in the browser, which asks `nnvis_dash/whatif_routes.py` while a slider moves."""

from __future__ import annotations

from dash import Dash

from callbacks.drawing import draw
from layouts import ids
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the drawing."""
    draw(app, "whatifShown", ids.WHATIF_SHOWN, ids.CATALOG, ids.SELECTION, ids.VIEW)
