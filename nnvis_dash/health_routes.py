"""How the server does: for a load balancer (`/healthz`, `/readyz`), for Prometheus (`/metrics`), and a line a request.

None of them tells anything of the data.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from typing import Any

import flask

from nnvis_dash import logs, metrics
from nnvis_dash.errors import NNVisError
from nnvis_dash.lifetime import STOPPING
from nnvis_dash.person import current_person
from nnvis_dash.services import Services

logger = logging.getLogger("nnvis_dash.requests")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # what a label may be
ROOM = 256 * 2**20  # bytes that a ready server has left on the workspace's disk


def health_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> str:
        """Whether this process answers."""
        return "ok"

    @routes.get("/readyz")
    def readyz() -> flask.Response:
        """Whether this server can do all that it is for; 503 names what it can't."""
        checks = readiness(services)
        queue = checks.pop("queue")
        failed = [name for name, well in checks.items() if not well]
        answer = flask.jsonify({"ready": not failed, "failed": failed, "queue": queue})
        answer.status_code = 503 if failed else 200
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @routes.get("/metrics")
    def numbers() -> flask.Response:
        """All metrics as Prometheus reads them."""
        return flask.Response(metrics.exposition(services), content_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def readiness(services: Services) -> dict[str, Any]:
    """Return of each thing that a ready server has whether it is there, and "queue", how many jobs wait."""
    rows = _try(services.engine.whole.rows)
    room = _try(lambda: shutil.disk_usage(services.workspace.path).free >= ROOM)
    workers = _try(services.engine.whole.workers)
    return {
        "running": not STOPPING,
        "disk": bool(room),
        "jobs": rows is not None,
        "engine": any(worker.alive for worker in workers or ()),
        "queue": metrics.queue_length(rows or []),
    }


def _try(ask: Callable[[], Any]) -> Any:
    """Return an answer, None where there is none: whatever the reason, this server isn't ready."""
    try:
        return ask()
    except Exception as error:
        if not isinstance(error, NNVisError):
            logging.getLogger(__name__).exception("a check of /readyz failed")
        return None


def observe(server: flask.Flask) -> None:
    """Give every request an id, count and time it, and write its line."""

    @server.before_request
    def begin() -> None:
        flask.g.began = time.perf_counter()
        flask.g.request_id = logs.begin_request(flask.request.headers.get("X-Request-ID"))

    @server.after_request
    def end(response: flask.Response) -> flask.Response:
        seconds = time.perf_counter() - flask.g.get("began", time.perf_counter())
        rule = flask.request.url_rule
        route = rule.rule if rule is not None else "none"
        method = flask.request.method if flask.request.method in METHODS else "other"
        fields = {"method": method, "route": route, "status": response.status_code}
        metrics.REQUESTS.labels(*(str(value) for value in fields.values())).observe(seconds)
        if route == "/_dash-update-component":
            fields["output"] = flask.g.get("output", "unknown")  # `access.callbacks` found it among the app's own
            metrics.CALLBACKS.labels(fields["output"]).observe(seconds)
        fields |= {"ms": round(1000 * seconds, 1), "person": current_person().name}
        logger.info("%s %s", fields["method"], route, extra={"fields": fields})
        response.headers["X-Request-ID"] = flask.g.get("request_id", "")
        return response
