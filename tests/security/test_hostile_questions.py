"""Forged questions to Dash and hostile values in every route: a short refusal, never a traceback."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layouts import ids
from nnvis_dash.access import door
from tests.security.doors import OURS, WRITING, Place, questions

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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
        if address in door.HEALTH:  # takes no values, and may say that the server isn't ready
            continue
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
