"""The network view's tab `space`: its static frame, into which `assets/network_space.js` draws the layers in space."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts.network_tools import choices, modes

DETAILS = (
    ("main", "main layers", "Convolutions, dense layers, pooling and merges"),
    ("all", "all layers", "Every layer that has channels, activations and normalisations too"),
)
SCALES = (
    ("own", "own", "Each channel from 0 to its own greatest value"),
    ("shared", "shared", "One scale for all channels of a layer"),
)


def frame() -> Any:
    """Return the tab's static frame."""
    bar = html.Div(
        [
            _act("space-spin", "spin", "Let it turn, or stop it", pressed=True),
            _act("space-fit", "fit", "Show the whole network (Home)"),
            _act("space-close", "close all", "Close the layers that were opened (Esc)"),
            choices("space-detail", DETAILS, "layers that are shown"),
            choices("space-scale", SCALES, "scale of the colours"),
            html.Div(modes(), className="space-modes"),
            _act("space-save", "⤓", "Save the picture", label="save the picture"),
        ],
        className="space-bar",
    )
    stage = html.Div(
        [
            html.Div("", id="space-message", className="space-message", role="status", hidden=True),
            html.Div([], id="space-legend", className="tiles-legend space-legend"),
            html.Div(
                "drag to turn · wheel to zoom · click a layer to open it", id="space-hint", className="space-hint"
            ),
        ],
        id="space-stage",
        className="space-stage",
        tabIndex="0",
        role="application",
        **{
            "aria-label": "the network in space: arrows turn it, plus and minus zoom, Page Up and Page Down "
            "choose a layer, Enter opens it, Escape closes, Home shows everything"
        },
    )
    return html.Div(
        [bar, stage, html.Div("", id="space-said", className="tiles-said", role="status")],
        id="network-space",
        className="network-tab network-space",
        role="tabpanel",
        hidden=True,
    )


def _act(name: str, text: str, title: str, *, pressed: bool = False, label: str = "") -> Any:
    more: dict[str, Any] = {"aria-pressed": "false"} if pressed else {}
    if label:
        more["aria-label"] = label
    return html.Button(text, type="button", id=name, className="act", title=title, **more)
