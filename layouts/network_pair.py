"""The network view's tab `pair`: its static frame, into which `assets/network_pair.js` draws."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from layouts.network_maps import SCALES
from layouts.network_tools import choices, modes

SORTS = (
    ("difference", "changed", "The channels that differ most first"),
    ("activation", "strongest", "Those with the greatest mean over the tested image's map first"),
    ("index", "number", "As the layer numbers them"),
)


def frame() -> Any:
    """Return the tab's static frame."""
    other = html.Div(
        [
            html.Button(
                "before",
                type="button",
                className="act",
                id="pair-before",
                title="Compare with the image before its edits, or the one that it was made of",
                **{"aria-pressed": "false"},
            ),
            html.Label(
                [
                    html.Span("#", className="label"),
                    dcc.Input(type="number", min=0, step=1, debounce=True, id="pair-number", className="form-control"),
                ],
                className="pair-field",
                title="Compare with this sample; or shift-click an image or a point",
            ),
        ],
        className="pair-choice",
    )
    head = html.Div(
        [
            html.Figure(
                [html.Img(src="", alt="the tested image", id="pair-image-a"), html.Figcaption("", id="pair-said-a")],
                className="pair-image",
            ),
            html.Div(
                [html.Div("", id="pair-said", className="pair-title"), html.Div([], id="pair-curve")],
                className="pair-middle",
            ),
            html.Figure(
                [
                    html.Img(src="", alt="the compared image", id="pair-image-b"),
                    html.Figcaption("", id="pair-said-b"),
                ],
                className="pair-image",
            ),
        ],
        className="pair-head",
    )
    bar = html.Div(
        [
            html.Div(
                [
                    html.Button(
                        "‹", type="button", className="act", id="pair-previous", title="The layer before it (←)"
                    ),
                    html.Button("›", type="button", className="act", id="pair-next", title="The layer behind it (→)"),
                ],
                className="maps-chooser pair-steps",
            ),
            choices("pair-sort", SORTS, "order of the channels of the pair"),
            choices("pair-scale", SCALES, "scale of the colours of the pair"),
            other,
            html.Div(modes(), className="maps-modes"),
        ],
        className="maps-row pair-bar",
    )
    return html.Div(
        [
            head,
            bar,
            html.Div("", id="pair-message", className="failure", hidden=True),
            html.Div([], id="pair-panes", className="pair-panes"),
            html.Div(
                [
                    html.Span("", id="pair-status", role="status", className="pair-status"),
                    html.Div([], id="pair-legend", className="tiles-legend"),
                ],
                className="tiles-said pair-foot",
            ),
        ],
        id="network-pair",
        className="network-tab network-pair",
        role="tabpanel",
        hidden=True,
    )
