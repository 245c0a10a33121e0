"""Signing in with an OpenID Connect provider: the whole round by HTTP, and every answer that must not be believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from nnvis_dash.access import sign_in
from nnvis_dash.access.limits import Limit
from nnvis_dash.app import create_app
from nnvis_dash.settings import Settings
from tests.browser.conftest import free_port
from tests.security.provider import CLIENT, SECRET, Provider, served


@dataclass
class Scene:
    address: str
    provider: Provider

    def sign_in(self, browser: requests.Session, page: str = "/me") -> requests.Response:
        """Open a page as a browser does, which leads over the provider and back."""
        return browser.get(self.address + page, headers={"Accept": "text/html"})

    def me(self, browser: requests.Session) -> Any:
        answer = browser.get(f"{self.address}/me")
        return answer.json() if answer.ok else None


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("oidc")
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}")
    (folder / "secret").write_text(f"{SECRET}\n")
    settings = Settings(
        workspace=str(folder / "ws"),
        auth="oidc",
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret_file=str(folder / "secret"),
        oidc_domains="example.org, @lab.example",
        oidc_groups="vision",
        oidc_hours=1,
    )
    application = create_app(settings).server
    with served(provider.server, port), served(application) as address:
        yield Scene(address, provider)


@pytest.fixture(autouse=True)
def fresh(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider answers rightly for a person who may come in; nobody has signed in too often."""
    monkeypatch.setattr(sign_in, "SIGN_INS", Limit("sign-in", 1000, 1000.0, "sign-ins"))
    scene.provider.wrong = ""
    scene.provider.person = {
        "sub": "person-1",
        "name": "Ada\nLovelace",
        "email": "ada@Example.org",
        "email_verified": True,
        "groups": ["other", "vision"],
    }


def test_the_whole_round_leads_back_to_the_page_that_was_asked_for(scene: Scene) -> None:
    with requests.Session() as browser:
        answer = scene.sign_in(browser, "/me?a=1&b=%2F")
        assert unquote(answer.url) == f"{scene.address}/me?a=1&b=/"
        me = answer.json()
        assert me == {"name": "Ada Lovelace", "verified": True, "sign_out": {"method": "POST", "address": "/sign-out"}}
        [cookie] = list(browser.cookies)
        assert cookie.has_nonstandard_attr("HttpOnly") and "opaque" not in str(cookie.value)
        assert SECRET not in str(cookie.value)


def test_two_browsers_of_one_person_are_one_and_two_people_are_two(scene: Scene) -> None:
    from nnvis_dash.access.ways import verified_id

    ids = {verified_id("oidc", scene.provider.issuer, subject) for subject in ("person-1", "person-2")}
    assert len(ids) == 2 and all(len(one) == 32 and one.isalnum() for one in ids)
    with requests.Session() as one, requests.Session() as other:
        scene.sign_in(one)
        scene.provider.person |= {"sub": "person-2", "name": "", "preferred_username": "grace"}
        scene.sign_in(other)
        assert (scene.me(one)["name"], scene.me(other)["name"]) == ("Ada Lovelace", "grace")


def test_signing_out_ends_the_session_also_for_a_copy_of_its_cookie(scene: Scene) -> None:
    with requests.Session() as browser, requests.Session() as thief:
        scene.sign_in(browser)
        thief.cookies.update(browser.cookies)
        assert scene.me(thief) is not None
        refused = browser.post(f"{scene.address}/sign-out")
        assert refused.status_code == 403 and scene.me(browser) is not None
        answer = browser.post(f"{scene.address}/sign-out", headers={"Origin": scene.address})
        then = answer.json()["then"]
        assert then.startswith(f"{scene.provider.issuer}/end?client_id={CLIENT}&post_logout_redirect_uri=http")
        assert scene.me(browser) is None and scene.me(thief) is None
        assert browser.get(f"{scene.address}/signed-out").status_code == 200


WRONG = (
    *("nonce", "audience", "issuer", "expired", "unsigned", "changed", "key"),
    *("state", "refused", "no id token", "issuer's name"),
)


@pytest.mark.parametrize("wrong", WRONG)
def test_an_answer_that_does_not_hold_lets_nobody_in(scene: Scene, tmp_path: Path, wrong: str) -> None:
    if wrong == "issuer's name":  # the description is asked for once: a server that has none yet
        settings = Settings(
            workspace=str(tmp_path),
            auth="oidc",
            oidc_issuer=scene.provider.issuer,
            oidc_client_id=CLIENT,
            oidc_client_secret=SECRET,
        )
        scene.provider.wrong = wrong
        with served(create_app(settings).server) as address, requests.Session() as browser:
            assert Scene(address, scene.provider).sign_in(browser).status_code == 503
        return
    with requests.Session() as browser:
        scene.provider.wrong = wrong
        answer = scene.sign_in(browser)
        assert answer.status_code == 403 and 'class="problem"' in answer.text
        assert scene.me(browser) is None


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"email": "ada@evil.example"}, "e-mail"),
        ({"email": "ada@evil.example@notexample.org"}, "e-mail"),
        ({"email_verified": False}, "e-mail"),
        ({"email": None}, "e-mail"),
        ({"groups": ["visionaries"]}, "groups"),
        ({"groups": {"vision": 1}}, "groups"),
        ({"sub": ""}, "who you are"),
    ],
)
def test_who_may_not_come_in_is_told_why(scene: Scene, claims: dict[str, Any], says: str) -> None:
    scene.provider.person |= claims
    with requests.Session() as browser:
        answer = scene.sign_in(browser)
        assert answer.status_code == 403 and (says in answer.text or "did not succeed" in answer.text)
        assert scene.me(browser) is None


def test_a_code_is_taken_once_and_from_the_browser_that_asked(scene: Scene) -> None:
    def begun(browser: requests.Session) -> str:
        asked = browser.get(f"{scene.address}/sign-in", allow_redirects=False)
        return browser.get(asked.headers["Location"], allow_redirects=False).headers["Location"]

    with requests.Session() as browser, requests.Session() as victim:
        assert victim.get(begun(browser)).status_code == 403 and scene.me(victim) is None
        back = begun(browser)
        assert browser.get(back, allow_redirects=False).headers["Location"] == "/" and scene.me(browser) is not None
        browser.cookies.clear()
        assert browser.get(back).status_code == 403 and scene.me(browser) is None


def test_a_provider_that_is_away_is_said(tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    settings = Settings(
        workspace=str(tmp_path), auth="oidc", oidc_issuer=away, oidc_client_id=CLIENT, oidc_client_secret=SECRET
    )
    client = create_app(settings).server.test_client()
    answer = client.get("/sign-in", headers={"Accept": "text/html"})
    assert answer.status_code == 503 and b"doesn&#39;t answer" in answer.data
