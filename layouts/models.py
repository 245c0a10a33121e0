"""The view of two classifiers over the map: what changed from one to the next; drawn by `assets/models.js`."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts import controls
from nnvis_dash.analysis.projections import PROJECTIONS

PARTS = (
    ("changes", "Changes", "What the second classifier fixes and what it breaks"),
    ("confusion", "Confusion", "Which classes are taken for which"),
    ("calibration", "Calibration", "How often each is right where it is as sure as it says"),
    ("similarity", "Layers", "How alike the layers of both see the same samples"),
    ("maps", "Maps", "Where each of the two sees the same samples"),
)
SAMPLES = (("256", "256"), ("512", "512"), ("1024", "1,024"), ("4096", "4,096"))
MATRICES = (("ab", "A's prediction × B's"), ("a", "label × A's prediction"), ("b", "label × B's prediction"))


def frame() -> Any:
    """What lies over the map while two classifiers are held against each other."""
    which = [
        _choose("a", "A", (), "The classifier before"),
        html.Button("⇄", type="button", id="models-swap", className="act", title="Swap the two"),
        _choose("b", "B", (), "The classifier after"),
    ]
    parts = [
        controls.act(label, controls.change("models", parameters={"part": name}), title=title, className=f"part-{name}")
        for name, label, title in PARTS
    ]
    methods = [(entry.name, entry.title) for entry in PROJECTIONS.values()]
    tools = [
        html.Div(parts, id="models-parts", className="segmented", role="group", **{"aria-label": "what is compared"}),
        html.Span(_choose("matrix", "", MATRICES, "Rows × columns"), id="models-matrix", className="models-tool"),
        html.Span(
            controls.choose(
                "models-samples",
                "samples",
                [{"label": shown, "value": value} for value, shown in SAMPLES],
                "512",
                "models",
                "parameters.samples",
                "Over how many samples layers are compared",
                read="number",
            ),
            id="models-samples",
            className="models-tool",
        ),
        html.Span(
            _choose("method", "by", methods, "How both are projected"), id="models-method", className="models-tool"
        ),
        controls.act("Clear", controls.change("select", samples="", origin="models"), title="Clear the selection"),
    ]
    return html.Div(
        [
            html.Div([*which, *tools], className="overview-tools", role="toolbar"),
            html.Div("", id="models-status", className="label overview-status", role="status"),
            html.Div(id="models-plot", className="models-plot"),
            html.Div("", id="models-message", className="map-message"),
        ],
        id="models",
        className="overview models",
        hidden=True,
    )


def _choose(name: str, label: str, options: Any, title: str) -> Any:
    listed = [{"label": shown, "value": value} for value, shown in options]
    first = listed[0]["value"] if listed else None
    return controls.choose(f"models-{name}", label, listed, first, "models", f"parameters.{name}", title)
