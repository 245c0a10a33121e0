"""Flask route for the graph of a classifier's layers: addressed by its content, so that browsers keep it."""

from __future__ import annotations

import flask

from nnvis_dash.errors import EngineError, NNVisError, NotFound
from nnvis_dash.routes import FOREVER, answers_or_404
from nnvis_dash.services import Services


def network_layers_blueprint(services: Services) -> flask.Blueprint:
    """Return the route over these services."""
    routes = flask.Blueprint("network_layers", __name__)

    @routes.get("/network/<model>/architecture.json")
    @answers_or_404
    def architecture(model: str) -> flask.Response:
        """Layers, connections and costs, as `analysis.architecture.Architecture.to_json` writes them.

        A classifier that has no layers, or an engine that is away, is answered with ``{"problem": ...}``;
        `again` says that the same request may succeed later.
        """
        fingerprint = services.workspace.model(model).fingerprint  # what isn't there costs the engine nothing
        try:
            found = services.engine.ask("architecture", {"model": fingerprint})
        except NotFound:
            raise
        except NNVisError as error:
            again = {"again": True} if isinstance(error, EngineError) else {}
            return flask.jsonify({"problem": str(error), **again})
        response = flask.jsonify(found)
        response.headers["Cache-Control"] = FOREVER
        return response

    return routes
