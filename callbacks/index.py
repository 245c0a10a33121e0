"""The index of every chosen classifier over the dataset, asked for when the session changes; progress and cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from callbacks.reading import session_of
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from nnvis_dash.errors import NNVisError
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the index's background callback and its cancel button."""
    manager = app._background_manager

    @app.callback(
        Output(ids.INDEXED, "data"),
        Input(ids.INDEX_REQUEST, "data"),
        background=True,
        progress=[Output(ids.INDEX_PROGRESS, "data")],
        interval=100,
        prevent_initial_call=True,
    )
    def indexed(report: Callable[[Any], None], wanted: Any) -> Any:
        """Answer with the classifiers whose index is there, and what went wrong with the others."""
        session = session_of(wanted)
        ready: list[str] = []
        problems: dict[str, str] = {}
        for position, model in enumerate(services.models(session)):
            request = services.index_request(session.dataset, model.fingerprint)
            try:
                wait_for(
                    services,
                    manager,
                    request,
                    report,
                    request=wanted,
                    of=f"{model.name} ({position + 1}/{len(session.classifiers)})",
                )
                ready.append(model.fingerprint)
                services.engine.warm(model.fingerprint)
            except PageLeft:
                raise PreventUpdate from None
            except NNVisError as error:
                problems[model.fingerprint] = str(error)
        return {"request": wanted, "ready": ready, "problems": problems}

    register_cancel(app, services, ids.INDEX_CANCEL, ids.INDEX_PROGRESS)


def register_cancel(app: Dash, services: Services, button: str, progress: str) -> None:
    """Let a button of the job tray cancel the job that its progress names, for everyone who waits for it."""

    @app.callback(
        Output(button, "title"),
        Input(button, "n_clicks"),
        State(progress, "data"),
        prevent_initial_call=True,
    )
    def cancel(clicks: int | None, shown: Any) -> str:
        if isinstance(shown, dict) and shown.get("key"):
            services.engine.cancel(str(shown["key"]))
        return "cancelled"
