"""The what-if lens: an image before and after its edits, what every classifier says of both, and what it answers to."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts import attacks, controls, evidence, responses


def frame() -> Any:
    """Return the lens's static frame; `assets/whatif.js` draws the pictures and the bars into it."""
    pictures = [
        _figure("whatif-before", "before"),
        _figure("whatif-after", "after"),
        _figure("whatif-before-map", "before", over=True),
        _figure("whatif-after-map", "after", over=True),
    ]
    columns = [
        html.Div(id="whatif-answers", className="bars whatif-answers"),
        html.Div(id="whatif-edits", className="whatif-edits"),
    ]
    return html.Div(
        [
            html.Div(pictures, className="pictures whatif-pictures"),
            html.Div(id="whatif-message", className="message", role="status"),
            html.Div(id="whatif-tools", className="whatif-tools", role="toolbar", **{"aria-label": "regions"}),
            html.Div(columns, className="whatif-columns"),
            html.Div(id="whatif-selection", className="whatif-selection", role="status"),
            responses.frame(),
            attacks.frame(),
            evidence.frame(),
        ],
        id="whatif",
        className="whatif",
    )


def _figure(name: str, caption: str, over: bool = False) -> Any:
    layers = [html.Img(id=f"{name}-image", alt="", className="under", draggable="false")]
    if over:
        layers.append(html.Img(id=f"{name}-layer", alt="", className="over", draggable="false"))
    return html.Figure(
        [
            html.Div(layers, className="frame", id=f"{name}-frame"),
            html.Figcaption(caption, id=f"{name}-caption"),
            controls.badge_place(name) if over else None,
        ],
        id=name,
    )
