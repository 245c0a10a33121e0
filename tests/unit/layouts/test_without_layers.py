"""What the page says of a classifier without layers, instead of offering what it can't do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from layouts import attribution, embedding
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.state.view import View
from tests.unit.layouts.test_controls import MODEL, walk

OPAQUE = replace(MODEL, name="net", layers=(), feature_layer="outputs", grad_cam_layer=None)


def options(component: Any, name: str) -> list[dict[str, Any]]:
    return next(part.options for part in walk(component) if getattr(part, "id", None) == name)


def test_no_layer_is_offered_to_explain():
    found = options(attribution.form(OPAQUE, METHODS, ("a", "b"), View(), None, None), "testing-layer-select")
    assert [entry["label"] for entry in found] == ["last convolution (there is none)"]
    found = options(attribution.form(OPAQUE, METHODS, ("a", "b"), View(), None, None), "testing-explained-select")
    assert [entry["label"] for entry in found] == ["a class"]


def test_the_map_offers_the_outputs_and_says_why_there_are_no_layers():
    found = options(embedding.map_controls(View(), OPAQUE, [], ()), "embedding-features-select")
    assert [entry["value"] for entry in found if not entry.get("disabled")] == ["features", "pixels"]
    assert found[0]["label"] == "features (outputs)"
    assert [entry["label"] for entry in found if entry.get("disabled")] == ["no layers: a TensorFlow graph"]
    whole = options(embedding.map_controls(View(), MODEL, [], ()), "embedding-features-select")
    assert not any(entry.get("disabled") for entry in whole)
