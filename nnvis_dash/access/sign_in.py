"""The routes of signing in and out, and `/me`: who the page works for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
from markupsafe import Markup

from nnvis_dash.access.answers import local_path, moved, note, page, problem, too_many
from nnvis_dash.access.forwarded import counted_as
from nnvis_dash.access.limits import SIGN_INS, Limits
from nnvis_dash.access.ways import SignedInWay, TokenWay, Way
from nnvis_dash.errors import NNVisError
from nnvis_dash.person import current_person

if TYPE_CHECKING:
    from nnvis_dash.access.oidc import OidcWay

_FORM = Markup(
    """{problem}<p>Open the link that the server printed when it started, or give its token:</p>
<form method="post" action="/sign-in"><input type="hidden" name="next" value="{back}">
<input type="password" name="token" aria-label="token" autocomplete="current-password" autofocus required>
<button>Sign in</button></form><p><code>python -m nnvis_dash token</code> prints it.</p>"""
)
_AGAIN = Markup('{problem}<p><a href="/sign-in?next={back}">Sign in</a></p>')
_OUT = Markup('<p>You are signed out.</p><p><a href="/sign-in">Sign in again</a></p>')
LONGEST_TOKEN = 500


def sign_in_blueprint(way: Way, counters: Limits) -> flask.Blueprint:
    """Return the routes of the way that the settings choose."""
    routes = flask.Blueprint("access", __name__)

    @routes.get("/me")
    def me() -> dict[str, Any]:
        """Who asks: name, whether a sign-in vouches for it, and how to sign out (or null)."""
        person = current_person()
        return {"name": person.name, "verified": person.verified, "sign_out": way.sign_out()}

    @routes.get("/sign-in")
    def sign_in() -> flask.Response:
        """The page to give the token in, or the way to the provider; `?next=` is where it leads back to."""
        back = local_path(flask.request.args.get("next", "/"))
        if isinstance(way, TokenWay):
            wrong = "wrong" in flask.request.args
            said = problem("That is not the token, or no longer.") if wrong else ""
            return page(_FORM.format(problem=said, back=back), 401 if wrong else 200)
        if isinstance(way, SignedInWay):
            return _begun(back)
        return moved(back)

    @routes.post("/sign-in")
    def given() -> flask.Response:
        """Take the token that a person typed."""
        if not isinstance(way, TokenWay):
            flask.abort(405)
        flask.request.max_form_memory_size = flask.request.max_content_length = 10_000
        back = local_path(flask.request.form.get("next", "/"))
        return way.exchange(flask.request.form.get("token", "")[:LONGEST_TOKEN], back)

    @routes.get("/sign-in/back")
    def returned() -> flask.Response:
        """Where the provider sends a person back to."""
        if not isinstance(way, SignedInWay):
            flask.abort(404)
        if wait := counters.wait(SIGN_INS, counted_as(flask.request.remote_addr or "")):
            return too_many(SIGN_INS, wait)
        try:
            return moved(_provider(way).finish())
        except NNVisError as error:
            note("sign-in", str(error))
            return page(_AGAIN.format(problem=problem(str(error)), back="/"), 403)

    @routes.post("/sign-out")
    def sign_out() -> dict[str, str]:
        """End the session; answers with the address to go on to."""
        if not isinstance(way, SignedInWay):
            flask.abort(404)
        way.let_out()
        return {"then": _provider(way).left()}

    @routes.get("/signed-out")
    def signed_out() -> flask.Response:
        """What is shown to somebody who signed out."""
        return page(_OUT)

    def _begun(back: str) -> flask.Response:
        if wait := counters.wait(SIGN_INS, counted_as(flask.request.remote_addr or "")):
            return too_many(SIGN_INS, wait)
        try:
            return _provider(way).begin(back)
        except NNVisError as error:
            return page(_AGAIN.format(problem=problem(str(error)), back=back), 503)

    return routes


def _provider(way: Way) -> OidcWay:
    """Return the way to the provider; there is one where people sign in with it."""
    from nnvis_dash.access.oidc import OidcWay

    if not isinstance(way, OidcWay):
        flask.abort(404)
    return way
