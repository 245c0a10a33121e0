"""Coming in with the token, being turned away without it, and out again, in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from nnvis_dash.access.limits import UPLOADS
from nnvis_dash.access.secret import Token
from nnvis_dash.settings import Settings
from tests.browser.conftest import Pages, Server


@pytest.fixture(scope="module")
def locked_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve an empty workspace to whoever has the token."""
    server = Server(tmp_path_factory.mktemp("locked"), auth="token", workers="1")
    yield server
    server.stop()


def printed(server: Server) -> str:
    """Return the link that the server printed when it was ready."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := re.search(r"is ready: (http\S+)", "".join(server.output)):
            return found[1]
        time.sleep(0.05)
    raise AssertionError("".join(server.output))


def test_the_token_lets_a_browser_in_until_there_is_a_new_one(pages: Pages, locked_server: Server) -> None:
    link = printed(locked_server)
    page = pages.open(f"{link}&s=")
    assert page.url.startswith(f"{locked_server.address}/?s=") and "token" not in page.url
    page.wait_for_selector("#rail-workspace :text('This workspace is empty.')")
    assert link.split("token=")[1] not in page.content()
    assert page.locator("#page-person").is_hidden() and page.locator("#page-refused").is_hidden()
    [cookie] = page.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert page.evaluate("() => fetch('jobs/x', { method: 'DELETE' }).then((answer) => answer.status)") == 200

    one = "fetch('uploads', { method: 'POST' }).then((answer) => answer.status)"
    statuses = page.evaluate(f"(n) => Promise.all(Array.from({{ length: n }}, () => {one}))", UPLOADS.burst + 40)
    assert set(statuses) == {200, 429} and statuses.count(200) >= UPLOADS.burst
    page.wait_for_selector("#page-refused:has-text('Too many uploads. Try again in 1 second')")
    page.wait_for_selector("#page-refused", state="hidden")

    token = Token(Settings(workspace=str(locked_server.workspace)))
    token.renew()
    assert page.evaluate("() => fetch('me').then((answer) => answer.status)") == 401
    page.wait_for_selector("#page-refused:has-text('You are not signed in')")
    page.click("#page-refused button")
    page.wait_for_selector("input[name=token]")
    page.fill("input[name=token]", "wrong")
    page.click("button")
    page.wait_for_selector("[role=alert]:has-text('That is not the token')")
    page.fill("input[name=token]", token.current())
    page.click("button")
    page.wait_for_selector("#rail-workspace :text('This workspace is empty.')")
    assert page.url.startswith(f"{locked_server.address}/?s=") and "token" not in page.url
    refused = re.compile(r"(console: Failed to load resource: the server responded with a status of )?(401|429) ")
    pages.problems[:] = [problem for problem in pages.problems if not refused.match(problem)]
