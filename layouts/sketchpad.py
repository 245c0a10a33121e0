"""The sketchpad: a dialog to draw an image in while the classifiers say what they take it for.

The frame is made here, once; `assets/sketchpad.js` draws and asks. What is drawn is a person's own until it is kept.
"""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import controls

SIDE = 280  # pixels of the pad
BRUSH = (4, 22, 60)  # pixels of the brush: thinnest, first, thickest
COLOURS = (
    ("#000000", "black"),
    ("#ffffff", "white"),
    ("#d1242f", "red"),
    ("#ee8a1d", "orange"),
    ("#f2d02c", "yellow"),
    ("#2f9e44", "green"),
    ("#1f6feb", "blue"),
    ("#7b4fd0", "violet"),
    ("#8a5a33", "brown"),
    ("#8c8c8c", "grey"),
)


def dialog() -> Any:
    """Return the dialog, closed and empty."""
    low, first, high = BRUSH
    tools = html.Div(
        [
            html.Div(
                [_tool("brush", "Brush", True), _tool("eraser", "Eraser", False)],
                className="segmented",
                role="group",
                **{"aria-label": "tool"},
            ),
            html.Label(
                [
                    html.Span("size", className="label"),
                    dbc.Input(id="sketch-size", type="range", min=low, max=high, step=1, value=first),
                ],
                className="field slider sketch-size",
                title="Width of the brush",
            ),
            html.Button("Undo", type="button", className="act", id="sketch-undo", title="Take the last stroke back"),
            html.Button("Clear", type="button", className="act", id="sketch-clear"),
        ],
        className="sketch-tools",
    )
    colours = html.Div(
        [
            html.Button(
                "",
                type="button",
                className="sketch-colour",
                title=name,
                style={"background": value},
                **{"data-colour": value, "aria-label": name, "aria-pressed": "false"},
            )
            for value, name in COLOURS
        ],
        id="sketch-colours",
        className="sketch-colours",
        role="group",
        hidden=True,
        **{"aria-label": "colour"},
    )
    ground = html.Div(
        [_ground("black", "white on black"), _ground("white", "black on white")],
        className="segmented",
        role="group",
        **{"aria-label": "ground"},
    )
    pad = html.Div(
        [
            html.Canvas(id="sketch-pad", width=SIDE, height=SIDE, className="sketch-pad", **{"aria-label": "pad"}),
            html.Div(
                [
                    ground,
                    controls.tick("sketch-centre", "centre as MNIST", True),
                ],
                className="sketch-ground",
            ),
        ],
        className="sketch-left",
    )
    said = html.Div(
        [
            html.Div(
                [
                    html.Img(id="sketch-seen", alt="", className="sketch-seen", hidden=True),
                    html.Span("Draw something: the classifiers answer after every stroke.", id="sketch-words"),
                ],
                className="sketch-head label",
            ),
            html.Div(id="sketch-answers", className="sketch-answers", role="status"),
        ],
        className="sketch-right",
    )
    return html.Dialog(
        [
            html.Div(
                [
                    html.H2("Sketchpad", className="panel-title"),
                    html.Button(
                        "×", type="button", className="job-cancel", id="sketch-close", **{"aria-label": "close"}
                    ),
                ],
                className="panel-head row",
            ),
            html.Div(
                [
                    html.Div([tools, colours], className="sketch-top"),
                    html.Div([pad, said], className="sketch-columns"),
                    html.Div(id="sketch-problem", className="failure", role="alert", hidden=True),
                    html.Div(
                        html.Button(
                            "Keep and test",
                            type="button",
                            className="act primary",
                            id="sketch-keep",
                            title="Put the drawing into the sample tray and test it",
                        ),
                        className="intake-buttons end",
                    ),
                ],
                className="intake-body",
            ),
        ],
        id="sketchpad",
        className="intake sketchpad",
        **{"aria-label": "Sketchpad"},
    )


def _tool(name: str, label: str, pressed: bool) -> Any:
    return html.Button(
        label, type="button", className="act", **{"data-tool-of-pad": name, "aria-pressed": str(pressed).lower()}
    )


def _ground(name: str, label: str) -> Any:
    return html.Button(label, type="button", className="act", **{"data-ground": name, "aria-pressed": "false"})
