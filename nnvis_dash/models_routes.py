"""Flask routes for the view of two classifiers: their answers, what changed, and their maps."""

from __future__ import annotations

from typing import Any

import flask

from callbacks.models import map_requests, passing_rows
from callbacks.reading import classifiers_wanted
from nnvis_dash.envelope import envelope
from nnvis_dash.posting import answers, body
from nnvis_dash.services import Services


def models_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("models", __name__, url_prefix="/models")

    @routes.post("/answers")
    @answers
    def model_answers() -> flask.Response:
        """What the classifiers of ``{"dataset", "models"}`` say of every sample.

        An envelope: labels (N,) int32 (-1: none), predictions (M, N) int32 and confidence (M, N) float32. The header
        has the names of the `models`, the class `names` that all numbers count, and those a classifier has `alone`.
        """
        asked = classifiers_wanted(services, body(), most=2)
        found = services.engine.ask("model_answers", asked)
        header = {
            "models": [services.workspace.model(model).name for model in asked["models"]],
            "names": found["names"],
            "alone": found["alone"],
        }
        return envelope(header, **{name: found[name] for name in ("labels", "predictions", "confidence")})

    @routes.post("/diff")
    @answers
    def diff() -> Any:
        """One part of the comparison: what the question `model_diff` answers.

        Takes ``{"dataset", "models", "part", "primary", "classes", "correctness"}``, of which the last three are the
        page's filters.
        """
        wanted = body()
        asked = classifiers_wanted(services, wanted, most=2)
        rows = passing_rows(services, {**wanted, "dataset": asked["dataset"]})
        return services.engine.ask("model_diff", {**asked, "part": str(wanted.get("part") or "changes"), "rows": rows})

    @routes.post("/maps")
    @answers
    def maps() -> flask.Response:
        """Both maps of ``{"dataset", "models", "method", "n_samples", "seed", "parameters"}``, once they are projected.

        An envelope of what the question `aligned_maps` answers: ids (n,) int32, a and b (n, 2) and moved (n,) float32;
        the header has disparity, mirrored and extent.
        """
        found = dict(services.engine.ask("aligned_maps", {"keys": [one.key for one in map_requests(services, body())]}))
        arrays = {name: found.pop(name) for name in ("ids", "a", "b", "moved")}
        return envelope(found, **arrays)

    return routes
