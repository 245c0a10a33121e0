"""The door: one function before every request, whatever route it asks for.

In this order: the name it asks for (Host), the page it comes from (Origin), who it is, how much they ask. What isn't in
`OPEN` needs someone who may come in.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
from collections.abc import Callable

import flask

from nnvis_dash.access import limits
from nnvis_dash.access.answers import note, refused, to_sign_in, too_many, wants_page
from nnvis_dash.access.forwarded import Forwarded, address_of, counted_as
from nnvis_dash.access.headers import SignedSession
from nnvis_dash.access.limits import Limits
from nnvis_dash.access.rules import LOCAL_HOSTS, check, host_of
from nnvis_dash.access.sign_in import sign_in_blueprint
from nnvis_dash.access.ways import BROWSER, Way, way_of
from nnvis_dash.person import ANYONE, Person, acting_as
from nnvis_dash.settings import Settings

log = logging.getLogger(__name__)

HEALTH = frozenset({"/healthz", "/readyz"})  # no data: any Host, nobody in particular
METRICS = "/metrics"  # a bearer token, or this machine
SIGN_IN = frozenset({"/sign-in", "/sign-in/back", "/signed-out"})
OPEN = HEALTH | {METRICS} | SIGN_IN
NOTED = {400: "another host", 403: "another origin", 429: "too many"}  # refusals that are written down
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Door:
    """Stands before every request of a server.

    Parameters
    ----------
    server : flask.Flask
        Nothing that answers may be registered on it before.
    settings : Settings
    audit : callable
        Writes a line into the audit log: `workspace.audit.AuditLog`.

    Raises
    ------
    ParameterError
        The settings would leave the server open.
    """

    def __init__(self, server: flask.Flask, settings: Settings, audit: Callable[..., None]) -> None:
        self.rules = check(settings)
        self.limits = Limits(settings.workspace_path / "cache" / "door")
        self._metrics_token = settings.metrics_token
        self.way: Way = way_of(server, settings, self.rules, self.limits)
        server.session_interface = SignedSession()
        server.wsgi_app = Forwarded(server.wsgi_app, self.rules.proxies)  # type: ignore[method-assign]
        self._audit = audit
        server.before_request(self._enter)
        server.after_request(self._written)
        server.teardown_request(_leave)
        server.register_blueprint(sign_in_blueprint(self.way, self.limits))

    def _enter(self) -> flask.Response | None:
        """Refuse a request, or say on whose behalf it works and let it pass."""
        answer = self._refusal()
        if answer is not None and answer.status_code in NOTED:
            note("refuse", NOTED[answer.status_code])
        return answer

    def _written(self, response: flask.Response) -> flask.Response:
        """Write what was noted of the request into the audit log, of one address only so much."""
        noted = flask.g.pop("noted", None)
        address = flask.request.remote_addr or ""
        if noted is not None and not self.limits.wait(limits.NOTES, counted_as(address)):
            action, outcome, person = noted
            self._audit(action, outcome=outcome, person=person, address=address, path=flask.request.path)
        return response

    def _refusal(self) -> flask.Response | None:
        request = flask.request
        if request.path in HEALTH and request.method in READING:
            return None
        if request.path == METRICS and request.method in READING and self._has_metrics_token():
            return None  # by any name: what collects measurements asks by address
        host = host_of(request.host)
        if host not in self.rules.hosts:
            return refused(400, "This server doesn't go by that name. Ask whoever set it up to allow it.")
        if _is_foreign():
            return refused(403, "The request comes from a page of another server.")
        if request.path == METRICS:
            own = not self._metrics_token and host in LOCAL_HOSTS and _is_local(request.remote_addr)
            return None if own else refused(401, "The measurements need their bearer token.")
        came_before = BROWSER in flask.session
        person = self.way.person()
        known = person is not None and (person.verified or came_before)  # who brings no cookie is new each time
        flask.g.counted_as = person.id if person is not None and known else counted_as(request.remote_addr or "")
        if (answer := self.count(limits.REQUESTS)) is not None:
            return answer
        if request.path not in SIGN_IN:
            if (answer := self.way.arriving(person)) is not None:
                return answer
            if person is None:
                return self._unknown()
        _act_as(person or ANYONE)
        return None if request.path in SIGN_IN else self._limited()

    def _unknown(self) -> flask.Response:
        if self.way.signs_in and wants_page() and flask.request.method in ("GET", "HEAD"):
            return to_sign_in()
        return refused(401, "You are not signed in. Reload the page to sign in." if self.way.signs_in else NOT_NAMED)

    def _has_metrics_token(self) -> bool:
        given = flask.request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        right = f"Bearer {self._metrics_token}".encode()
        return bool(self._metrics_token) and hmac.compare_digest(given, right)

    def _limited(self) -> flask.Response | None:
        limit = limits.BY_ENDPOINT.get(flask.request.endpoint or "")
        return self.count(limit) if limit else None

    def count(self, limit: limits.Limit) -> flask.Response | None:
        """Count one more of who asks; return the refusal where there are too many."""
        wait = self.limits.wait(limit, flask.g.counted_as)
        return too_many(limit, wait) if wait else None


NOT_NAMED = "The proxy in front of this server doesn't say who you are."


def _is_foreign() -> bool:
    """Whether a page of another origin sent the request; what changes something must say that none did.

    Browsers send Origin with everything but plain reading, and newer ones Sec-Fetch-Site with everything where the
    connection is safe. A program that isn't a browser sends Origin itself.
    """
    request = flask.request
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is not None:
        return origin != request.host_url.rstrip("/")
    if request.method not in READING:
        return site != "same-origin"
    opened = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.headers.get("Sec-Fetch-Dest") == "document"
    return site not in (None, "same-origin", "none") and not opened


def _is_local(remote: str | None) -> bool:
    address = address_of(remote or "")
    return address is not None and address.is_loopback


def _act_as(person: Person) -> None:
    """Work on behalf of a person until the request is torn down."""
    flask.g.acting = contextlib.ExitStack()
    flask.g.acting.enter_context(acting_as(person))


def _leave(error: BaseException | None) -> None:
    acting = flask.g.pop("acting", None)
    if acting is not None:
        acting.close()
