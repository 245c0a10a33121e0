"""Every route of the server against everyone who may not come in, so that a new route can't forget to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnvis_dash.access import door
from nnvis_dash.person import ANYONE, Person, acting_as, current_person
from tests.security.doors import OURS, PAGE, WRITING, Place, questions

OPEN = {"/healthz", "/readyz", "/metrics", "/sign-in", "/sign-in/back", "/signed-out"}  # the whole list
FRAME = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


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

    manager = WaitingJobs(diskcache.Cache(str(tmp_path), disk=diskcache.JSONDisk))
    seen: list[Person] = []
    job = manager.make_job_fn(lambda: seen.append(current_person()), progress=False)
    with acting_as(Person("a", "Ada", True)):
        manager.call_job_fn("key", job, [], {})
        done = manager._done["key"]
    assert done.wait(10) and seen == [Person("a", "Ada", True)]
