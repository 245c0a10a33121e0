"""The table of samples: the state that it shows; its columns come through `nnvis_dash/table_routes.py`."""

from __future__ import annotations

from dash import Dash

from callbacks.drawing import draw
from layouts import ids
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the view."""
    draw(app, "tableShown", ids.TABLE_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW, ids.INDEXED)
