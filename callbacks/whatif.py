"""The what-if lens: drawn in the browser, which asks `nnvis_dash/whatif_routes.py` while a slider moves."""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input, Output

from layouts import ids
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the drawing."""
    app.clientside_callback(
        ClientsideFunction("nnvis", "whatifShown"),
        Output(ids.WHATIF_SHOWN, "data"),
        Input(ids.CATALOG, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
