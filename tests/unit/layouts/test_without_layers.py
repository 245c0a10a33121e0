"""What the page says of a classifier without layers, instead of offering what it can't do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from layouts import embedding, testing
from nnvis_dash.state.view import View
from tests.unit.layouts.test_controls import MODEL, walk

OPAQUE = replace(MODEL, name="net", layers=(), feature_layer="outputs", grad_cam_layer=None)


def options(component: Any, name: str) -> list[dict[str, Any]]:
    return next(part.options for part in walk(component) if getattr(part, "id", None) == name)


def test_grad_cam_has_no_controls_and_a_reason():
    assert testing.attribution_controls(OPAQUE, ("a", "b"), None, None, 0.5) == []
    assert testing.attribution_controls(MODEL, ("a", "b"), None, None, 0.5) != []
    said = testing.without_layers(OPAQUE)
    assert "TensorFlow graph without layers" in said and "Keras model itself" in said


def test_the_map_offers_the_outputs_and_says_why_there_are_no_layers():
    found = options(embedding.map_controls(View(), OPAQUE, [], ()), "embedding-features-select")
    assert [entry["value"] for entry in found if not entry.get("disabled")] == ["features", "pixels"]
    assert found[0]["label"] == "features (outputs)"
    assert [entry["label"] for entry in found if entry.get("disabled")] == ["no layers: a TensorFlow graph"]
    whole = options(embedding.map_controls(View(), MODEL, [], ()), "embedding-features-select")
    assert not any(entry.get("disabled") for entry in whole)
