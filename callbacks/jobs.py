"""A view's jobs as background callbacks: what the browser asks for in one store, the answer in another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError
from nnvis_dash.services import Services
from nnvis_dash.workspace.artifacts import Artifact

# Waits for a request's artifact; what is given by name goes to the browser with the progress.
Wait: TypeAlias = Callable[..., Artifact]
# Takes the services, what the browser wants, and a function that waits; gives plain values.
Job: TypeAlias = Callable[[Services, Mapping[str, Any], Wait], dict[str, Any]]


def register_job(app: Dash, services: Services, name: str, job: Job) -> None:
    """Register one job: what the browser asks for in one store, its answer in another."""
    manager = app._background_manager

    @app.callback(
        Output(ids.network(name, "found"), "data"),
        Input(ids.network(name, "run"), "data"),
        background=True,
        progress=[Output(ids.network(name, "progress"), "data")],
        interval=60,
        prevent_initial_call=True,
    )
    def found(report: Callable[[Any], None], wanted: Any) -> Any:
        """Answer with what the job found, or with what went wrong."""
        if not wanted:
            return None

        def wait(request: Request, **more: Any) -> Artifact:
            return wait_for(services, manager, request, report, **{"request": wanted, **more})

        try:
            return {"request": wanted, **job(services, wanted, wait)}
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"request": wanted, "problem": str(error)}

    for function, output, source in (("Progress", "reported", "progress"), ("Found", "finished", "found")):
        draw(app, name + function, ids.network(name, output), ids.network(name, source))


def indexed_first(services: Services, request: Request, wait: Wait) -> dict[str, Any]:
    """Answer with the key of what is kept, once each of the request's `models` is indexed over its `dataset`."""
    for model in request.parameters["models"]:
        wait(services.index_request(request.parameters["dataset"], model))
    return {"key": wait(request).key}
