"""Controls carry a change that the state can read, whatever a name holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from layouts import attribution, comparison, controls, embedding, rail, testing
from layouts.page import STORES, frame, page
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.registry import Entry
from nnvis_dash.state.changes import read_change
from nnvis_dash.state.view import View
from nnvis_dash.types import DatasetCard, Layer, ModelCard, Preprocessing

NASTY = '"><img src=x onerror=alert(1)>\n\u202e'
DATASET = DatasetCard(NASTY, "d" * 32, 5, (8, 8, 1), ("a", NASTY), True, "array", "here")
MODEL = ModelCard(
    NASTY,
    "m" * 32,
    (8, 8, 1),
    2,
    ("a", NASTY),
    "softmax",
    Preprocessing("unit"),
    "squash",
    (Layer("conv", "Conv2D", (8, 8, 4), 40, 4), Layer("out", "Dense", (2,), 10, 2)),
    50,
    "conv",
    "conv",
    "m.keras",
)


@dataclass(frozen=True)
class Fake:
    """Parameters of every kind that a form knows."""

    absolute: bool = False
    samples: int = field(default=25, metadata={"low": 1, "high": 200, "help": "how many"})
    sigma: float = field(default=0.1, metadata={"low": 0})
    baseline: str = field(default="black", metadata={"choices": ("black", "mean")})
    rule: tuple[float, float] | None = None


FAKE = {"fake": Entry("fake", "Fake", lambda: None, Fake, "A paper, 2026", "Explains nothing.")}


def walk(component: Any) -> list[Any]:
    """Return a component and everything in it."""
    if component is None or isinstance(component, (str, int, float)):
        return []
    if isinstance(component, (list, tuple)):
        return [found for entry in component for found in walk(entry)]
    return [component, *walk(getattr(component, "children", None))]


def changes(component: Any) -> list[dict[str, Any]]:
    """Return every change that a person could send from here, with a value put in where one is asked for."""
    found = []
    for part in walk(component):
        text = getattr(part, "data-change", None)
        if text is None:
            continue
        change = json.loads(text)
        field = getattr(part, "data-field", None)
        if field:
            control = next(entry for entry in walk(part) if hasattr(entry, "value") or hasattr(entry, "options"))
            value: Any = getattr(control, "value", None)
            if value in ("", getattr(part, "data-none", "")):
                value = None
            elif getattr(part, "data-number", None):
                value = float(value)
            elif getattr(part, "data-json", None):
                value = json.loads(value)
            place = change
            *steps, last = field.split(".")
            for step in steps:
                place = place.setdefault(step, {})
            place[last] = value
        found.append(change)
    return found


def panels() -> dict[str, Any]:
    from nnvis_dash.registry import Parameter

    form = [
        Parameter("perplexity", float, 30.0, low=2, high=100),
        Parameter("metric", str, "cosine", choices=("cosine", "l2")),
    ]
    answer = testing.Answer(NASTY, True, ((1, NASTY, 0.7, "#000000"), (0, "a", 0.3, "#ffffff")), 0)
    return {
        "workspace": rail.workspace([DATASET], DATASET, [MODEL], [MODEL.fingerprint], {MODEL.fingerprint: 0.5}),
        "filters": rail.filters(
            [(0, "a", "#000", 0.5, 3), (1, NASTY, "#fff", None, 2)], (), "all", {"all": 5, "wrong": 1, "right": 4}
        ),
        "map": embedding.map_controls(View(), MODEL, [("tsne", "t-SNE")], form),
        "strip": embedding.strip([(3, "/image/x/3.png", NASTY, True)], 1, "by number", True),
        "attribution": attribution.form(MODEL, METHODS, ("a", NASTY), View(grid=("grad_cam",)), None, 1),
        "comparison": comparison.form(MODEL, METHODS, ("a", NASTY), View(lens="compare", grid=("lrp_z",)), 1),
        "explained layer": attribution.form(
            MODEL, FAKE, ("a", NASTY), View(attribution="fake", explained="conv"), None, 1
        ),
        "bars": testing.bars([answer], 1),
    }


def test_a_method_brings_a_control_for_each_of_its_parameters():
    form = attribution.form(MODEL, FAKE, ("a", "b"), View(attribution="fake", explained="conv"), None, None)
    fields = [getattr(part, "data-field", None) for part in walk(form)]
    given = [name.removeprefix("parameters.") for name in fields if name and name.startswith("parameters.")]
    assert given == ["absolute", "samples", "sigma", "baseline"]  # a pair of numbers has no control
    assert "unit" in fields and "target" not in fields  # a unit is explained, not a class
    assert "layer" in fields and len([name for name in fields if name == "layer"]) == 1  # none to look through


def test_methods_that_are_compared_are_taken_away_and_added() -> None:
    sent = changes(comparison.form(MODEL, METHODS, ("a", "b"), View(grid=("lrp_z", "gradient")), None))
    grids = [change["grid"] for change in sent if change["kind"] == "grid"]
    assert grids[0] == list(comparison.PRESET)
    assert ["lrp_z"] in grids and ["gradient"] in grids and ["lrp_z", "gradient", "grad_cam"] in grids
    alone = changes(comparison.form(MODEL, METHODS, ("a", "b"), View(attribution="lrp_z"), None))
    assert {"kind": "grid", "grid": ["lrp_z", "gradient"]} in alone  # the page's own method, where none was chosen


@pytest.mark.parametrize("name", panels())
def test_every_control_sends_a_change_that_the_state_can_read(name: str) -> None:
    sent = changes(panels()[name])
    assert sent
    for change in sent:
        read_change(change)


def test_the_last_visible_class_can_not_be_hidden_into_nothing() -> None:
    only = rail.filters([(0, "a", "#000", None, 1), (1, "b", "#fff", None, 1)], (0,), "all", {})
    toggle = next(change for change in changes(only) if change["kind"] == "classes" and change["classes"] != [])
    assert toggle["classes"] == [0, 1][:1] or toggle["classes"] == []


def test_the_only_classifier_stays_chosen() -> None:
    sent = changes(rail.workspace([DATASET], DATASET, [MODEL], [MODEL.fingerprint], {}))
    assert all(change["classifiers"] == [MODEL.fingerprint] for change in sent if change["kind"] == "classifiers")


def test_text_of_others_stays_text() -> None:
    """Names go into children and titles, which the browser never reads as markup."""
    for part in walk(list(panels().values())):
        assert not getattr(part, "dangerously_allow_html", False)
        assert type(part).__name__ not in ("Markdown", "DangerouslySetInnerHTML")


def test_the_page_has_every_store_once() -> None:
    ids = [getattr(part, "id", None) for part in walk([page(), *frame()])]
    assert all(ids.count(name) == 1 for name in STORES)
    named = [name for name in ids if name]
    assert len(named) == len(set(named))


def test_dash_has_nothing_of_the_page_but_its_address_and_stores() -> None:
    assert {type(part).__name__ for part in walk(page().children)} == {"Location", "Store"}


def test_an_empty_workspace_says_how_to_fill_it() -> None:
    words = json.dumps(
        [getattr(part, "children", "") for part in walk(rail.workspace([], None, [], [], {}))], default=str
    )
    assert "add-dataset" in words and "add-model" in words


def test_many_classes_can_be_searched() -> None:
    classes = [(number, f"class {number}", "#000000", None, 1) for number in range(200)]
    parts = walk(rail.filters(classes, (), "all", {}))
    assert sum("class-search" in str(getattr(part, "className", "")) for part in parts) == 1


def test_a_change_is_json_without_spaces() -> None:
    assert controls.change("primary", sample=3) == '{"kind":"primary","sample":3}'
