"""The embedding view: its controls, the projection as a background job, and placing a sample that is not on the map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.jobs import Wait, register_job
from callbacks.reading import session_of, view_of
from callbacks.waiting import PageLeft, wait_for
from layouts import embedding, ids
from nnvis_dash.analysis.projections import PROJECTIONS
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError
from nnvis_dash.services import Services
from nnvis_dash.state.ids import encode_ids

LIVE = ("perplexity", "exaggeration")  # parameters whose change continues from the map that is there


def register(app: Dash, services: Services) -> None:
    """Register the embedding view."""
    manager = app._background_manager

    @app.callback(
        Output(ids.CONTROLS_REGION, "data"),
        Input(ids.SESSION, "data"),
        Input(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def controls(session: Any, view: Any) -> Any:
        models = services.models(session_of(session))
        shown = view_of(view)
        methods = [(entry.name, entry.title) for entry in PROJECTIONS.values()]
        entry = PROJECTIONS.get(shown.method)
        form = entry.form() if entry else ()
        live = LIVE if entry and "continues" in entry.traits else ()
        return embedding.map_controls(shown, models[0] if models else None, methods, form, live)

    @app.callback(
        Output(ids.EMBEDDING_MAP, "data"),
        Input(ids.EMBEDDING_REQUEST, "data"),
        background=True,
        progress=[Output(ids.EMBEDDING_PROGRESS, "data")],
        interval=100,
        prevent_initial_call=True,
    )
    def project(report: Callable[[Any], None], wanted: Any) -> Any:
        """Answer with the projection's key and whether it was computed just now, or with what went wrong."""
        try:
            request = projection_request(wanted)
            fresh = not services.workspace.artifacts.has(request.key)
            if fresh:
                report({"key": request.key, "message": "waiting for the engine", "request": wanted})
            artifact = wait_for(services, manager, request, report, request=wanted)
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"request": wanted, "problem": str(error)}
        return {"key": request.key, "request": wanted, "notes": artifact.card.get("notes", ""), "fresh": fresh}

    app.clientside_callback(
        ClientsideFunction("nnvis", "embeddingPlace"),
        Output(ids.EMBEDDING_PLACE, "data"),
        Input(ids.EMBEDDING_MAP, "data"),
        Input(ids.SELECTION, "data"),
        State(ids.EMBEDDING_PLACE, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.EMBEDDING_PLACED, "data"),
        Input(ids.EMBEDDING_PLACE, "data"),
        background=True,
        interval=100,
        prevent_initial_call=True,
    )
    def place(wanted: Any) -> Any:
        """Answer with where a sample that was not projected lies on the map."""
        if not wanted:
            return None
        sample = int(wanted["sample"])
        try:
            request = projection_request(wanted["request"], "placement", samples=encode_ids([sample]))
            artifact = wait_for(services, manager, request, lambda progress: None)
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"sample": sample, "problem": str(error)}
        x, y = (float(value) for value in artifact.array("coordinates")[0])
        return {"key": wanted["key"], "sample": sample, "x": x, "y": y}

    draw(
        app,
        "embeddingDraw",
        ids.EMBEDDING_DRAWN,
        ids.CATALOG,
        ids.EMBEDDING_MAP,
        ids.VIEW,
        ids.SELECTION,
        ids.EMBEDDING_PLACED,
        ids.EMBEDDING_HONESTY,
    )
    draw(app, "honestyWanted", ids.EMBEDDING_HONESTY_WANTED, ids.EMBEDDING_MAP, ids.VIEW)
    register_job(app, services, "honesty", checked)


def checked(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Measure how far a map can be believed."""
    return {"key": wait(Request("honesty", {"map": str(wanted.get("map"))})).key}


def projection_request(wanted: Any, kind: str = "projection", **more: Any) -> Request:
    """Return the request for the map that the page wants.

    Raises
    ------
    NotFound, ParameterError
        No such method, or a parameter that it can't take.
    """
    entry = PROJECTIONS[str(wanted["method"])]
    given = {name: value for name, value in dict(wanted["parameters"]).items() if value is not None}
    entry.read(given)
    return Request(
        kind,
        {
            "dataset": wanted["dataset"],
            "model": wanted["model"] if wanted["features"] != "pixels" else None,
            "features": wanted["features"],
            "method": entry.name,
            "n_samples": wanted["n_samples"],
            "seed": wanted["seed"],
            "parameters": given,
            "start": str(wanted.get("start") or ""),
            **more,
        },
    )
