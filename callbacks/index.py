"""The index of every chosen classifier over the dataset, asked for when the session changes; progress and cancel.

Dash holds back whatever depends on a background callback that still runs. So views don't depend on it: they depend on
what is known at once, and the browser hands the background's answer on when it comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from callbacks.reading import session_of
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from nnvis_dash.errors import NNVisError
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register what is known of the indexes, the background callback that makes them, and its cancel button."""
    manager = app._background_manager

    @app.callback(
        Output(ids.INDEXED, "data"),
        Input(ids.INDEX_REQUEST, "data"),
        Input(ids.INDEX_DONE, "data"),
        State(ids.INDEXED, "data"),
        prevent_initial_call=True,
    )
    def known(wanted: Any, done: Any, before: Any) -> Any:
        """Answer with the classifiers whose index is there now, or with what the background answered for them."""
        if not wanted:
            return no_update
        if done and done.get("request") == wanted:
            answer = done
        else:
            session = session_of(wanted)
            models = services.models(session)
            ready = [one.fingerprint for one in models if services.index(session.dataset, one.fingerprint) is not None]
            answer = {"request": wanted, "ready": ready, "problems": {}}
        return no_update if answer == before else answer

    @app.callback(
        Output(ids.INDEX_ANSWER, "data"),
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
