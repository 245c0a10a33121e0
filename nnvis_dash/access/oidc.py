"""`oidc`: people sign in with an OpenID Connect provider (authorization code flow with PKCE, state and nonce).

Authlib reads the discovery document, makes the questions, and checks the id token's signature and claims. What is left
in the cookie is who the person is; no token of the provider is kept.

References
----------
OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE); OpenID Connect RP-Initiated Logout 1.0.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import diskcache
import flask
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from joserfc.errors import JoseError

from nnvis_dash.access.ended import Ended
from nnvis_dash.access.rules import Rules, listed
from nnvis_dash.access.ways import LONGEST_NAME, SignedInWay, verified_id
from nnvis_dash.errors import EngineError, NNVisError, ParameterError
from nnvis_dash.person import Person
from nnvis_dash.settings import Settings

log = logging.getLogger(__name__)
SECONDS = 10.0  # that the provider may take to answer
BACK = "back"  # entry of the session: the page that a person asked for
SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")


class OidcWay(SignedInWay):
    """Sends people to the provider, and takes them back with its id token.

    What a question to the provider must be answered with is kept in a diskcache, for any worker.
    """

    def __init__(
        self, server: flask.Flask, settings: Settings, rules: Rules, key: bytes, kept: diskcache.Cache
    ) -> None:
        about = f"oidc {settings.oidc_issuer} {settings.oidc_client_id}"
        super().__init__(key, Ended(kept), about, max(1, settings.oidc_hours))
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._domains = frozenset(domain.lower().removeprefix("@") for domain in listed(settings.oidc_domains))
        self._groups = frozenset(listed(settings.oidc_groups))
        self._groups_claim = settings.oidc_groups_claim
        oauth = OAuth(server, cache=kept)  # a question's state, nonce and verifier, for an hour at most
        oauth.register(
            "oidc",
            client_id=settings.oidc_client_id,
            client_secret=rules.client_secret,
            server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "default_timeout": SECONDS,
            },
        )
        self._provider: Any = oauth.oidc

    def begin(self, back: str) -> flask.Response:
        """Send a person to the provider; `back` is the page that they come back to.

        Raises
        ------
        NNVisError
            The provider doesn't answer.
        """
        flask.session[BACK] = back
        self._described()
        response: flask.Response = self._provider.authorize_redirect(
            flask.url_for("access.returned", _external=True, _scheme=flask.request.scheme)
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    def finish(self) -> str:
        """Take a person back, with what the provider says of them; return the page that they asked for.

        Raises
        ------
        NNVisError
            The provider refused, its answer isn't one to this browser's question or doesn't hold, or the person is not
            among those who may come in.
        """
        back = str(flask.session.get(BACK, "/"))
        described = self._described()
        accepted = [name for name in described.get("id_token_signing_alg_values_supported", ()) if name in SIGNATURES]
        self._provider.server_metadata["id_token_signing_alg_values_supported"] = accepted or ["RS256"]
        claims = {
            "iss": {"essential": True, "values": [self._issuer]},
            "sub": {"essential": True},
            "aud": {"essential": True},
            "exp": {"essential": True},
        }
        try:
            answer = self._provider.authorize_access_token(claims_options=claims)
        except OSError:
            raise EngineError("The sign-in provider doesn't answer", "Try again later.") from None
        except (AuthlibBaseError, JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("a sign-in was refused: %s", type(error).__name__)
            raise ParameterError("The sign-in did not succeed", "Try again.") from None
        person = self._admitted(answer.get("userinfo") or {})
        self.let_in(person)
        return back

    def left(self) -> str:
        """Return where a person who signed out goes on to: the provider's own sign-out where it has one."""
        here = flask.url_for("access.signed_out", _external=True, _scheme=flask.request.scheme)
        try:
            end = self._described().get("end_session_endpoint")
        except NNVisError:
            end = None
        if not isinstance(end, str) or not end:
            return here
        return f"{end}{'&' if '?' in end else '?'}" + urlencode(
            {"client_id": self._client_id, "post_logout_redirect_uri": here}
        )

    def _described(self) -> Mapping[str, Any]:
        """Return the provider's discovery document, which is asked for once; it must be this issuer's."""
        try:
            described: Mapping[str, Any] = self._provider.load_server_metadata()
        except (OSError, ValueError, AuthlibBaseError):
            raise EngineError("The sign-in provider doesn't answer", "Try again later.") from None
        if described.get("issuer") != self._issuer:
            raise EngineError(
                "The sign-in provider calls itself otherwise than NNVIS_OIDC_ISSUER", "Ask whoever set this server up."
            )
        return described

    def _admitted(self, claims: Mapping[str, Any]) -> Person:
        """Return the person of an id token that was checked, if they may come in."""
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject:
            raise ParameterError("The provider didn't say who you are", "Try again.")
        email = claims.get("email") if claims.get("email_verified") in (True, "true") else None
        domain = email.rpartition("@")[2].lower() if isinstance(email, str) else ""
        if self._domains and domain not in self._domains:
            raise ParameterError("Your e-mail address is not one that may come in", "Sign in with another account.")
        groups = claims.get(self._groups_claim)
        held = groups if isinstance(groups, list) else [groups]
        if self._groups and not any(isinstance(group, str) and group in self._groups for group in held):
            raise ParameterError("You are in none of the groups that may come in", "Ask to be added to one.")
        names = (claims.get(name) for name in ("name", "preferred_username", "email"))
        name = next((name for name in names if isinstance(name, str) and name.strip()), "signed in")
        plain = "".join(letter if letter.isprintable() else " " for letter in name)
        return Person(verified_id("oidc", self._issuer, subject), plain.strip()[:LONGEST_NAME], verified=True)
