"""The ways to come in: tokens, proxies, names, limits, and settings that would leave the server open."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnvis_dash.access import check, door, limits
from nnvis_dash.access.answers import local_path
from nnvis_dash.access.limits import Limit, Limits
from nnvis_dash.access.rules import host_of
from nnvis_dash.access.secret import Token, link
from nnvis_dash.app import create_app
from nnvis_dash.errors import ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.audit import AuditLog
from tests.security.doors import OURS, PAGE, Place


def test_the_token_is_taken_out_of_the_address_and_becomes_a_cookie(place: Place) -> None:
    client = place.client()
    answer = client.get("/", query_string={"s": "a/b&c", "token": place.token.current(), "x": "1"})
    assert answer.status_code == 303 and answer.headers["Location"] == "/?s=a%2Fb%26c&x=1"
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["Cache-Control"] == "no-store"
    cookie = place.cookie(client)
    assert cookie.http_only and cookie.same_site == "Lax" and cookie.path == "/" and not cookie.secure
    assert place.token.current() not in cookie.value
    assert client.get("/").status_code == 200
    again = client.get("/?token=old&s=1")  # an old link in a browser that is in
    assert (again.status_code, again.headers["Location"]) == (303, "/?s=1")
    me = client.get("/me").get_json()
    assert me["verified"] is False and me["sign_out"] is None and re.fullmatch("browser [0-9a-f]{6}", me["name"])
    assert client.get("/me").get_json() == me != place.signed_in().get("/me").get_json()


def test_a_token_can_be_typed_in_and_leads_back(place: Place) -> None:
    client = place.client()
    sent = client.get("/?s=abc", headers=PAGE).headers["Location"]
    assert sent == "/sign-in?next=%2F%3Fs%3Dabc"
    shown = client.get(sent)
    assert b'value="/?s=abc"' in shown.data and shown.headers["Referrer-Policy"] == "same-origin"
    form = {"next": "/?s=abc", "token": "wrong"}
    wrong = client.post("/sign-in", data=form, headers=OURS)
    assert client.get(wrong.headers["Location"]).status_code == 401 and client.get("/me").status_code == 401
    right = client.post("/sign-in", data={**form, "token": f" {place.token.current()} "}, headers=OURS)
    assert right.headers["Location"] == "/?s=abc" and client.get("/me").status_code == 200


def test_sign_ins_and_refusals_stand_in_the_audit_log(place: Place) -> None:
    log = AuditLog(place.settings.workspace_path / "audit")
    before = len(list(log.lines()))
    client = place.client()
    client.post("/sign-in", data={"token": "a secret guess"}, headers=OURS)
    client.get("/", query_string={"token": place.token.current()})
    name = client.get("/me").get_json()["name"]
    client.get("/me", headers={"Origin": "https://evil.example"})
    client.get("/me", base_url="http://evil.example")
    lines = list(log.lines())[before:]
    said = [(one["action"], one["outcome"], one["path"]) for one in lines]
    assert said == [
        ("sign-in", "a wrong token", "/sign-in"),
        ("sign-in", "ok", "/"),
        ("refuse", "another origin", "/me"),
        ("refuse", "another host", "/me"),
    ]
    assert lines[1]["person_name"] == name and {one["address"] for one in lines} == {"127.0.0.1"}
    assert not any(secret in str(lines) for secret in ("a secret guess", place.token.current()))


def test_a_new_token_ends_the_sessions_of_the_old_one_and_keeps_who_they_were(place: Place) -> None:
    client = place.signed_in()
    name = client.get("/me").get_json()["name"]
    path = place.settings.workspace_path / "cache" / "token"
    assert path.stat().st_mode & 0o777 == 0o600
    for end in (place.token.renew, path.unlink):
        before = place.token.current()
        end()
        assert client.get("/me").status_code == 401
        assert place.token.current() != before
        client.get("/", query_string={"token": before})
        assert client.get("/me").status_code == 401
        client.get("/", query_string={"token": place.token.current()})
        assert client.get("/me").get_json()["name"] == name
    assert path.stat().st_mode & 0o777 == 0o600
    assert (place.settings.workspace_path / "cache" / "secret").stat().st_mode & 0o777 == 0o600


def test_a_damaged_token_lets_nobody_in_and_an_empty_file_is_made_anew(tmp_path: Path) -> None:
    token = Token(Settings(workspace=str(tmp_path)))
    first = token.current()
    path = tmp_path / "cache" / "token"
    for held in ("\n", "short", "\udcff"):
        path.write_bytes(held.encode("utf-8", "surrogateescape"))
        assert not any(token.is_right(given) for given in ("", "\n", "short", held, first))
    path.write_bytes(b"")
    assert token.current() != first and token.is_right(token.current())
    path.write_text(f"{first}\n")
    assert token.is_right(first) and not token.is_right(first[:-1])


def test_guesses_are_few_and_the_answer_says_when_to_try_again(place: Place) -> None:
    client = place.client()
    for _ in range(limits.GUESSES.burst):
        assert client.get("/?token=guess").status_code == 303
    answer = client.post("/sign-in", data={"token": place.token.current()}, headers=OURS)
    assert answer.status_code == 429 and 1 <= int(answer.headers["Retry-After"]) <= 12
    record = answer.get_json()
    assert record["again"] is True and re.search("Try again in [0-9]+ seconds", record["problem"])
    shown = client.post("/sign-in", data={"token": "x"}, headers={**OURS, **PAGE})
    assert shown.status_code == 429 and shown.mimetype == "text/html" and b"Try again in" in shown.data
    assert client.get("/me").status_code == 401
    elsewhere = client.get("/", query_string={"token": place.token.current()}, environ_base={"REMOTE_ADDR": "10.1.1.1"})
    assert elsewhere.headers["Location"] == "/"


def test_uploads_are_limited_by_person_and_a_slider_never_is(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(limits.BY_ENDPOINT) <= {rule.endpoint for rule in place.server.url_map.iter_rules()}
    client, other = place.signed_in(), place.signed_in()
    for _ in range(limits.UPLOADS.burst):
        answer = client.post("/uploads", json={}, headers=OURS)
        assert answer.status_code == 200
    answer = client.post("/uploads", json={}, headers=OURS)
    assert answer.status_code == 429 and answer.get_json()["again"]
    assert other.post("/uploads", json={}, headers=OURS).status_code == 200
    for limit in (limits.REQUESTS, limits.JOBS):
        full_at = now = 1000.0
        for _ in range(20 * 60):  # twenty a second, for a minute
            full_at, wait = limit.after(full_at, now)
            assert wait == 0
            now += 1 / 20


def test_too_many_requests_of_one_person_are_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    few = Limit("request", 3, 1.0, "requests")
    monkeypatch.setattr(limits, "REQUESTS", few)
    client = place.signed_in()
    assert [client.get("/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert place.signed_in().get("/me").status_code == 200


def test_who_throws_the_cookie_away_is_counted_by_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.BY_ENDPOINT, "intake.begin", Limit("upload", 2, 0.1, "uploads"))
    server = create_app(Settings(workspace=str(tmp_path))).server
    answers = [server.test_client().post("/uploads", json={}, headers=OURS).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


def test_a_bucket_fills_again_and_survives_clocks_threads_and_damage(tmp_path: Path) -> None:
    three = Limit("three", 3, 0.5, "things")
    assert three.after(0.0, 100.0) == (102.0, 0.0)
    assert three.after(106.0, 100.0) == (106.0, 2.0)  # full: there is room in 2 s
    assert three.after(105.0, 101.0) == (107.0, 0.0)
    assert three.after(9e9, 100.0)[1] == 2.0  # from before a restart: one bucket at most
    counters = Limits(tmp_path / "door")
    waits: list[float] = []
    threads = [
        threading.Thread(target=lambda: waits.extend(counters.wait(three, "me") for _ in range(2))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wait > 0 for wait in waits) == [False] * 3 + [True] * 5
    counters._shared.close()
    (tmp_path / "door" / "cache.db").write_bytes(b"not a database" * 500)
    for rest in tmp_path.glob("door/cache.db-*"):
        rest.unlink()
    assert Limits(tmp_path / "door").wait(three, "me") == 0


def test_under_tls_cookies_are_secure_and_browsers_come_back_by_tls(place: Place) -> None:
    client = place.client()
    answer = client.get("/", query_string={"token": place.token.current()}, base_url="https://localhost")
    assert place.cookie(client).secure
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    ours = client.post("/uploads", json={}, headers={"Origin": "https://localhost"}, base_url="https://localhost")
    assert ours.status_code == 200


def proxied(tmp_path: Path, **more: str) -> Any:
    wanted = {"auth": "proxy", "proxy_header": "X-Forwarded-User", "proxy_address": "10.0.0.0/28, 192.168.1.9", **more}
    return create_app(Settings(workspace=str(tmp_path), allowed_hosts="nnvis.example.org", **wanted)).server


def test_a_proxy_is_believed_from_its_address_alone(tmp_path: Path) -> None:
    server = proxied(tmp_path, proxy_sign_out="/oauth2/sign_out")
    named = {"X-Forwarded-User": "ada", "X-Forwarded-Host": "nnvis.example.org", "X-Forwarded-Proto": "https"}

    def me(address: str, host: str = "127.0.0.1", **headers: str) -> Any:
        client = server.test_client()
        found = {**named, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return client.get("/me", headers=found, base_url=f"http://{host}", environ_base={"REMOTE_ADDR": address})

    for address in ("10.0.0.3", "192.168.1.9", "::ffff:10.0.0.3"):
        answer = me(address)
        out = {"method": "GET", "address": "/oauth2/sign_out"}
        assert answer.get_json() == {"name": "ada", "verified": True, "sign_out": out}
        assert "Strict-Transport-Security" in answer.headers
    for address in ("127.0.0.1", "10.0.0.16", "::1", "192.168.1.90"):
        answer = me(address)
        assert answer.status_code == 401 and "Strict-Transport-Security" not in answer.headers
        assert "sign-in" not in str(answer.headers)
    assert me("10.0.0.3", X_Forwarded_User="").status_code == 401
    assert me("10.0.0.3", X_Forwarded_User="root, ada").status_code == 401
    assert me("10.0.0.3", X_Forwarded_Host="evil.example").status_code == 400
    assert me("127.0.0.1", "evil.example", X_Forwarded_Host="127.0.0.1").status_code == 400
    client = server.test_client()
    base = {"REMOTE_ADDR": "10.0.0.3"}
    for origin, status in (("https://nnvis.example.org", 200), ("http://nnvis.example.org", 403)):
        answer = client.post("/uploads", json={}, headers={**named, "Origin": origin}, environ_base=base)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("token", "address", "host", "given", "status"),
    [
        ("", "127.0.0.1", "localhost", "", 200),
        ("", "10.0.0.1", "localhost", "", 401),
        ("", "127.0.0.1", "nnvis.example.org", "", 401),
        ("a long enough secret", "10.0.0.1", "localhost", "Bearer a long enough secret", 200),
        ("a long enough secret", "10.0.0.1", "10.0.0.2:8050", "Bearer a long enough secret", 200),
        ("a long enough secret", "10.0.0.1", "10.0.0.2:8050", "Bearer another", 400),
        ("a long enough secret", "127.0.0.1", "localhost", "", 401),
        ("a long enough secret", "127.0.0.1", "localhost", "Bearer a long", 401),
    ],
)
def test_measurements_are_for_this_machine_or_a_bearer(
    tmp_path: Path, token: str, address: str, host: str, given: str, status: int
) -> None:
    settings = Settings(workspace=str(tmp_path), metrics_token=token, allowed_hosts="nnvis.example.org")
    server = flask.Flask("test")
    server.secret_key = b"key"
    door.Door(server, settings, AuditLog(Path(settings.workspace) / "audit"))
    server.get("/metrics")(lambda: "measured")
    headers = {"Authorization": given} if given else {}
    client = server.test_client()
    answer = client.get("/metrics", headers=headers, base_url=f"http://{host}", environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"auth": "password"}, "NNVIS_AUTH"),
        ({"host": "0.0.0.0"}, "NNVIS_AUTH to token"),
        ({"host": "::"}, "NNVIS_AUTH to token"),
        ({"host": "nnvis.example.org", "allowed_hosts": "nnvis.example.org"}, "NNVIS_AUTH to token"),
        ({"host": "0.0.0.0", "auth": "token"}, "NNVIS_ALLOWED_HOSTS"),
        ({"host": "0.0.0.0", "auth": "token", "allowed_hosts": " , "}, "NNVIS_ALLOWED_HOSTS"),
        ({"allowed_hosts": "*"}, "no patterns"),
        ({"allowed_hosts": "https://nnvis.example.org"}, "no patterns"),
        ({"auth": "proxy"}, "NNVIS_PROXY_HEADER"),
        ({"auth": "proxy", "proxy_header": "X-User"}, "NNVIS_PROXY_ADDRESS"),
        ({"auth": "proxy", "proxy_header": "X-User", "proxy_address": "proxy.local"}, "NNVIS_PROXY_ADDRESS"),
        ({"auth": "proxy", "proxy_header": "X-User", "proxy_address": "0.0.0.0/0"}, "everyone"),
        ({"auth": "oidc"}, "NNVIS_OIDC_ISSUER"),
        ({"auth": "oidc", "oidc_issuer": "https://id.example"}, "NNVIS_OIDC_CLIENT_ID"),
        ({"auth": "oidc", "oidc_issuer": "http://id.example", "oidc_client_id": "n"}, "https"),
        ({"auth": "oidc", "oidc_issuer": "https://id.example", "oidc_client_id": "n"}, "secret is empty"),
    ],
)
def test_settings_that_would_leave_the_server_open_are_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], given: dict[str, str], says: str
) -> None:
    from nnvis_dash.commands import serve

    wanted = Settings(workspace=str(tmp_path), **given)  # type: ignore[arg-type]
    for refuse in (check, create_app, serve.serve):
        with pytest.raises(ParameterError, match=says):
            refuse(wanted)
    assert not any(tmp_path.iterdir())


def test_settings_that_open_the_server_to_those_who_may(tmp_path: Path) -> None:
    rules = check(Settings(host="0.0.0.0", auth="token", allowed_hosts="NNVis.example.org, 10.0.0.7,::1"))
    assert rules.hosts == {"nnvis.example.org", "10.0.0.7", "[::1]"}
    assert check(Settings(host="127.0.0.1")).hosts == {"127.0.0.1", "localhost", "[::1]"}
    with pytest.raises(ParameterError, match="20 or more"):
        Token(Settings(token="short"))
    spoken = "a token that is long enough"
    wanted = Settings(workspace=str(tmp_path), auth="token", token=spoken, host="0.0.0.0", allowed_hosts="a.example")
    assert link(wanted) == f"http://a.example:8050/?token={spoken}" and spoken not in repr(wanted)
    assert wanted.environment()["NNVIS_TOKEN"] == spoken and wanted.environment(secrets=False)["NNVIS_TOKEN"] == ""
    with pytest.raises(ParameterError, match="NNVIS_TOKEN"):
        Token(wanted).renew()
    assert link(Settings(host="::1")) == "http://[::1]:8050"


def test_the_token_command_prints_the_link_and_makes_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nnvis_dash.commands import main

    assert main(["token", "--workspace", str(tmp_path)]) == 1 and "NNVIS_AUTH" in capsys.readouterr().err
    monkeypatch.setenv("NNVIS_AUTH", "token")
    links = []
    for more in ([], [], ["--new"]):
        assert main(["token", "--workspace", str(tmp_path), *more]) == 0
        links.append(capsys.readouterr().out)
    assert links[0] == links[1] != links[2]
    assert re.fullmatch(r"http://127\.0\.0\.1:8050/\?token=[\w-]{43}\n", links[2])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("LocalHost:8050", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:8050", "[::1]"),
        ("[0:0::1]", "[::1]"),
        ("localhost.", "localhost"),
        ("a b", None),
        ("localhost@evil.example", None),
        ("[x]", None),
        ("", None),
    ],
)
def test_names_of_hosts(header: str, name: str | None) -> None:
    assert host_of(header) == name


@given(st.text(max_size=40))
def test_nobody_is_led_to_another_server(text: str) -> None:
    for address in (text, f"/{text}", f"//{text}", f"/\\{text}", f"/\t/{text}"):
        led = local_path(address)
        assert led.startswith("/") and not led.startswith(("//", "/\\")) and "\\" not in led and led.isprintable()
