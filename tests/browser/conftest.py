"""A real server over a real workspace, and a real Chromium that notes every error it sees."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from nnvis_dash.workspace.store import Workspace

ROOT = Path(__file__).resolve().parents[2]
BROWSER = os.environ.get("NNVIS_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")
VIOLATIONS = """() => document.addEventListener("securitypolicyviolation",
    (event) => console.error("policy violated: " + event.effectiveDirective + " " + event.blockedURI))"""
TIMEOUT = 150_000  # milliseconds that a step may take
HANGS = 400  # seconds after which a browser that a test waits for is given up; pytest's own limit is 600
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-gpu-compositing",  # the page is put together without SwiftShader, which WebGL keeps
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as a browser test."""
    for item in items:
        if Path(str(item.fspath)).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(*words: str) -> None:
    """Run one of the project's commands as a person would; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "nnvis_dash", *words], capture_output=True, text=True, cwd=ROOT, timeout=560
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"


class Server:
    """`python -m nnvis_dash serve` over a workspace, as a process of its own."""

    def __init__(self, workspace: Path, **settings: str) -> None:
        self.workspace = workspace
        self.settings = {f"NNVIS_{name.upper()}": value for name, value in settings.items()}
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.output: list[str] = []
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "nnvis_dash", "serve"),
                *("--workspace", str(self.workspace), "--port", str(self.port)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, **self.settings},
        )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.address}/healthz", timeout=2):
                    return
            except OSError:
                assert self.process.poll() is None, "".join(self.output)
                time.sleep(0.1)
        raise AssertionError("the server did not answer in 90 s\n" + "".join(self.output))

    def _read(self, stream: Any) -> None:
        self.output.extend(stream)

    def stop(self) -> None:
        """Stop it as Ctrl+C does."""
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the server did not stop within 40 s") from None


@pytest.fixture(scope="package")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the demo workspace, built as `make demo` builds it."""
    workspace = tmp_path_factory.mktemp("demo")
    command("demo", "--build-only", "--workspace", str(workspace))
    server = Server(workspace)
    yield server
    server.stop()


@pytest.fixture(scope="package")
def mnist_server(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Server]:
    """Add MNIST and two LeNets by command line, index one of them, and serve."""
    workspace = tmp_path_factory.mktemp("mnist")
    where = ("--workspace", str(workspace))
    command("add-dataset", str(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz"), "--name", "mnist", *where)
    for name in ("lenet1", "lenet4"):
        path = shared_data / "models" / "mnist" / f"{name}.keras"
        command("add-model", str(path), "--name", name, "--preprocessing", "unit", *where)
    command("index", "lenet1", "mnist", *where)
    server = Server(workspace)
    yield server
    server.stop()


MOBILENETS = ("mobilenet-025", "mobilenet-05", "mobilenet-v2")
DIGIT_MODELS = ("lenet1", "lenet1-again", "lenet4", "tensorspace")


@pytest.fixture(scope="package")
def real_server(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Server]:
    """Serve 100 photographs with three MobileNets, and MNIST with four models of which two need repair."""
    from nnvis_dash.analysis.intake import add_model
    from nnvis_dash.workspace.labels import read_class_names

    folder = tmp_path_factory.mktemp("real")
    workspace = Workspace(folder / "ws")
    photographs = sorted((shared_data / "imagenet").glob("*.JPEG"))[:100]
    (folder / "photographs").mkdir()
    for path in photographs:
        (folder / "photographs" / path.name).symlink_to(path)
    names = read_class_names(shared_data / "imagenet" / "classes.csv")
    labels = 5 * np.arange(len(photographs))
    workspace.add_dataset(folder / "photographs", name="photographs", labels=labels, class_names=names)
    files = ("mobilenet_v1_025_224_keras280.h5", "mobilenet_v1_05_160.keras", "mobilenet_v2_10_224.keras")
    for name, file in zip(MOBILENETS, files, strict=True):
        path = shared_data / "models" / "imagenet" / file
        add_model(workspace, path, name=name, preprocessing="symmetric", class_names=names)
    workspace.add_dataset(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz", name="mnist")
    models = shared_data / "models" / "mnist"
    with zipfile.ZipFile(models / "lenet1.keras") as archive:
        (folder / "lenet1.json").write_bytes(archive.read("config.json"))
    files = ("lenet1.keras", "lenet1_weights_only.h5", "lenet4.keras", "tensorspace_keras216.h5")
    for name, file in zip(DIGIT_MODELS, files, strict=True):
        architecture = folder / "lenet1.json" if "weights" in file else None
        add_model(workspace, models / file, name=name, preprocessing="unit", architecture=architecture)
    server = Server(folder / "ws")
    yield server
    server.stop()


class Chromium:
    """The browser, started when it is first needed and again when it has ended."""

    def __init__(self, playwright: Any) -> None:
        self.playwright = playwright
        self.browser: Any = None

    def ready(self) -> Any:
        """Return a running browser."""
        if self.browser is None or not self.browser.is_connected():
            self.browser = self.playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        return self.browser

    def kill(self) -> None:
        """End its processes: what waits for it fails at once, where Playwright itself would wait for ever."""
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if Path(process.exe()).name.startswith("chrom"):
                    process.kill()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    """Start the browser once."""
    if not BROWSER:
        pytest.skip("no Chromium here (Debian: apt-get install chromium, or set NNVIS_BROWSER)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = Chromium(playwright)
        yield chromium
        if chromium.browser is not None:
            chromium.browser.close()


class Pages:
    """Opens pages at 1440 × 900, each in a context of its own, and collects what went wrong in them."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.contexts: list[Any] = []
        self.problems: list[str] = []

    def open(self, address: str, before: str = "") -> Any:
        """Open an address as a person of their own; `before`: a function that runs before the page's own scripts."""
        context = self.browser.new_context(viewport={"width": 1440, "height": 900})
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("console", lambda m: self.problems.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("response", lambda r: self.problems.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.wait_for_function = partial(until, page)
        page.add_init_script(f"({VIOLATIONS})()")
        if before:
            page.add_init_script(f"({before})()")
        page.goto(address)
        return page


def until(page: Any, expression: str, *, arg: Any = None, timeout: float = TIMEOUT) -> None:
    """Wait until a function of the page gives what is true; Playwright's own needs eval, which the page forbids."""
    end = time.monotonic() + timeout / 1000
    while not page.evaluate_handle(expression, arg).evaluate("(value) => Boolean(value)"):
        assert time.monotonic() < end, f"not within {timeout / 1000:.0f} s: {expression}"
        page.wait_for_timeout(40)


@pytest.fixture
def pages(chromium: Chromium) -> Iterator[Pages]:
    """Give pages, and fail the test that saw an error in the console or a failed request.

    A browser that hangs is killed before pytest's own timeout, whose alarm would leave Playwright broken for all tests
    that follow.
    """
    hung = threading.Timer(HANGS, chromium.kill)
    hung.daemon = True
    hung.start()
    opened = Pages(chromium.ready())
    yield opened
    hung.cancel()
    for context in opened.contexts:
        context.close()
    assert opened.problems == []
