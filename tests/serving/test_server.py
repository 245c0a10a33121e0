"""gunicorn and `serve` are one thing; it starts cold without a failure, keeps its engine, drains, leaves nothing."""

from __future__ import annotations

import html
import http.client
import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine.conftest import is_engine_worker
from tests.serving.server import GUNICORN, Server, await_true, left_of

LINK = re.compile(r'(?:src|href)="([^"]+)"')


@pytest.fixture
def started() -> Iterator[list[Server]]:
    """Servers that are killed at the end, whatever a test did."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        for process in server.family():
            process.kill()
        server.process.wait()


def load_page(server: Server, number: int) -> list[tuple[str, int]]:
    """Load the page with all that it names; return what failed."""
    status, _, body = server.get("/")
    named = [html.unescape(link) for link in LINK.findall(body.decode())]
    assert len(named) > 40, f"the page names {len(named)} files"
    failed = [("/", status)] if status != 200 else []
    # a worker knows Dash's own scripts only once it has made the page; ours are plain files, the same for every page
    wanted = [link for link in named if link.startswith("/") and ("/_dash-" in link or number < 8)]
    assert sum("/_dash-" in link for link in wanted) > 5
    for path in ("/_dash-layout", "/_dash-dependencies", *wanted):
        status, _, body = server.get(path)
        if status != 200 or not body:
            failed.append((path, status))
    return failed


def test_the_life_of_a_server(tmp_path: Path, started: list[Server]) -> None:
    """Four workers started cold answer 50 page loads; then the engine is killed, the numbers are read, and it stops."""
    server = Server(tmp_path / "workspace", GUNICORN, web_workers=4, log="json")
    started.append(server)
    server.await_listening()
    with ThreadPoolExecutor(8) as pool:
        failed = [failure for failures in pool.map(load_page, [server] * 50, range(50)) for failure in failures]
    assert failed == []
    await_true(lambda: server.ready().get("ready"))
    assert server.ready() == {"status": 200, "ready": True, "failed": [], "queue": 0}
    for offered, taken in (("proxy-0123456789", True), ("short", False), ("bad;id=<0123456>", False)):
        _, headers, _ = server.get("/healthz", X_Request_ID=offered)
        assert (headers["X-Request-ID"] == offered) is taken
        assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", headers["X-Request-ID"])

    # a killed engine is noticed, and another comes where it was
    first = server.engine()
    assert first is not None
    command = first.cmdline()  # with the port
    victims = [first, *first.children(recursive=True)]
    first.kill()
    await_true(lambda: not left_of(victims))
    await_true(lambda: "engine" in server.ready().get("failed", []) or server.engine() is not None)
    await_true(lambda: server.ready().get("ready"))
    second = server.engine()
    assert second is not None and second.pid != first.pid
    assert second.cmdline() == command

    # what all workers counted together, whichever of them is asked
    status, headers, body = server.get("/metrics")
    numbers = body.decode()
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    pages = re.search(r'nnvis_request_seconds_count\{method="GET",route="/",status="200"\} ([0-9.]+)', numbers)
    assert pages is not None and float(pages[1]) >= 50
    for line in ("nnvis_queue_length 0.0", "nnvis_engine_workers 1.0", "nnvis_engine_worker_memory_bytes{"):
        assert line in numbers
    assert 'route="/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"' in numbers

    family = server.family()
    assert server.stop() == 0
    await_true(lambda: not left_of(family))
    said = [json.loads(line) for line in server.lines if line.startswith("{")]
    requests = [line for line in said if line["logger"] == "nnvis_dash.requests"]
    assert len(requests) > 1000
    assert {"time", "level", "tier", "request", "method", "route", "status", "ms", "person"} <= requests[0].keys()
    assert any(line["request"] == "proxy-0123456789" for line in requests)
    assert any(line["message"] == "the engine ended and is started again" for line in said)
    plain = [line for line in server.lines if not line.startswith("{")]
    assert plain == [f"NNVis is ready: http://127.0.0.1:{server.port}  (Ctrl+C stops it)\n"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_are_finished(tmp_path: Path, started: list[Server], number: int) -> None:
    """/readyz says no at once while the server still answers; a request that began is answered."""
    serve = ("-m", "nnvis_dash", "serve")
    server = Server(tmp_path / "workspace", serve, web_workers=1, drain_seconds=2, engine_workers=1)
    started.append(server)
    server.await_listening()
    assert server.get("/healthz")[0] == 200
    family = server.family()
    slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    slow.putrequest("POST", "/selections")
    slow.putheader("Content-Type", "application/octet-stream")
    slow.putheader("Origin", f"http://127.0.0.1:{server.port}")
    slow.putheader("Content-Length", "5")
    slow.endheaders()
    slow.send(b"\1\2")
    time.sleep(0.3)  # the request has begun
    server.process.send_signal(number)
    await_true(lambda: server.ready().get("status") == 503)
    assert "running" in server.ready()["failed"]
    threading.Timer(3.0, slow.send, [b"\3\4\5"]).start()  # after the drain
    answer = slow.getresponse()
    assert answer.status == 200 and answer.read().strip()
    slow.close()
    assert server.process.wait(60) == 0
    await_true(lambda: not left_of(family))


def test_nothing_outlives_a_killed_server(tmp_path: Path, started: list[Server]) -> None:
    """The arbiter is killed while its engine starts: web workers, engine and engine workers end by themselves."""
    server = Server(tmp_path / "workspace", GUNICORN, engine_workers=2)
    started.append(server)
    await_true(lambda: server.ready().get("ready"))
    family = server.family()
    assert sum(map(is_engine_worker, family)) == 2
    server.process.kill()
    await_true(lambda: not left_of(family))
