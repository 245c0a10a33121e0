"""A simulated user: what the page sends for a person's actions, without the page.

The requests are those that Chromium sends: Dash's callbacks with their stores, the questions of the sliders, images.
One connection, kept open; each action ends when everything that it sets going is answered.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

STRIP = 12  # images of the strip that are in view
PATIENCE = 30.0  # seconds for one answer


class Refused(Exception):
    """The server did not answer as it does for a person."""


class User:
    """One open page.

    Parameters
    ----------
    address : str
        "http://127.0.0.1:8050"
    seed : int
        Of what this user looks at.
    """

    def __init__(self, address: str, seed: int) -> None:
        self._host = urlsplit(address).netloc
        self._connection: http.client.HTTPConnection | None = None
        self._random = random.Random(seed)
        self._number = 0
        self._end_id = ""
        self._cookie = ""
        self._patience = PATIENCE
        self._left: Callable[[], bool] = lambda: False
        self._forms: dict[str, Any] = {}
        self.stores: dict[tuple[str, str], Any] = {}
        self.n_samples = 0

    # ---- HTTP ----

    def get(self, path: str) -> bytes:
        """Return what is at a path."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, record: Any) -> Any:
        """Post a JSON record, as a page of this server does, and return the answer's."""
        data = json.dumps(record).encode()
        answer = self._ask("POST", path, data, {"Content-Type": "application/json", "Origin": f"http://{self._host}"})
        found = json.loads(answer) if answer else None
        if isinstance(found, dict) and found.get("problem"):
            raise Refused(f"POST {path[:60]}: {found['problem']}")
        return found

    def _ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        headers = {**headers, "Cookie": self._cookie} if self._cookie else headers
        for again in (True, False):
            kept = self._connection is not None
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._host, timeout=PATIENCE)
            try:
                self._connection.request(method, path, data, headers)
                answer = self._connection.getresponse()
                content = answer.read()
                break
            except (http.client.HTTPException, OSError):
                self._connection.close()
                self._connection = None
                if not (kept and again):  # an idle connection may have been closed: a browser asks anew, too
                    raise
        if given := answer.getheader("Set-Cookie"):
            self._cookie = given.split(";")[0]
        if answer.status >= 400:
            raise Refused(f"{method} {path[:60]}: HTTP {answer.status}")
        return content

    # ---- Dash ----

    def _body(self, output: str, changed: str) -> dict[str, Any]:
        form = self._forms[output]
        names = output.strip(".").split("...") if output.startswith("..") else [output]
        outputs = [dict(zip(("id", "property"), name.rsplit(".", 1), strict=True)) for name in names]

        def valued(entries: list[dict[str, str]]) -> list[dict[str, Any]]:
            return [{**one, "value": self.stores.get((one["id"], one["property"]))} for one in entries]

        return {
            "output": output,
            "outputs": outputs if output.startswith("..") else outputs[0],
            "inputs": valued(form["inputs"]),
            "state": valued(form["state"]),
            "changedPropIds": [changed],
            "parsedChangedPropsIds": [changed],
        }

    def call(self, begins: str, changed: tuple[str, str], value: Any) -> dict[str, Any]:
        """Put a value into a store and run the callback whose output begins so; return what it answered by id."""
        self.stores[changed] = value
        output = next(name for name in self._forms if name.strip(".").startswith(begins))
        asked = self._body(output, ".".join(changed))
        path = f"/_dash-update-component?endId={self._end_id}"
        answer = self.post(path, asked)
        if answer and "cacheKey" in answer:
            answer = self._waited(path, asked, answer)
        if not answer or "response" not in answer:
            return {}
        for name, properties in answer["response"].items():
            for key, found in properties.items():
                self.stores[name, key] = found
        return dict(answer["response"])

    def _waited(self, path: str, asked: dict[str, Any], begun: dict[str, Any]) -> Any:
        """Poll a background callback until it is over."""
        asked = {**asked, "inputs": [{**one, "value": None} for one in asked["inputs"]]}
        path += f"&cacheKey={begun['cacheKey']}&job={begun['job']}"
        end = time.monotonic() + self._patience
        while time.monotonic() < end and not self._left():
            answer = self.post(path, asked)
            if answer and "response" in answer:
                return answer
            time.sleep(0.02)
        raise Refused(f"{asked['output']}: nothing within {self._patience:.0f} s")

    # ---- what a person does ----

    def open(self) -> None:
        """Open the page: its source, its callbacks, the state, the first views."""
        source = self.get("/").decode()
        self._end_id = re.search(r'"end_id":"([^"]+)"', source)[1]  # type: ignore[index]
        self.get("/_dash-layout")
        self._forms = {one["output"]: one for one in json.loads(self.get("/_dash-dependencies"))}
        self.stores["url", "search"] = ""
        self.call("session.data", ("url", "search"), "")
        known = json.loads(self.get("/workspace"))
        card = next(one for one in known["datasets"] if one["fingerprint"] == self.session["dataset"])
        self.n_samples = card["n_samples"]
        classifiers = {"dataset": self.session["dataset"], "classifiers": self.session["classifiers"]}
        self.call("index-ready", ("index-request", "data"), classifiers)
        self._strip()

    @property
    def session(self) -> dict[str, Any]:
        """The dataset and the classifiers."""
        return dict(self.stores["session", "data"])

    @property
    def selection(self) -> dict[str, Any]:
        """What is selected."""
        return dict(self.stores["selection", "data"])

    def _change(self, **change: Any) -> None:
        self._number += 1
        self.call("session.data", ("changes", "data"), {"number": self._number, "changes": [change]})

    def _strip(self) -> None:
        wanted = {"session": self.session} | {
            name: self.selection[name] for name in ("samples", "classes", "correctness")
        }
        found = self.call("embedding-strip-region", ("strip-request", "data"), wanted)
        pictures = re.findall(r"/image/[0-9a-f]+/[0-9]+\.png\?side=[0-9]+", json.dumps(found))
        for path in pictures[:STRIP]:
            self.get(path)

    def index(self, dataset: str, classifiers: list[str], left: Callable[[], bool]) -> None:
        """Wait for an index, however long it takes, until `left` says that nobody does."""
        self._patience, self._left = 3600.0, left
        wanted = {"dataset": dataset, "classifiers": classifiers}
        found = self.call("index-answer", ("index-request", "data"), wanted)
        answer = found.get("index-answer", {}).get("data") or {}
        if answer.get("problem") or not answer:
            raise Refused(f"index: {answer.get('problem', 'no answer')}")

    def _sample(self) -> int:
        return self._random.randrange(self.n_samples)

    def select(self) -> None:
        """A lasso: some hundred samples, kept as bits, then the strip."""
        bits = bytearray(self.n_samples // 8 + 1)
        for _ in range(300):
            sample = self._sample()
            bits[sample >> 3] |= 1 << (sample & 7)
        headers = {"Content-Type": "application/octet-stream", "Origin": f"http://{self._host}"}
        key = json.loads(self._ask("POST", "/selections", bytes(bits), headers))
        self._change(kind="select", samples=f"@{key}", origin="embedding")
        self._strip()

    def hover(self) -> None:
        """A point under the pointer: its image."""
        self.get(f"/image/{self.session['dataset']}/{self._sample()}.png?side=192")

    def what_if(self) -> None:
        """One position of a slider: the image turned, what each classifier says."""
        self.post(
            "/whatif",
            {
                "dataset": self.session["dataset"],
                "sample": self.selection["primary"] or 0,
                "edits": [
                    ["rotation", {"degree": float(self._random.choice((-1, 1)) * self._random.randrange(1, 46))}]
                ],
                "classifiers": self.session["classifiers"],
            },
        )

    def grad_cam(self) -> None:
        """A click on an image: its sample, its answers, its heatmap."""
        sample = self._sample()
        self._change(kind="primary", sample=sample, origin="strip")
        wanted = {
            "dataset": self.session["dataset"],
            "model": self.session["classifiers"][0],
            "sample": sample,
            "derived": "",
            "edits": [],
            "pair": False,
            "layer": None,
            "explained": None,
            "unit": None,
            "target": None,
            "method": "grad_cam",
            "parameters": {},
            "output": "logits",
            "clip": 100,
            "smooth": True,
        }
        self.call("testing-sample-region", ("testing-request", "data"), wanted)
        found = self.call("testing-attribution", ("testing-request", "data"), wanted)
        answer = found.get("testing-attribution", {}).get("data") or {}
        if answer.get("problem") or not answer:
            raise Refused(f"Grad-CAM of sample {sample}: {answer.get('problem', 'no answer')}")

    def cross_filter(self) -> None:
        """A filter on the left: the counts, the strip, the units' responses."""
        correctness = self._random.choice(["all", "wrong", "right"])
        self._change(kind="correctness", correctness=correctness, origin="filters")
        wanted = {"session": self.session, "classes": self.selection["classes"], "correctness": correctness}
        self.call("rail-filter-region", ("filter-request", "data"), wanted)
        self._strip()

    @property
    def actions(self) -> tuple[tuple[str, float, Callable[[], None]], ...]:
        """Name, share and function of everything that a person does."""
        return (
            ("select", 0.15, self.select),
            ("hover", 0.35, self.hover),
            ("what-if", 0.20, self.what_if),
            ("Grad-CAM", 0.15, self.grad_cam),
            ("cross-filter", 0.15, self.cross_filter),
        )

    def act(self) -> tuple[str, float]:
        """Do one thing; return its name and the seconds until all of it is answered."""
        name, _, action = self._random.choices(self.actions, [share for _, share, _ in self.actions])[0]
        begun = time.perf_counter()
        action()
        return name, time.perf_counter() - begun
