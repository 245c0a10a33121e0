"""What the routes that browsers post to have in common: JSON in, JSON out, errors in words.

What a person did wrong is answered with ``{"problem": ...}``. Who may ask at all is `nnvis_dash.access`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

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
