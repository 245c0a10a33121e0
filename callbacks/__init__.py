"""Callbacks: one file a view. Each parses, makes one call below, and returns components or plain values.

`register_all` wires them to an app. No view names another: all read the state, which
`callbacks/selection.py` alone writes.
"""

from __future__ import annotations

from dash import Dash

from callbacks import (
    attack,
    badges,
    comparison,
    difference,
    embedding,
    evidence,
    index,
    models,
    network,
    page,
    responses,
    review,
    selection,
    simulation,
    strip,
    suggestion,
    table,
    testing,
    trajectory,
    tray,
    trust,
    whatif,
    workspace,
)
from nnvis_dash.services import Services


def register_all(app: Dash, services: Services) -> None:
    """Register every callback of the page."""
    for view in (
        selection,
        page,
        workspace,
        index,
        embedding,
        trajectory,
        strip,
        testing,
        difference,
        whatif,
        responses,
        attack,
        evidence,
        network,
        simulation,
        suggestion,
        table,
        models,
        comparison,
        review,
        badges,
        trust,
        tray,
    ):
        view.register(app, services)
