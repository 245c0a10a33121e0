"""The ways to come in, one of which the settings choose: each says who asks, from the cookie or from a header."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import Any
from urllib.parse import urlencode

import flask

from nnvis_dash.access.answers import moved, note, sign_in_address, too_many
from nnvis_dash.access.ended import Ended
from nnvis_dash.access.forwarded import BY_PROXY, counted_as
from nnvis_dash.access.limits import GUESSES, Limits
from nnvis_dash.access.rules import Rules
from nnvis_dash.access.secret import Token
from nnvis_dash.person import Person
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.safe_cache import SafeCache

BROWSER = "browser"  # entry of the session: the random id of a browser
DOOR = "door"  # entry of the session: what let it in, which must still be what lets in now
WHO = "who"  # entry of the session: whom a provider vouched for
LONGEST_NAME = 120


class Way:
    """`none`: whoever reaches this machine's own address; a browser is told from others by a random id."""

    signs_in = False  # whether there is something to do at /sign-in

    def person(self) -> Person | None:
        """Return who sent the request; None where they may not come in."""
        return browser()

    def arriving(self, person: Person | None) -> flask.Response | None:
        """Answer a request that brings a way in with its address; None for all others."""
        return None

    def sign_out(self) -> dict[str, str] | None:
        """Return how the person signs out: the method and the address; None where there is nothing to sign out of."""
        return None


class TokenWay(Way):
    """`token`: whoever has the start-up token, which is exchanged for a cookie that ends with it."""

    signs_in = True

    def __init__(self, settings: Settings, key: bytes, counters: Limits) -> None:
        self.token = Token(settings)
        self._key = key
        self._counters = counters

    def _bond(self) -> str:
        return hmac.new(self._key, f"token {self.token.current()}".encode(), hashlib.sha256).hexdigest()

    def person(self) -> Person | None:
        """Return the browser that brought the token once, as long as it is the token."""
        return browser() if _let_in_by(self._bond()) and BROWSER in flask.session else None

    def arriving(self, person: Person | None) -> flask.Response | None:
        """Take the token out of the address of the front page; the right one lets the browser in."""
        request = flask.request
        if request.path != "/" or "token" not in request.args or request.method not in ("GET", "HEAD"):
            return None
        rest = urlencode([(name, value) for name, value in request.args.items(multi=True) if name != "token"])
        bare = f"/?{rest}" if rest else "/"
        response = moved(bare) if person is not None else self.exchange(request.args["token"], bare)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def exchange(self, given: str, back: str) -> flask.Response:
        """Let the browser in for the right token and lead it back; after too many wrong ones none is looked at."""
        who = counted_as(flask.request.remote_addr or "")
        if wait := self._counters.wait(GUESSES, who):
            return too_many(GUESSES, wait)
        if not self.token.is_right(given):
            note("sign-in", "a wrong token")
            return moved(sign_in_address(back, wrong=True))
        self._counters.forget(GUESSES, who)
        note("sign-in", person=browser())
        flask.session[DOOR] = self._bond()
        return moved(back)


class ProxyWay(Way):
    """`proxy`: whom a named reverse proxy names in a header; from anywhere else nobody comes in."""

    def __init__(self, settings: Settings) -> None:
        self._header = settings.proxy_header
        self._sign_out = settings.proxy_sign_out

    def person(self) -> Person | None:
        """Return whom the proxy names; a name with a comma could be two, the first of which a client gave."""
        name = flask.request.headers.get(self._header, "").strip()
        if not flask.request.environ.get(BY_PROXY) or not name or "," in name or not name.isprintable():
            return None
        return Person(verified_id("proxy", name), name[:LONGEST_NAME], verified=True)

    def sign_out(self) -> dict[str, str] | None:
        """Return the proxy's own address for it, where one is set."""
        return {"method": "GET", "address": self._sign_out} if self._sign_out else None


class SignedInWay(Way):
    """What a sign-in with a provider leaves in the session, for a limited time and until the person signs out."""

    signs_in = True

    def __init__(self, key: bytes, ended: Ended, about: str, hours: int) -> None:
        self._bond = hmac.new(key, about.encode(), hashlib.sha256).hexdigest()
        self._ended = ended
        self._seconds = hours * 3600

    def person(self) -> Person | None:
        """Return whom the provider vouched for."""
        who: Any = flask.session.get(WHO)
        if not _let_in_by(self._bond) or not isinstance(who, dict) or time.time() > who["until"]:
            return None
        return None if self._ended.has(who["session"]) else Person(who["id"], who["name"], verified=True)

    def let_in(self, person: Person) -> None:
        """Begin a session of its own for a person."""
        flask.session.clear()
        until = time.time() + self._seconds
        flask.session[DOOR] = self._bond
        flask.session[WHO] = {
            "id": person.id,
            "name": person.name,
            "until": until,
            "session": secrets.token_urlsafe(16),
        }
        note("sign-in", person=person)
        flask.session.permanent = True

    def let_out(self) -> None:
        """End the session, also for whoever kept a copy of its cookie."""
        who: Any = flask.session.get(WHO)
        if isinstance(who, dict):
            note("sign-out")
            self._ended.add(who["session"], self._seconds)
        flask.session.clear()

    def sign_out(self) -> dict[str, str] | None:
        """Return the route that ends the session."""
        return {"method": "POST", "address": "/sign-out"}


def way_of(server: flask.Flask, settings: Settings, rules: Rules, counters: Limits) -> Way:
    """Return the way that the settings choose; the server must have its secret key."""
    key = server.secret_key
    if not isinstance(key, bytes):
        raise TypeError("the server has no secret key")
    if rules.way == "token":
        return TokenWay(settings, key, counters)
    if rules.way == "proxy":
        return ProxyWay(settings)
    if rules.way == "oidc":
        from nnvis_dash.access.oidc import OidcWay

        return OidcWay(server, settings, rules, key, SafeCache(settings.workspace_path / "cache" / "sign-in"))
    return Way()


def browser() -> Person:
    """Return the browser that asks, known by a random id that is made at its first request."""
    held = flask.session.get(BROWSER)
    if not isinstance(held, str):
        held = flask.session[BROWSER] = secrets.token_urlsafe(24)
        flask.session.permanent = True
    return Person(held, f"browser {hashlib.sha256(held.encode()).hexdigest()[:6]}")


def verified_id(*parts: str) -> str:
    """Return the id of somebody that a sign-in vouches for: a hash, which is safe as a file's name."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _let_in_by(bond: str) -> bool:
    held = flask.session.get(DOOR)
    return isinstance(held, str) and hmac.compare_digest(held.encode(), bond.encode())
