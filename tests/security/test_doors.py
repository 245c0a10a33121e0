"""Every route of the server against everyone who may not come in, so that a new route can't forget to ask."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layouts import ids
from nnvis_dash.access import check, door, limits
from nnvis_dash.access.answers import local_path
from nnvis_dash.access.limits import Limit, Limits
from nnvis_dash.access.rules import host_of
from nnvis_dash.access.secret import Token, link
from nnvis_dash.app import create_app, render_once
from nnvis_dash.errors import ParameterError
from nnvis_dash.person import ANYONE, Person, current_person
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace

OPEN = {"/healthz", "/readyz", "/metrics", "/sign-in", "/sign-in/back", "/signed-out"}  # the whole list
OURS = {"Origin": "http://localhost"}
PAGE = {"Accept": "text/html"}
WRITING = ("POST", "PUT", "PATCH", "DELETE")
FRAME = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Place:
    """A server that needs the token, and a browser that brought it."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(workspace=str(folder), auth="token")
        images = np.arange(6 * 8 * 8, dtype=np.uint8).reshape(6, 8, 8, 1)
        self.dataset = Workspace(folder).add_dataset(images, name="grey", labels=[0, 1] * 3, class_names=["a", "b"])[0]
        self.app = create_app(self.settings)
        render_once(self.app)
        self.server: flask.Flask = self.app.server
        self.token = Token(self.settings)
        self.door = next(f.__self__ for f in self.server.before_request_funcs[None] if hasattr(f, "__self__"))

    def client(self) -> Any:
        return self.server.test_client()

    def signed_in(self) -> Any:
        client = self.client()
        assert client.get("/", query_string={"token": self.token.current()}).status_code == 303
        return client

    def cookie(self, client: Any) -> Any:
        return client.get_cookie(self.server.config["SESSION_COOKIE_NAME"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("doors"))


@pytest.fixture(autouse=True)
def unhurried(place: Place) -> None:
    """Nobody has asked too much yet."""
    place.door.limits._own.clear()
    place.door.limits._shared.clear()


def questions(server: flask.Flask) -> Iterator[tuple[str, str]]:
    """Give the method and an address of every route there is."""
    for rule in server.url_map.iter_rules():
        address = re.sub(r"<(?:int:|float:)[^>]*>", "1", rule.rule)
        address = re.sub(r"<[^>]*>", "x", address)
        for method in sorted(rule.methods or ()):
            yield method, address


def refused(answer: Any) -> bool:
    """Whether an answer lets nobody in: a refusal in words, or the way to the sign-in."""
    if answer.status_code == 303:
        return str(answer.headers["Location"]).startswith("/sign-in?")
    short = len(answer.data) < 3000 and b"Traceback" not in answer.data
    return answer.status_code in (400, 401, 403) and short


def test_every_route_is_closed_to_whoever_has_no_token(place: Place) -> None:
    assert set(door.OPEN) == OPEN
    old = place.signed_in()
    place.token.renew()
    name = place.server.config["SESSION_COOKIE_NAME"]
    forged = place.client()
    forged.set_cookie(name, "eyJkb29yIjoieCJ9.awMXvw.AAAAAAAAAAAAAAAAAAAAAAAAAAA")
    asked = set()
    for method, address in questions(place.server):
        if address in OPEN:
            continue
        asked.add(address)
        for client in (place.client(), old, forged):
            for more in ({}, PAGE, {"X-Forwarded-User": "root", "X-Forwarded-For": "127.0.0.1"}):
                answer = client.open(address, method=method, headers={**OURS, **more})
                assert refused(answer), (method, address, more, answer.status)
    assert {"/", "/x", "/_dash-update-component", "/_dash-layout", "/assets/x", "/image/x/x.png", "/uploads"} <= asked
    assert len(asked) > 60


def test_every_route_is_closed_to_foreign_names_pages_and_frames(place: Place) -> None:
    client = place.signed_in()
    foreign = (
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:8051"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    )
    for method, address in questions(place.server):
        if address in door.HEALTH:
            continue
        for host in ("evil.example", "127.0.0.1.evil.example", "127.0.0.2", "localhost.evil.example:80"):
            assert client.open(address, method=method, base_url=f"http://{host}").status_code == 400, (address, host)
        for headers in foreign:
            assert client.open(address, method=method, headers=headers).status_code == 403, (method, address, headers)
        if method in WRITING:
            assert client.open(address, method=method).status_code == 403, (method, address)
            answer = client.open(address, method=method, headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code != 403, (method, address)


def test_every_answer_has_the_headers_that_keep_frames_and_scripts_out(place: Place) -> None:
    client = place.signed_in()
    for method, address in questions(place.server):
        for headers in (OURS, {"Origin": "https://evil.example"}):
            answer = client.open(address, method=method, headers=headers)
            policy = answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy and "unsafe-eval" not in policy
            assert "unsafe-inline" not in policy.split("script-src")[1] and "object-src 'none'" in policy
            assert {name: answer.headers[name] for name in FRAME} == FRAME, (method, address)
            assert {"Referrer-Policy", "Permissions-Policy", "Cache-Control"} <= {name for name, _ in answer.headers}
            assert "Strict-Transport-Security" not in answer.headers
            assert b"Traceback" not in answer.data


def test_links_from_other_pages_open_and_health_answers_any_name(place: Place) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert place.signed_in().get("/", headers=link).status_code == 200
    assert place.client().get("/healthz", base_url="http://10.0.0.7:8050").data == b"ok"
    assert place.client().post("/healthz").status_code == 403


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


def test_a_request_works_for_its_person_and_leaves_nobody_behind(place: Place) -> None:
    seen: list[Person] = []
    view = place.server.view_functions["access.me"]
    place.server.view_functions["access.me"] = lambda: seen.append(current_person()) or view()
    try:
        client = place.signed_in()
        client.get("/me")
        place.signed_in().get("/me")
        client.get("/me")
    finally:
        place.server.view_functions["access.me"] = view
    assert seen[0] == seen[2] != seen[1] and seen[0].id and current_person() == ANYONE


def test_the_thread_that_waits_for_a_job_works_for_whoever_asked(tmp_path: Path) -> None:
    import diskcache

    from callbacks.waiting import WaitingJobs
    from nnvis_dash.person import acting_as

    manager = WaitingJobs(diskcache.Cache(str(tmp_path), disk=diskcache.JSONDisk))
    seen: list[Person] = []
    job = manager.make_job_fn(lambda: seen.append(current_person()), progress=False)
    with acting_as(Person("a", "Ada", True)):
        manager.call_job_fn("key", job, [], {})
        done = manager._done["key"]
    assert done.wait(10) and seen == [Person("a", "Ada", True)]


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
    door.Door(server, settings)
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
    assert link(Settings(host="::1")) == "http://[::1]:8050/"


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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def well_formed(place: Place, output: str, value: Any) -> dict[str, Any]:
    """A question that the page could ask, with a value for every input."""
    known = place.app.callback_map[output]
    pairs = [part.replace("\\.", ".").rsplit(".", 1) for part in output.strip(".").split("...")]
    outputs = [{"id": name, "property": prop} for name, prop in pairs]
    entries = {
        kind: [{"id": entry["id"], "property": entry["property"], "value": value} for entry in known[kind]]
        for kind in ("inputs", "state")
    }
    first = known["inputs"][0]
    return {
        "output": output,
        "outputs": outputs if output.startswith("..") else outputs[0],
        "changedPropIds": [f"{first['id']}.{first['property']}"],
        **entries,
    }


def ask(client: Any, body: Any, query: dict[str, str] | None = None) -> Any:
    data = json.dumps(body)
    kind = "application/json"
    return client.post("/_dash-update-component", data=data, content_type=kind, headers=OURS, query_string=query)


def asked_of_dash(answer: Any, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status, answer.data[:300])
    assert b"Traceback" not in answer.data and b"/nnvis_dash/" not in answer.data
    if answer.status_code >= 400:
        assert len(answer.data) < 500


def test_forged_questions_to_dash_are_refused(place: Place) -> None:
    client = place.signed_in()
    output = f"{ids.JOB_CANCELLED}.data"
    right = well_formed(place, output, None)
    assert ask(client, right).status_code == 200
    in_the_browser = next(name for name, known in place.app.callback_map.items() if "callback" not in known)
    forged: list[Any] = [
        *([], None, 1, "x", {}, {"output": "no.such"}, {"output": ["x"]}, {"output": {"a": 1}}),
        well_formed(place, in_the_browser, None),
        {**right, "inputs": None},
        {**right, "inputs": right["inputs"] * 2},
        {**right, "inputs": [{"id": {"a": 1}, "property": "data"}]},
        {**right, "inputs": [[{"id": "a", "property": "data"}]]},
        {**right, "inputs": [{**right["inputs"][0], "more": 1}, *right["inputs"][1:]]},
        {**right, "state": [{"id": "secret", "property": "data", "value": 1}]},
        {**right, "state": {"a": 1}},
        {**right, "outputs": []},
        {**right, "outputs": {"id": "page-title", "property": "children"}},
        {**right, "outputs": None},
        {**right, "changedPropIds": {"a": 1}},
        {**right, "changedPropIds": [1]},
    ]
    for body in forged:
        asked_of_dash(ask(client, body), 400)
    for data in (b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"output":"\\ud800"}', b"1" * 10_000):
        answer = client.post("/_dash-update-component", data=data, content_type="application/json", headers=OURS)
        asked_of_dash(answer, 400)
    text = client.post("/_dash-update-component", data=json.dumps(right), content_type="text/plain", headers=OURS)
    asked_of_dash(text, 415)
    long = ask(client, {**right, "changedPropIds": ["x" * 1000] * 3000})
    asked_of_dash(long, 413)
    for query in (
        {"job": "1", "cacheKey": "x"},
        {"oldJob": "1"},
        {"job": "1.abc"},
        {"cacheKey": "..-progress", "job": "", "endId": "x"},
    ):
        asked_of_dash(ask(client, right, query), 400)


def test_values_of_wrong_types_never_break_a_callback(place: Place) -> None:
    client = place.signed_in()
    values = (-1.5, True, [1, None], {"a": {"b": []}}, "\ud800", {"dataset": 3, "models": "x"}, [[]] * 500)
    for output in sorted(place.app.callback_map):
        for value in values:
            answer = ask(client, well_formed(place, output, value))
            asked_of_dash(answer, 200, 204, 400, 429)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_values_never_break_a_callback(place: Place, data: st.DataObject) -> None:
    output = data.draw(st.sampled_from(sorted(place.app.callback_map)))
    body = well_formed(place, output, None)
    for kind in ("inputs", "state"):
        for entry in body[kind]:
            entry["value"] = data.draw(JSON)
    asked_of_dash(ask(place.signed_in(), body), 200, 204, 400, 429)


FIELDS = (
    *("dataset", "model", "models", "sample", "samples", "edits", "job", "layer", "units", "files", "name", "options"),
    *("kind", "column", "class", "method", "rating", "low", "steps", "frozen", "images", "fingerprints", "order"),
)


def test_hostile_values_never_break_a_route(place: Place) -> None:
    client = place.signed_in()
    named = place.dataset.fingerprint
    values = (None, 7, -1.5, "x", "\ud800", [1, None], {"a": 1}, [[]] * 50, named, True)
    for method, address in questions(place.server):
        for number in range(0, len(values) if method in WRITING else 1, 3):
            record = {field: values[(number + at) % len(values)] for at, field in enumerate(FIELDS)}
            for body in (record, {**record, "dataset": named}, values[number]):
                data, kind = json.dumps(body), "application/json"
                answer = client.open(address, method=method, headers=OURS, data=data, content_type=kind)
                asked_of_dash(answer, *range(200, 500))
        if method in WRITING:
            deep = client.open(address, method=method, headers=OURS, data=b"[" * 99_999, content_type=kind)
            asked_of_dash(deep, *range(200, 500))
    assert client.get("/_dash-component-suites/os/path.py").status_code == 404
