"""Reading the stores: plain values from the browser to the frozen state, with defaults where a store is still empty."""

from __future__ import annotations

from typing import Any

from nnvis_dash.state.codec import from_json
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View


def session_of(stored: Any) -> Session:
    """Read the session's store."""
    return from_json(Session, stored) if stored else Session()


def selection_of(stored: Any) -> Selection:
    """Read the selection's store."""
    return from_json(Selection, stored) if stored else Selection()


def view_of(stored: Any) -> View:
    """Read the view's store."""
    return from_json(View, stored) if stored else View()


def state_of(session: Any, selection: Any, view: Any) -> State:
    """Read all three."""
    return State(session_of(session), selection_of(selection), view_of(view))


def reference_of(wanted: Any) -> Reference | None:
    """Read which image a view's request means, None where there is no request or it names none."""
    return Reference.wanted(wanted) if wanted else None
