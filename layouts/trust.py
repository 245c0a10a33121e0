"""Which explanation can be believed: methods, or layers to look through, over the map; drawn by `assets/trust.js`."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts import controls
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.quality.choice import N_SAMPLES
from nnvis_dash.state import checks

PARTS = (
    ("methods", "Methods", "Which attribution method can be believed for this classifier?"),
    ("layers", "Target layers", "Through which layer can a method of the CAM family be believed?"),
)
SAMPLES = (16, 32, 64, 128, 256)
OVER = (("sample", "sample"), ("selection", "selection"))


def frame() -> Any:
    """What lies over the map while methods are held against one another."""
    parts = [
        controls.act(label, controls.change("trust", parameters={"part": name}), title=title, className=f"part-{name}")
        for name, label, title in PARTS
    ]
    through = [(name, entry.title) for name, entry in METHODS.items() if "through a layer" in entry.traits]
    running = html.Span(
        [
            html.Span("", id="trust-progress", className="label"),
            html.Span(html.Span(className="job-done", id="trust-done"), className="job-bar"),
            html.Button("Cancel", id="trust-stop", type="button", className="act"),
        ],
        id="trust-running",
        className="trust-running",
        role="status",
        hidden=True,
    )
    tools = [
        html.Div(parts, id="trust-parts", className="segmented", role="group", **{"aria-label": "what is judged"}),
        html.Label(
            [html.Span("of", className="label"), html.Select(id="trust-classifier", className="form-select")],
            className="field",
            title="The classifier that is explained: it becomes the first one",
        ),
        html.Span(_methods(), id="trust-methods-tools"),
        html.Span(_choose("method", "by", through, "Which method looks through the layers"), id="trust-layers-tools"),
        _choose("over", "on a", OVER, "On which images: some of every class, or those that are selected"),
        html.Span(
            _choose("samples", "of", [(str(n), str(n)) for n in SAMPLES], "How many images", str(N_SAMPLES), "number"),
            id="trust-samples-tools",
        ),
        html.Button("Measure", id="trust-run", type="button", className="act primary", disabled=True),
        running,
        html.Span("", id="trust-exports", className="exports"),
    ]
    return html.Div(
        [
            html.Div(tools, className="overview-tools", role="toolbar"),
            html.Div(id="trust-body", className="trust-body", tabIndex="0"),
            html.Div("", id="trust-message", className="map-message"),
        ],
        id="trust",
        className="overview trust",
        hidden=True,
    )


def _methods() -> Any:
    """The list of methods, of which some can be chosen; `assets/trust.js` presses them."""
    named = sorted(METHODS.items(), key=lambda pair: pair[1].title.casefold())
    picks = [
        html.Button(
            entry.title,
            type="button",
            className="act",
            title=entry.summary,
            **{"data-judged": name, "aria-pressed": "false"},
        )
        for name, entry in named
    ]
    usual = controls.act("all that suit and aren't slow", controls.change("judged", judged=[]), pressed=True)
    most = html.P(f"Or up to {checks.MOST_METHODS} of them:", className="reference")
    body = [usual, most, html.Div(picks, className="picks")]
    return html.Details(
        [
            html.Summary("methods · all", className="act", id="trust-methods-summary"),
            html.Div(body, className="popover-body wide"),
        ],
        className="popover-box",
        id="trust-methods",
    )


def _choose(name: str, label: str, options: Any, title: str, value: Any = None, read: str = "") -> Any:
    listed = [{"label": shown, "value": one} for one, shown in options]
    first = listed[0]["value"] if value is None else value
    return controls.choose(f"trust-{name}", label, listed, first, "trust", f"parameters.{name}", title, read=read)
