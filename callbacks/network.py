"""The network view: the state that it looks at, and its jobs as background callbacks.

What a click or a slider asks goes through the routes of `nnvis_dash/network_*_routes.py`; only what takes long is here.
"""

from __future__ import annotations

from dash import Dash

from callbacks import network_jobs
from callbacks.drawing import draw
from callbacks.jobs import register_job
from layouts import ids
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the view and its jobs."""
    draw(app, "networkShown", ids.NETWORK_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW)
    for name in ids.NETWORK_JOBS:
        register_job(app, services, name, network_jobs.JOBS[name])
