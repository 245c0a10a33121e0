"""Flask routes for the suggestion view: what several classifiers say of every sample, and scores of one."""

from __future__ import annotations

import flask
import numpy as np

from callbacks.suggestion import suggestion_request
from nnvis_dash.analysis.suggestion.several import QUADRANTS, load_suggestion
from nnvis_dash.envelope import envelope
from nnvis_dash.errors import NotFound
from nnvis_dash.posting import answers, body
from nnvis_dash.services import Services


def suggestion_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("suggestion", __name__, url_prefix="/suggestion")

    @routes.post("/points")
    @answers
    def points() -> flask.Response:
        """What the classifiers of ``{"dataset", "models"}`` say of every sample, once they are compared.

        An envelope: mean (N,) float32, distinct (N,) uint8, entropy (N,) float32, right (N,) int32 (bit m for
        classifier m, -1 without a label), predictions (M, N) int32 and confidence (M, N) float32. The header has the
        names of the `models`, the class `names` that predictions count, for each classifier the classes that it has
        `alone` and those that are `unknown` to it, and the `quadrants` with what to look for in each.
        """
        request = suggestion_request(services, body())
        if not services.workspace.artifacts.has(request.key):
            raise NotFound("The classifiers are not compared yet", "Wait until the job in the tray has ended.")
        found = load_suggestion(services.workspace.artifacts.load(request.key))
        right = found.right_set
        header = {
            "models": [services.workspace.model(model).name for model in request.parameters["models"]],
            "names": list(found.classes.names),
            "alone": [list(found.classes.alone(number)) for number in range(len(found.predictions))],
            "unknown": [list(found.classes.unknown_to(number)) for number in range(len(found.predictions))],
            "quadrants": [[name, said] for name, said in QUADRANTS.items()],
        }
        return envelope(
            header,
            mean=found.mean_confidence,
            distinct=found.distinct_classes.astype(np.uint8),
            entropy=found.vote_entropy,
            right=np.full(len(found), -1, np.int32) if right is None else right.astype(np.int32),
            predictions=found.predictions,
            confidence=found.confidence,
        )

    @routes.post("/reasons")
    @answers
    def reasons() -> flask.Response:
        """How far the heatmaps of ``{"dataset", "models"}`` part, once they are compared: (N,) float32, NaN unknown."""
        request = suggestion_request(services, body(), "reasons")
        if not services.workspace.artifacts.has(request.key):
            raise NotFound("The heatmaps are not compared yet", "Wait until the job in the tray has ended.")
        return envelope({}, disagreement=services.workspace.artifacts.load(request.key).array("disagreement"))

    @routes.post("/scores")
    @answers
    def scores() -> flask.Response:
        """One number for every sample: takes ``{"dataset", "model", "score", "layer", "channel"}``.

        An envelope: values (N,) float32, NaN where there is none; the header says `what` they are.
        """
        wanted = body()
        question = {
            "dataset": services.workspace.dataset(str(wanted.get("dataset"))).card.fingerprint,
            "model": services.workspace.model(str(wanted.get("model"))).fingerprint,
            "score": str(wanted.get("score") or "confidence"),
            "layer": str(wanted.get("layer") or ""),
            "channel": -1 if wanted.get("channel") is None else wanted["channel"],
        }
        found = services.engine.ask("sample_scores", question)
        return envelope({"what": found["what"]}, values=np.asarray(found["values"], np.float32))

    return routes
