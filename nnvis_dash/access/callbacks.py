"""What Dash's own routes are asked is held against what there is, before Dash reads it.

Dash trusts its page: a question with another form ends in an exception and HTTP 500 (Dash 4.4.1).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dash
import flask
from dash import _callback, _callback_signing
from dash.exceptions import BackgroundCallbackError, DashException, DependencyException, PreventUpdate

from nnvis_dash.access.answers import refused
from nnvis_dash.access.door import Door
from nnvis_dash.access.limits import JOBS
from nnvis_dash.errors import NNVisError

log = logging.getLogger(__name__)

ROUTE = "/_dash-update-component"
LARGEST = 2 * 2**20  # bytes of a question; what stores hold is far less, images and long lists have routes of their own
UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
_MEND = "Reload the page."


def guard(app: dash.Dash, door: Door) -> None:
    """Let only questions through that one of the app's callbacks can have, and only as many jobs as the limits let.

    What a callback can't read is answered with 400 and logged, so that a defect of ours is still found.
    """
    answer: Callable[[], Any] = app.server.view_functions[ROUTE]

    def asked() -> Any:
        flask.request.max_content_length = LARGEST
        record = flask.request.get_json()
        known = app.callback_map.get(record.get("output")) if _is_question(record) else None
        if known is None or "callback" not in known or not _fits(record, known):  # some are answered in the browser
            return refused(400, f"There is no such question. {_MEND}")
        flask.g.output = record["output"]  # one of ours, for the log
        if not _handles_are_ours(app):
            return refused(400, f"The work that this asks for isn't this page's. {_MEND}")
        if known.get("background") and "cacheKey" not in flask.request.args and (limited := door.count(JOBS)):
            return limited
        try:
            return answer()
        except PreventUpdate:
            raise
        except NNVisError as error:
            return refused(400, str(error))
        except BackgroundCallbackError as error:
            log.error("a background callback failed: %s", error)
            return refused(400, "The work for this failed. Start it again.")
        except (DashException, *UNREADABLE):
            log.error("a callback could not read what it was asked: %s\n%s", flask.g.output, _where())
            return refused(400, f"The question can't be read. {_MEND}")

    app.server.view_functions[ROUTE] = asked

    @app.server.errorhandler(RecursionError)
    def nested(error: RecursionError) -> flask.Response:
        """JSON that is nested deeper than Python reads."""
        return refused(400, f"The request can't be read. {_MEND}")

    @app.server.errorhandler(DependencyException)
    def unknown(error: DependencyException) -> flask.Response:
        """A script of a package that the page has nothing of."""
        return refused(404, "There is no such script.")


def _where() -> str:
    """Return the traceback of what is handled now; what a browser sent, which may stand in it, as ASCII."""
    return traceback.format_exc().encode("ascii", "backslashreplace").decode("ascii")


def _is_question(record: Any) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("output"), str):
        return False
    changed = record.get("changedPropIds", [])
    return isinstance(changed, list) and all(isinstance(name, str) for name in changed)


def _fits(record: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether inputs, states and outputs are those that the callback was registered with."""
    inputs, states = _endpoints(record.get("inputs")), _endpoints(record.get("state", []))
    if inputs != _declared(known["inputs"]) or states != _declared(known["state"]):
        return False
    outputs, name = record.get("outputs"), record["output"]
    given = _endpoints(outputs if isinstance(outputs, list) else [outputs])
    named = [tuple(part.replace("\\.", ".").rsplit(".", 1)) for part in name.strip(".").split("...")]
    return given == named and name.startswith("..") == isinstance(outputs, list)


def _endpoints(listed: Any) -> list[tuple[str, ...]] | None:
    """Return the (id, property) of each entry of a question; None where one has another form."""
    if not isinstance(listed, list):
        return None
    found: list[tuple[str, ...]] = []
    for entry in listed:
        if not isinstance(entry, dict) or not {"id", "property"} <= set(entry) <= {"id", "property", "value"}:
            return None
        if not isinstance(entry["id"], str) or not isinstance(entry["property"], str):
            return None
        found.append((entry["id"], entry["property"]))
    return found


def _declared(endpoints: Sequence[Mapping[str, str]]) -> list[tuple[str, ...]]:
    return [(entry["id"], entry["property"]) for entry in endpoints]


def _handles_are_ours(app: dash.Dash) -> bool:
    """Whether every handle of a job in the address was signed here for this load of the page."""
    args = flask.request.args
    if not any(name in args for name in ("cacheKey", "job", "oldJob")):
        return True
    secret = app._get_signing_secret()
    end = _callback.get_request_end_id(secret)
    jobs, keys = _callback_signing.job_scope(end), _callback_signing.cache_scope(end)
    given = [(jobs, handle) for name in ("job", "oldJob") for handle in args.getlist(name)]
    given += [(keys, handle) for handle in args.getlist("cacheKey")]
    return all(_callback_signing.unsign(secret, scope, handle) is not None for scope, handle in given)
