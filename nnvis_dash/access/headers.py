"""The headers of every response, which keep foreign pages, frames and scripts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flask
from flask.sessions import SecureCookieSessionInterface

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'self'"
)
ALWAYS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
SECURE_S = 365 * 86400  # how long a browser that came by TLS comes by nothing else


def put(response: flask.Response, script_hashes: Sequence[str]) -> flask.Response:
    """Put the headers on a response; only the inline scripts of these hashes run in it."""
    response.headers.update(ALWAYS)
    response.headers["Content-Security-Policy"] = " ".join([POLICY, *script_hashes])
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "private")
    if flask.request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={SECURE_S}"
    return response


def on_every_response(server: flask.Flask, script_hashes: Callable[[], Sequence[str]]) -> None:
    """Put the headers on whatever a server answers, also on its errors."""

    @server.after_request
    def headers(response: flask.Response) -> flask.Response:
        return put(response, script_hashes() if response.mimetype == "text/html" else ())


class SignedSession(SecureCookieSessionInterface):
    """Flask's signed cookie: Secure where the request came by TLS, and named in Vary only where it is set.

    Every request reads it, but what is sent doesn't depend on it: pictures stay in a browser's cache whatever other
    servers of this machine do with their cookies.
    """

    def get_cookie_secure(self, app: flask.Flask) -> bool:
        return flask.request.is_secure

    def save_session(self, app: flask.Flask, session: flask.sessions.SessionMixin, response: flask.Response) -> None:
        session.accessed = session.modified
        super().save_session(app, session, response)
