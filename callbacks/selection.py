"""The one writer of the state: it applies the views' changes, opens links, and says what it could not do.

Changes come numbered and in order (`assets/changes.js` sends the next ones only after these were applied), so that no
gesture is lost between two answers.
"""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from callbacks.reading import state_of
from layouts import ids
from nnvis_dash.errors import NNVisError
from nnvis_dash.services import Services
from nnvis_dash.state.changes import apply, read_change
from nnvis_dash.state.codec import decode_link, encode_link, to_json
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State as Whole


def register(app: Dash, services: Services) -> None:
    """Register the writer of session, selection, view and link."""

    @app.callback(
        Output(ids.SESSION, "data"),
        Output(ids.SELECTION, "data"),
        Output(ids.VIEW, "data"),
        Output(ids.LINK, "data"),
        Output(ids.APPLIED, "data"),
        Input(ids.CHANGES, "data"),
        Input(ids.URL, "search"),
        State(ids.SESSION, "data"),
        State(ids.SELECTION, "data"),
        State(ids.VIEW, "data"),
    )
    def write(changes: Any, search: str | None, session: Any, selection: Any, view: Any) -> tuple[Any, ...]:
        before = None
        problem = None
        number = changes.get("number") if isinstance(changes, dict) else None
        try:
            if session is None or ctx.triggered_id == ids.URL:
                after, problem = _opened(services, search or "")
            else:
                before = after = state_of(session, selection, view)
                for change in changes.get("changes", []) if isinstance(changes, dict) else []:
                    after = apply(after, read_change(_completed(services, after, change)))
        except NNVisError as error:
            problem = str(error)
            after = before if before is not None else Whole(services.start())
        parts = ("session", "selection", "view")
        written = [
            no_update
            if before is not None and getattr(before, part) == getattr(after, part)
            else to_json(getattr(after, part))
            for part in parts
        ]
        return *written, encode_link(after), {"number": number, "problem": problem}


def _completed(services: Services, state: Whole, change: Any) -> Any:
    """Give a change of dataset the classifiers that fit it; every other change is as the browser sent it."""
    if isinstance(change, dict) and change.get("kind") == "dataset" and "classifiers" not in change:
        card = services.workspace.dataset(str(change.get("dataset"))).card
        return {**change, "dataset": card.fingerprint, "classifiers": list(services.offered(card))}
    return change


def _opened(services: Services, search: str) -> tuple[Whole, str | None]:
    """Return the state that a link names, or the start; and what of the link isn't here."""
    link = next((part[2:] for part in search.lstrip("?").split("&") if part.startswith("s=")), "")
    if not link:
        return Whole(services.start()), None
    state = decode_link(link)
    datasets = {card.fingerprint for card in services.workspace.datasets()}
    if state.session.dataset not in datasets:
        return Whole(
            services.start()
        ), "The link's dataset is not there, or not shared with you. Ask who sent the link to share it, or add it."
    models = {card.fingerprint for card in services.workspace.models()}
    kept = tuple(fingerprint for fingerprint in state.session.classifiers if fingerprint in models)
    if kept == state.session.classifiers:
        return state, None
    missing = len(state.session.classifiers) - len(kept)
    reduced = Whole(Session(state.session.dataset, kept), state.selection, state.view)
    what = f"{missing} of the link's classifiers are not there, or not shared with you."
    return reduced, f"{what} Ask who sent the link to share them, or add them."
