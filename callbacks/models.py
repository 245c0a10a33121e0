"""The view of two classifiers: the state that it looks at, which samples count, and what is compared by jobs.

What it draws comes through the routes of `nnvis_dash/models_routes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from dash import Dash

from callbacks.drawing import draw
from callbacks.embedding import projection_request
from callbacks.jobs import Wait, register_job
from callbacks.reading import classifiers_wanted
from callbacks.strip import visible
from layouts import ids
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.services import Services
from nnvis_dash.state.codec import field_check
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.view import View


def register(app: Dash, services: Services) -> None:
    """Register the view and its jobs."""
    draw(app, "modelsShown", ids.MODELS_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW, ids.INDEXED)
    register_job(app, services, "similarity", similar)
    register_job(app, services, "aligned", projected)


def similar(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Compare the layers of two classifiers: rows, columns and values [row][column], n samples.

    Takes `dataset`, `models` and the number of `samples`.
    """
    asked = classifiers_wanted(services, wanted, most=2)
    artifact = wait(Request("similarity", {**asked, "n_samples": wanted.get("samples")}))
    values = np.round(np.asarray(artifact.array("values"), np.float64), 4)
    return {**{name: artifact.card[name] for name in ("rows", "columns", "n", "batches")}, "values": values.tolist()}


def projected(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Project the features of two classifiers; the routes lay one map over the other."""
    for request in map_requests(services, wanted):
        wait(request)
    return {}


def map_requests(services: Services, wanted: Mapping[str, Any]) -> list[Request]:
    """Return the requests for the maps of two classifiers: those of the page where it has the same settings.

    Takes `dataset`, `models`, `method`, `n_samples`, `seed` and the method's own `parameters`.

    Raises
    ------
    NotFound, ParameterError
        Not two classifiers, or a projection that can't be.
    """
    asked = classifiers_wanted(services, wanted, most=2)
    if len(asked["models"]) != 2:
        raise ParameterError("One classifier has one map", "Tick another classifier.")
    given = wanted.get("parameters")
    shared = {
        "dataset": asked["dataset"],
        "features": "features",
        "method": str(wanted.get("method") or "pca"),
        "n_samples": field_check(View, "n_samples")("The number of samples", wanted.get("n_samples", 0)),
        "seed": field_check(View, "seed")("The seed", wanted.get("seed", 0)),
        "parameters": given if isinstance(given, dict) else {},
    }
    return [projection_request({**shared, "model": model}) for model in asked["models"]]


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
    return services.workspace.selections.text(np.flatnonzero(visible(selection, label, prediction)))
