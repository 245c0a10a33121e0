"""The network view: the state that it looks at, and its jobs as background callbacks.

What a click or a slider asks goes through the routes of `nnvis_dash/network_*_routes.py`; only what takes long is here.
"""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input, Output

from callbacks import network_jobs
from callbacks.jobs import register_job
from layouts import ids
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the view and its jobs."""
    app.clientside_callback(
        ClientsideFunction("nnvis", "networkShown"),
        Output(ids.NETWORK_SHOWN, "data"),
        Input(ids.CATALOG, "data"),
        Input(ids.SESSION, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    for name in ids.NETWORK_JOBS:
        register_job(app, services, name, network_jobs.JOBS[name])
