"""The view of two classifiers: the state that it looks at, and which of them over which samples are compared.

What it draws comes through the routes of `nnvis_dash/models_routes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from dash import Dash

from callbacks.drawing import draw
from callbacks.strip import visible
from layouts import ids
from nnvis_dash.errors import ParameterError
from nnvis_dash.services import Services
from nnvis_dash.state.codec import field_check
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.state.selection import Selection


def register(app: Dash, services: Services) -> None:
    """Register the view."""
    draw(app, "modelsShown", ids.MODELS_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW, ids.INDEXED)


def compared_models(services: Services, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fingerprints of the dataset and of the one or two classifiers that a page wants.

    Raises
    ------
    NotFound, ParameterError
        No such dataset or classifier, none, or more than two.
    """
    models = wanted.get("models")
    if not isinstance(models, list) or not 1 <= len(models) <= 2:
        raise ParameterError("There is no classifier to look at", "Tick one, or two.")
    dataset = services.workspace.dataset(str(wanted.get("dataset"))).card.fingerprint
    return {"dataset": dataset, "models": [services.workspace.model(str(model)).fingerprint for model in models]}


def passing_rows(services: Services, wanted: Mapping[str, Any]) -> str | None:
    """Return the ids of the samples that pass the page's filters, as text; None for all.

    Takes `dataset`, and `primary`, `classes` and `correctness`: the filters are about that classifier's answers.

    Raises
    ------
    NotFound, StateError
        No such dataset or classifier, or filters that can't be.
    """
    selection = Selection(
        classes=field_check(Selection, "classes")("The classes", wanted.get("classes") or []),
        correctness=field_check(Selection, "correctness")("The filter", wanted.get("correctness") or "all"),
    )
    if not selection.classes and selection.correctness == "all":
        return None
    card = services.workspace.dataset(str(wanted.get("dataset"))).card
    primary = services.workspace.model(str(wanted["primary"])) if wanted.get("primary") else None
    label, prediction, _, _ = services.attributes(card, primary)
    return encode_ids(np.flatnonzero(visible(selection, label, prediction)).tolist())
