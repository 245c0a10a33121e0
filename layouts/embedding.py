"""The embedding view: the map, its controls, and the strip of selected images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import controls, ids, overview
from nnvis_dash.figures import theme
from nnvis_dash.registry import Parameter
from nnvis_dash.state.view import View
from nnvis_dash.types import ModelCard

COLOURS = (
    ("label", "label"),
    ("prediction", "prediction"),
    ("confidence", "confidence"),
    ("correct", "correct"),
    ("entropy", "entropy"),
    ("trustworthiness", "trust"),
    ("continuity", "continuity"),
)
# What the browser colours points with that have no class's colour.
SCALES = {
    "confidence": theme.CONFIDENCE,
    "entropy": theme.ENTROPY,
    "trustworthiness": theme.CONFIDENCE,
    "continuity": theme.CONFIDENCE,
    "wrong": theme.WRONG,
    "right": theme.RIGHT,
}
SAMPLE_SIZES = (300, 600, 1000, 0)


def panel() -> Any:
    """Return the view's static frame."""
    graph = html.Div(id=ids.EMBEDDING_GRAPH, className="map", **{"data-scales": json.dumps(SCALES)})
    tools = [
        html.Button(label, type="button", className="act", title=title, **{"data-tool": tool})
        for tool, label, title in (
            ("lasso", "Lasso", "Draw around samples to select them"),
            ("select", "Box", "Drag a box to select samples"),
            ("pan", "Pan", "Drag the map; the wheel zooms in every mode, Alt with a drag pans"),
            ("fit", "Fit", "Show the whole map (key 0)"),
            ("clear", "Clear", "Clear the selection"),
            ("replay", "Replay", "Replay how the map was computed"),
        )
    ]
    tools += [
        html.Details(
            [
                html.Summary("Save", className="act", title="Save a picture of the map"),
                html.Div(
                    [
                        html.Button(kind.upper(), type="button", className="act", **{"data-save-map": kind})
                        for kind in ("png", "svg")
                    ],
                    className="popover-body row",
                ),
            ],
            className="popover-box",
        ),
        html.Div(
            dbc.Input(id=ids.EMBEDDING_FIND, type="search", placeholder="find #12 or cat", size="sm"),
            className="find",
            title="Enter: a number tests that sample and brings it into the middle, a name selects that class",
        ),
    ]
    box = [
        graph,
        html.Div(tools, className="tools", role="toolbar"),
        html.Div(id="embedding-legend", className="legend"),
        html.Div(id=ids.EMBEDDING_BARS, className="map-bars", hidden=True),
        html.Div("", id="embedding-message", className="map-message"),
        html.Div(id="embedding-path-layer", className="path-layer"),
        html.Button(
            [html.Span("➜", className="arrow"), "outside the view: fit"],
            id=ids.EMBEDDING_OUTSIDE,
            type="button",
            className="outside",
            title="The tested image lies there; show the whole map with it",
            hidden=True,
            **{"data-tool": "fit"},
        ),
        *overview.frames(),
    ]
    return controls.panel(
        "embedding",
        "Embedding",
        overview.tabs(),
        html.Div(id=ids.EMBEDDING_CONTROLS, className="controls map-controls"),
        html.Div(box, className="map-box"),
        html.Div(id=ids.EMBEDDING_STRIP, className="strip"),
    )


def map_controls(
    view: View,
    model: ModelCard | None,
    methods: Sequence[tuple[str, str]],
    form: Sequence[Parameter],
    live: Sequence[str] = (),
) -> list[Any]:
    """The controls above the map; a `live` parameter has a slider, which continues from the map that is there."""
    features: list[dict[str, Any]] = [{"label": "raw pixels", "value": "pixels"}]
    if model is not None:
        features.insert(0, {"label": f"features ({model.feature_layer})", "value": "features"})
        features += [
            {"label": f"{layer.name} ({layer.kind})", "value": f"layer:{layer.name}"}
            for layer in model.layers
            if layer.n_units
        ]
        if not model.layers:
            features.append({"label": "no layers: a TensorFlow graph", "value": "", "disabled": True})
    values = dict(view.parameters)
    sizes = [{"label": "all" if size == 0 else f"{size:,}", "value": size} for size in SAMPLE_SIZES]
    return [
        controls.segmented(
            "colour by", [(label, controls.change("colour", colour=name), name) for name, label in COLOURS], view.colour
        ),
        html.Details(
            [
                html.Summary("projection", className="act"),
                html.Div(
                    [
                        controls.choose("embedding-features", "of", features, view.features, "features", "features"),
                        controls.choose(
                            "embedding-method",
                            "by",
                            [{"label": title, "value": name} for name, title in methods],
                            view.method,
                            "method",
                            "method",
                        ),
                        _continuing([parameter for parameter in form if parameter.name in live], values, view.start),
                        controls.choose(
                            "embedding-samples", "samples", sizes, view.n_samples, "n_samples", "n", read="number"
                        ),
                        controls.number(
                            "embedding-seed", "seed", view.seed, "seed", "seed", low=0, high=2**31 - 1, step=1
                        ),
                        *(
                            controls.parameter(
                                "embedding", parameter, values.get(parameter.name, parameter.default), "parameters"
                            )
                            for parameter in form
                            if parameter.name not in live
                        ),
                    ],
                    className="popover-body",
                ),
            ],
            className="popover-box",
        ),
    ]


def _continuing(live: Sequence[Parameter], values: Mapping[str, Any], start: str) -> Any:
    """The sliders that move the map that is there, and the button that makes it from its start instead."""
    if not live:
        return None
    return html.Div(
        [
            *(
                controls.slider(
                    f"embedding-{parameter.name}",
                    parameter.name,
                    values.get(parameter.name, parameter.default),
                    "parameters",
                    f"parameters.{parameter.name}",
                    low=parameter.low or 0,
                    high=parameter.high or 1,
                    step=1 if (parameter.high or 1) > controls.SLIDER[0] else 0.1,
                    title=f"{parameter.help}; the map goes on from where it is",
                    shown=True,
                )
                for parameter in live
            ),
            html.Button(
                "start anew",
                type="button",
                className="act",
                title="Compute the map from its start; it continues from another one now",
                disabled=not start,
                **{"data-change": controls.change("parameters", parameters={})},
            ),
        ],
        className="continuing",
        **{"data-continues": "1"},
    )


def strip(pictures: Sequence[tuple[int, str, str, bool]], n_samples: int, order: str, selected: bool) -> list[Any]:
    """Images of the selection, or of all that pass the filters where nothing is selected.

    A picture is (sample id, address, words for hover, whether it is a mistake).
    """
    noun = "sample" if n_samples == 1 else "samples"
    if not n_samples:
        none = "No selected sample passes the filters." if selected else "No sample passes the filters."
        return [controls.empty(none)]
    title = f"Selection · {n_samples:,} {noun}" if selected else f"Nothing selected · all {n_samples:,} {noun}"
    shown = f", first {len(pictures)}" if len(pictures) < n_samples else ""
    return [
        html.Div(
            [html.Span(title, className="label strong"), html.Span(f"{order}{shown}", className="label")],
            className="row",
        ),
        html.Div(
            [
                controls.act(
                    html.Img(src=address, alt=words, draggable="false"),
                    controls.change("primary", sample=sample, origin="strip"),
                    title=words,
                    className=f"thumb sample-{sample}" + (" mistake" if mistake else ""),
                )
                for sample, address, words, mistake in pictures
            ],
            className="thumbs",
        ),
    ]
