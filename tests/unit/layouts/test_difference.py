"""The controls of a prediction difference analysis: what they send, and what they stand at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from layouts import difference
from nnvis_dash.state.changes import read_change
from nnvis_dash.state.view import DIFFERENCES, View
from tests.unit.layouts.test_controls import MODEL, NASTY, changes, walk

VIEWS = {
    "a class": View(lens="difference"),
    "a layer": View(lens="difference", explained="conv", unit=None),
    "a unit": View(lens="difference", explained="conv", unit=2, beside="images"),
    "parameters": View(lens="difference", difference=(("sampler", "marginal"), ("seconds", 5.0), ("window", 3))),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_control_sends_a_change_that_the_state_can_read(name: str) -> None:
    sent = changes(difference.form(MODEL, ("a", NASTY), VIEWS[name], 1))
    assert {change["kind"] for change in sent} >= {"beside", "difference", "explained", "opacity", "clip", "common"}
    for change in sent:
        read_change(change)


def test_each_parameter_has_its_control() -> None:
    views = (View(), View(explained="conv"))
    forms = [part for view in views for part in walk(difference.form(MODEL, ("a", "b"), view, None))]
    fields = {str(getattr(part, "data-field", "")) for part in forms}
    assert {f"parameters.{name}" for name in DIFFERENCES} <= fields
    assert set(difference.defaults(MODEL)) == set(DIFFERENCES)


@pytest.mark.parametrize(
    ("side", "window", "outer"), [(224, 10, 14), (96, 10, 14), (32, 4, 8), (8, 4, 8), (6, 3, 6), (2, 1, 2)]
)
def test_windows_fit_the_image(side: int, window: int, outer: int) -> None:
    known = difference.defaults(replace(MODEL, input_shape=(side, side, 3)))
    assert (known["window"], known["outer"]) == (window, outer)


def test_an_outer_patch_that_was_not_set_follows_the_window() -> None:
    model = replace(MODEL, input_shape=(32, 40, 3))
    assert difference.chosen(model, {"window": 6})["outer"] == 10
    assert difference.chosen(model, {"window": 30})["outer"] == 32
    assert difference.chosen(model, {"window": 6, "outer": 20})["outer"] == 20


def test_another_layer_is_explained_by_its_strongest_units() -> None:
    sent = changes(difference.form(MODEL, ("a", "b"), View(explained="conv"), None))
    assert [change for change in sent if change["kind"] == "explained"] == [
        {"kind": "explained", "unit": None, "layer": "conv"}
    ]
