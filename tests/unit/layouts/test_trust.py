"""The trust view's frame, the switch that greys failing heatmaps, and where badges stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from layouts import attribution, overview, trust
from layouts.page import frame
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.state.changes import read_change
from nnvis_dash.state.view import View
from tests.unit.layouts.test_controls import changes, walk


def props(node: Any) -> dict[str, Any]:
    return dict(node.to_plotly_json()["props"])


def test_every_method_can_be_chosen_and_every_change_be_read() -> None:
    found = [props(node) for node in walk(trust.frame())]
    assert {one["data-judged"] for one in found if "data-judged" in one} == set(METHODS)
    sent = changes(trust.frame())
    assert {change["kind"] for change in sent} == {"trust", "judged"}
    for change in sent:
        read_change(change)


def test_only_methods_that_look_through_a_layer_are_offered_for_layers() -> None:
    [lists] = [one for one in map(props, walk(trust.frame())) if one.get("id") == "trust-method-select"]
    offered = {one["value"] for one in lists["options"]}
    assert offered == {name for name, entry in METHODS.items() if "through a layer" in entry.traits}


def test_the_overview_has_a_tab_for_it() -> None:
    assert "trust" in [name for name, *_ in overview.VIEWS]


@pytest.mark.parametrize("grey", [True, False])
def test_the_switch_says_what_it_does_next(grey: bool) -> None:
    controls = [props(node) for node in walk(attribution.more(METHODS["lrp_z"], View(grey=grey)))]
    [switch] = [one for one in controls if '"kind":"grey"' in one.get("data-change", "")]
    assert json.loads(switch["data-change"])["grey"] is not grey
    assert switch["aria-pressed"] == ("true" if grey else "false")


def test_every_attribution_of_the_page_s_frame_has_a_place_for_its_badge() -> None:
    names = {one["id"] for one in map(props, walk(frame())) if one.get("className") == "badge-place"}
    figures = [
        "testing-raw",
        "testing-overlay",
        "whatif-before-map",
        "whatif-after-map",
        "freeze-before",
        "freeze-after",
    ]
    assert names == {f"{name}-badge" for name in figures}
