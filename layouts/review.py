"""The review: doubtful labels, twins, outliers and slices over the map; drawn by `assets/review.js`."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import controls

# By name: the label, what it is for.
PARTS = (
    ("labels", "Labels", "Labels that are likely wrong"),
    ("twins", "Twins", "Near duplicates, here or in another dataset"),
    ("outliers", "Outliers", "Samples unlike those that the classifier knows"),
    ("slices", "Slices", "Groups of alike samples with more errors than the rest"),
)
SCORES = (
    ("together", "all scores together"),
    ("energy", "energy"),
    ("logit", "maximum logit"),
    ("confidence", "maximum probability"),
    ("distance", "distance to neighbours"),
)


def frame() -> Any:
    """What lies over the map while the review is shown."""
    parts = [
        controls.act(
            label,
            controls.change("review", parameters={"part": name}),
            title=title,
            className=f"review-part-{name}",
        )
        for name, label, title in PARTS
    ]
    by = [{"label": shown, "value": name} for name, shown in SCORES]
    here = [{"label": "in this dataset", "value": controls.DEFAULT}]
    tools = html.Div(
        parts, id="review-parts", className="segmented", role="group", **{"aria-label": "what is reviewed"}
    )
    said = [
        html.Div("", id="review-status", className="label overview-status", role="status"),
        html.Span(
            controls.choose("review-by", "by", by, "together", "review", "parameters.by", "What is strange"),
            id="review-outliers-tools",
        ),
        html.Span(
            controls.choose("review-other", "", here, controls.DEFAULT, "review", "parameters.other", "Twins where"),
            id="review-twins-tools",
        ),
    ]
    below = [
        html.Button("Select shown", id="review-select", type="button", className="act", title="Select what is listed"),
        html.Span(
            [
                dbc.Input(id="review-name", type="text", size="sm", placeholder="name of a slice", maxLength=80),
                html.Button(
                    "Save selection",
                    id="review-save",
                    type="button",
                    className="act",
                    title="Keep the selected samples as a slice of this name",
                ),
            ],
            id="review-slices-tools",
        ),
        html.Span("", id="review-decided", className="label"),
        html.Button(
            "Export CSV", id="review-export", type="button", className="act", title="All decisions about this dataset"
        ),
    ]
    return html.Div(
        [
            html.Div(tools, className="overview-tools", role="toolbar"),
            html.Div(said, className="review-head"),
            html.Div(id="review-list", className="review-list", tabIndex="0"),
            html.Div(below, className="review-below", role="toolbar"),
            html.Div("", id="review-message", className="map-message"),
        ],
        id="review",
        className="overview review",
        hidden=True,
    )
