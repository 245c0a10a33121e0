"""The suggestion view: the map's neighbour in its panel; drawn by `assets/suggestion.js`."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts import controls
from nnvis_dash.analysis.suggestion.several import CONFIDENT

COLOURS = (
    ("label", "label"),
    ("right", "who is right"),
    ("entropy", "entropy of the vote"),
    ("reason", "different reasons"),
)
SCORES = (
    ("confidence", "confidence"),
    ("margin", "margin"),
    ("entropy", "entropy"),
    ("deep_gini", "DeepGini, 1 − Σp²"),
    ("shortfall", "prediction − label"),
    ("activation", "activation"),
)


def frame() -> Any:
    """What lies over the map while the suggestion is shown."""
    several = [
        _choose("colour", "colour", COLOURS, "What a point's colour says"),
        controls.number(
            "suggestion-confident",
            "confident from",
            CONFIDENT,
            "suggestion",
            "parameters.confident",
            low=0,
            high=1,
            step=0.05,
            title="Mean confidence from which classifiers count as confident",
        ),
    ]
    one = [
        _choose("score", "of", SCORES, "What the samples are counted by"),
        html.Span(
            [
                _choose("layer", "layer", (), "Whose activation"),
                controls.number(
                    "suggestion-channel",
                    "unit",
                    "",  # type: ignore[arg-type]
                    "suggestion",
                    "parameters.channel",
                    low=0,
                    step=1,
                    title="Its number; none: the mean of the layer's units",
                    placeholder="all",
                ),
            ],
            id="suggestion-activation",
            className="suggestion-group",
        ),
    ]
    tools = [
        html.Span(several, id="suggestion-several", className="suggestion-group"),
        html.Span(one, id="suggestion-one", className="suggestion-group"),
        controls.act(
            "Clear",
            controls.change("select", samples="", origin="suggestion"),
            title="Clear the selection",
        ),
    ]
    return html.Div(
        [
            html.Div(tools, className="overview-tools", role="toolbar"),
            html.Div("", id="suggestion-status", className="label overview-status", role="status"),
            html.Div(id="suggestion-plot", className="suggestion-plot", tabIndex="0"),
            html.Div(id="suggestion-legend", className="suggestion-legend"),
            html.Div("", id="suggestion-message", className="map-message"),
        ],
        id="suggestion",
        className="overview suggestion",
        hidden=True,
    )


def _choose(name: str, label: str, options: Any, title: str) -> Any:
    listed = [{"label": shown, "value": value} for value, shown in options]
    first = listed[0]["value"] if listed else None
    return controls.choose(f"suggestion-{name}", label, listed, first, "suggestion", f"parameters.{name}", title)
