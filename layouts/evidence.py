"""Minimal evidence in the what-if lens: the frame into which `assets/evidence.js` draws both parts of the image."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import sections

FILLINGS = (("mean", "its mean colour"), ("blur", "a blur"), ("black", "black"))


def frame() -> Any:
    """Return the section's static frame."""
    run = html.Div(
        [
            html.Button("Find", id="evidence-run-button", type="button", className="act primary", disabled=True),
            html.Label(
                [
                    html.Span("in place of the rest", className="label"),
                    dbc.Select(
                        id="evidence-filling",
                        options=[{"label": label, "value": name} for name, label in FILLINGS],
                        value=FILLINGS[0][0],
                        size="sm",
                    ),
                ],
                className="field",
                title="What stands where a part of the image is taken away",
            ),
            html.Span("", id="evidence-status", className="label"),
        ],
        className="run-line",
    )
    parts = [
        html.Figure(
            [
                html.Div(html.Img(id=f"evidence-{name}-image", alt="", hidden=True), className="attack-pane"),
                html.Figcaption("", id=f"evidence-{name}-caption", className="evidence-words"),
            ]
        )
        for name in ("sufficient", "necessary")
    ]
    body = [
        run,
        html.Div(id="evidence-message", className="message", role="status"),
        html.Div(parts, id="evidence-result", className="evidence-parts", hidden=True),
    ]
    about = "The smallest part of the image that keeps the prediction, and the smallest whose removal breaks it"
    return sections.section("evidence", "Minimal evidence", about, body, False)
