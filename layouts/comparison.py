"""Samples by classifiers and methods: the lens's controls, and the frame into which `assets/comparison.js` draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from layouts import attribution, controls
from nnvis_dash.state.view import View
from nnvis_dash.types import ModelCard

PRESET = ("grad_cam", "guided_backprop", "lrp_z", "integrated_gradients")
RULES = (("last", "last convolution"), ("middle", "middle convolution"), ("first", "first convolution"))


def frame() -> Any:
    """Return the static frame of the lens."""
    pages = [
        _button("comparison-before", "‹", "Samples before these"),
        html.Span(id="comparison-page", className="label"),
        _button("comparison-after", "›", "Samples after these"),
    ]
    zoom = [
        _button("comparison-out", "−", "Less, in all pictures"),
        _button("comparison-whole", "100 %", "Whole pictures"),
        _button("comparison-in", "+", "More, in all pictures; or Ctrl and the wheel over one of them"),
    ]
    tools = [
        html.Span(pages, className="segmented", role="group", **{"aria-label": "page of samples"}),
        html.Span("", id="comparison-status", className="label", role="status"),
        html.Span(zoom, className="segmented", role="group", **{"aria-label": "zoom of all pictures"}),
        html.Span(id="comparison-exports", className="label exports"),
    ]
    return html.Div(
        [
            html.Div(tools, className="comparison-tools", role="toolbar"),
            html.Div("", id="comparison-message", className="message", role="status"),
            html.Div(id="comparison-table", className="comparison-table"),
        ],
        id="comparison",
        className="comparison",
    )


def _button(name: str, label: str, title: str) -> Any:
    return html.Button(label, id=name, type="button", className="act", title=title, **{"aria-label": title})


def form(
    model: ModelCard,
    methods: Mapping[str, attribution.Method],
    class_names: Sequence[str],
    view: View,
    target: int | None,
) -> list[Any]:
    """The controls of the lens."""
    known = dict(view.comparison)
    drawn = str(known.get("drawn", "overlay"))
    rule = controls.choose(
        "comparison-layer",
        "through the",
        [{"label": label, "value": name} for name, label in RULES],
        known.get("layer", "last"),
        "comparison",
        "parameters.layer",
        "Of methods that explain through a layer, in each classifier",
    )
    top = controls.number(
        "comparison-top",
        "classes beside",
        known.get("top", 3),  # type: ignore[arg-type]
        "comparison",
        "parameters.top",
        low=1,
        high=10,
        step=1,
        title="How many of each classifier's likeliest classes stand beside its heatmaps",
    )
    scales = [("own", False), ("shared", True)]
    scale = html.Div(
        [
            html.Span("colour scale", className="label"),
            controls.segmented(
                "colour scale",
                [(label, controls.change("common", common=value), str(value)) for label, value in scales],
                str(view.common),
            ),
        ],
        className="field",
        title="Own: each heatmap's strongest value is strongest; shared: that of all classifiers by the same method",
    )
    opacity = controls.slider(
        "testing-opacity", "Opacity", view.opacity, "opacity", "opacity", low=0, high=1, step=0.05
    )
    return [
        attribution.side_by_side(methods, view, PRESET),
        attribution.classes(class_names, target, "each sample's label"),
        controls.segmented(
            "heatmaps",
            [
                (label, controls.change("comparison", parameters={"drawn": name}), name)
                for name, label in (("overlay", "Overlay"), ("map", "Map"))
            ],
            drawn,
        ),
        attribution.more(methods.get(view.attribution), view, [opacity, scale, rule, top]),
    ]
