"""What the routes that browsers post to have in common: JSON in, JSON out, errors in words, own pages only.

What a person did wrong is answered with ``{"problem": ...}``; a page of another origin is answered with 403, whatever
it asks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import flask

from nnvis_dash.errors import EngineError, NNVisError, ParameterError


def answers(view: Callable[..., Any]) -> Callable[..., flask.Response]:
    """Send what a view returns, as JSON if it isn't a response yet, and a user's error in words.

    With an error goes what it has `details` of. Where the engine was busy or away, `again` says that the same request
    may succeed later.
    """

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> flask.Response:
        try:
            found = view(*args, **kwargs)
            response = found if isinstance(found, flask.Response) else flask.jsonify(found)
        except NNVisError as error:
            again = {"again": True} if isinstance(error, EngineError) else {}
            response = flask.jsonify({"problem": str(error), **again, **getattr(error, "details", {})})
        response.headers["Cache-Control"] = "no-store"
        return response

    return answer


def body() -> dict[str, Any]:
    """Return the request's JSON record.

    Raises
    ------
    ParameterError
        It has none.
    """
    record = flask.request.get_json(silent=True) if flask.request.mimetype == "application/json" else None
    if not isinstance(record, dict):
        raise ParameterError("The request is not a JSON record", "Reload the page.")
    return record


def own_pages_only(routes: flask.Blueprint) -> None:
    """Answer pages of another origin with 403 on all routes of a blueprint."""

    @routes.before_request
    def refuse() -> None:
        origin = flask.request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != flask.request.host:
            flask.abort(403)
