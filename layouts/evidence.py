"""Minimal evidence in the what-if lens: the frame into which `assets/evidence.js` draws both parts of the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import sections

ENOUGH = (("0", "it is predicted"), ("0.5", "with 0.5 or more"), ("0.9", "with 0.9 or more"))
FILLINGS = (("mean", "its mean colour"), ("blur", "a blur"), ("black", "black"))


def frame() -> Any:
    """Return the section's static frame."""
    run = html.Div(
        [
            html.Button("Find", id="evidence-run-button", type="button", className="act primary", disabled=True),
            _choice("filling", "instead", FILLINGS, "What stands where a part of the image is taken away"),
            _choice("least", "enough if", ENOUGH, "How probable the class must be for a part to be enough"),
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


def _choice(name: str, label: str, options: Sequence[tuple[str, str]], title: str) -> Any:
    """A list that belongs to the page alone."""
    chooser = dbc.Select(
        id=f"evidence-{name}",
        options=[{"label": text, "value": value} for value, text in options],
        value=options[0][0],
        size="sm",
    )
    return html.Label([html.Span(label, className="label"), chooser], className="field", title=title)
