"""A small OpenID Connect provider with a key of its own, which can be told to answer wrongly."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import flask
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT, SECRET = "nnvis", "a secret of the client"
KEY, OTHER_KEY = (RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, auto_kid=False) for _ in range(2))


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Provider:
    """Signs everyone in at once as `person`; `wrong` says what is wrong with its next answers."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.person: dict[str, Any] = {"sub": "person-1", "name": "Ada Lovelace"}
        self.wrong = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.server = flask.Flask("provider")
        self.server.get("/.well-known/openid-configuration")(self.description)
        self.server.get("/keys")(lambda: {"keys": [KEY.as_dict(private=False)]})
        self.server.get("/authorize")(self.authorize)
        self.server.post("/token")(self.token)

    def description(self) -> dict[str, Any]:
        return {
            "issuer": "https://other.example" if self.wrong == "issuer's name" else self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
        }

    def authorize(self) -> Any:
        asked = flask.request.args
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256" and {"state", "nonce", "code_challenge"} <= set(asked)
        if self.wrong == "refused":
            return flask.redirect(f"{asked['redirect_uri']}?" + urlencode({"error": "no", "state": asked["state"]}))
        code = secrets.token_hex(8)
        self.codes[code] = dict(asked.items())
        state = "forged" if self.wrong == "state" else asked["state"]
        return flask.redirect(f"{asked['redirect_uri']}?" + urlencode({"code": code, "state": state}))

    def token(self) -> Any:
        given, held = flask.request.form, flask.request.authorization
        assert held is not None and (held.username, held.password) == (CLIENT, SECRET)
        asked = self.codes.pop(given["code"])
        assert given["redirect_uri"] == asked["redirect_uri"]
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        answer = {"access_token": "opaque", "token_type": "Bearer"}
        return answer if self.wrong == "no id token" else {**answer, "id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce}
        claims |= self.person
        twist: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "another"},
            "audience": {"aud": "another"},
            "issuer": {"iss": "https://other.example"},
            "expired": {"exp": now - 3600},
        }
        claims |= twist.get(self.wrong, {})
        if self.wrong == "unsigned":
            return f"{encoded({'alg': 'none'})}.{encoded(claims)}."
        if self.wrong == "changed":
            head, _, signature = jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY).split(".")
            return f"{head}.{encoded({**claims, 'sub': 'person-2'})}.{signature}"
        key = OTHER_KEY if self.wrong == "key" else KEY
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)


@contextmanager
def served(application: Any, port: int = 0) -> Iterator[str]:
    """Serve a WSGI application on this machine while the body runs; gives its address."""
    server = make_server("127.0.0.1", port, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
