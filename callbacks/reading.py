"""Reading the stores: plain values from the browser to the frozen state, with defaults where a store is still empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnvis_dash.errors import ParameterError
from nnvis_dash.services import Services
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


def classifiers_wanted(services: Services, wanted: Mapping[str, Any], least: int = 1, most: int = 64) -> dict[str, Any]:
    """Read over which `dataset` a page wants something of which `models`; return their fingerprints.

    Raises
    ------
    NotFound, ParameterError
        No such dataset or classifier, too few, or too many.
    """
    models = wanted.get("models")
    n = len(models) if isinstance(models, list) else 0
    if models is None or not least <= n <= most:
        few = "Tick one in the list on the left." if least == 1 else f"Tick {least} or more in the list on the left."
        said = f"{n} classifiers are" if n > 1 else "One classifier is" if n else "No classifier is"
        raise ParameterError(f"{said} chosen", few if n < least else f"Leave {n - most} out.")
    dataset = services.workspace.dataset(str(wanted.get("dataset"))).card.fingerprint
    return {"dataset": dataset, "models": [services.workspace.model(str(model)).fingerprint for model in models]}
