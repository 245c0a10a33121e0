"""Attribution methods beside one another: rows are methods, columns images, filled in as they are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from dash import ClientsideFunction, Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.reading import reference_of
from callbacks.testing import attribution_request, drawn_values
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.errors import Cancelled, NNVisError
from nnvis_dash.figures import heatmap
from nnvis_dash.services import Services
from nnvis_dash.state.selection import Selection

COLUMNS = 6  # images at most


def register(app: Dash, services: Services) -> None:
    """Register the grid's background callback, its cancel button and its drawing."""
    manager = app._background_manager

    @app.callback(
        Output(ids.GRID, "data"),
        Input(ids.GRID_REQUEST, "data"),
        background=True,
        progress=[Output(ids.GRID_PROGRESS, "data")],
        interval=100,
        prevent_initial_call=True,
    )
    def rows(report: Callable[[Any], None], wanted: Any) -> Any:
        """Answer with the pictures of every method; what is ready is reported on the way."""
        if not wanted or not wanted.get("methods") or not wanted.get("model"):
            return None
        found: list[dict[str, Any]] = []
        try:
            samples = _columns(services, wanted)
            for number, name in enumerate(wanted["methods"]):
                place = f"{number + 1} of {len(wanted['methods'])}"
                parts = {"request": wanted, "samples": samples, "rows": found, "of": place}
                report(parts)
                found.append(_row(services, manager, report, wanted, name, samples, parts))
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"request": wanted, "samples": [], "rows": found, "problem": str(error)}
        return {"request": wanted, "samples": samples, "rows": found}

    app.clientside_callback(
        ClientsideFunction("nnvis", "grid"),
        Output(ids.GRID_DRAWN, "data"),
        Input(ids.GRID_REQUEST, "data"),
        Input(ids.GRID_PROGRESS, "data"),
        State(ids.GRID, "data"),
        prevent_initial_call=True,
    )
    # A callback of its own, since Dash holds one back until all its inputs are there: rows show before the last one.
    draw(app, "gridAnswer", ids.GRID_FINISHED, ids.GRID)


def _columns(services: Services, wanted: Any) -> list[int | str]:
    """Return the image that is tested and the first ones of the selection, as references."""
    chosen = services.chosen(Selection(samples=wanted["samples"]))
    tested = reference_of(wanted)
    first = [] if tested is None else [tested.plain]
    return list(dict.fromkeys([*first, *np.asarray(chosen)[:COLUMNS].tolist()]))[:COLUMNS]


def _row(
    services: Services,
    manager: Any,
    report: Callable[[Any], None],
    wanted: Any,
    name: str,
    samples: list[int | str],
    parts: dict[str, Any],
) -> dict[str, Any]:
    """Compute one method on all samples; a method that can't says why in its row.

    The method that the page shows has the parameters that were set, the others their own.
    """
    asked = {**wanted, "method": name}
    if name != wanted["method"]:
        asked["parameters"] = {}
    title = METHODS[name].title if name in METHODS else name
    try:
        card = services.workspace.model(wanted["model"])
        artifact = wait_for(services, manager, attribution_request(asked, samples, card), report, **parts)
    except Cancelled:
        raise  # whoever cancels one method wants none of those behind it either
    except NNVisError as error:
        return {"name": name, "title": title, "problem": str(error)}
    cells = []
    signed = heatmap.is_signed(np.asarray(artifact.array("heatmap")), METHODS[name].traits)
    for position in range(len(samples)):
        values = drawn_values(artifact, position, wanted["smooth"])
        cells.append(heatmap.data_uri(heatmap.pictures(values, wanted["clip"], signed)[0]))
    return {"name": name, "title": title, "cells": cells, "key": artifact.key}
