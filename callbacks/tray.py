"""The sample tray in the browser follows the state: what is tested is marked, and what was edited can be kept."""

from __future__ import annotations

from dash import Dash

from callbacks.drawing import draw
from layouts import ids
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the clientside callback; it asks the routes of `nnvis_dash.tray_routes`."""
    draw(app, "samples", ids.RAIL_TRAY_DRAWN, ids.SESSION, ids.SELECTION)
