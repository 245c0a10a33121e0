"""The network view's tab `maps`: its static frame, into which `assets/network_maps.js` draws."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts.network_tools import choices, modes

SORTS = (
    ("activation", "strongest", "The channels with the greatest mean over the map first"),
    ("difference", "changed", "Those that differ most first"),
    ("index", "number", "As the layer numbers them"),
)
SCALES = (
    ("own", "own", "Each channel from 0 to its own greatest value"),
    ("shared", "shared", "One scale for all channels of the layer"),
)


def frame() -> Any:
    """Return the tab's static frame."""
    chooser = html.Div(
        [
            html.Button(
                "‹",
                type="button",
                className="act",
                id="maps-previous",
                title="The layer before it",
                **{"aria-label": "the layer before it"},
            ),
            html.Select([], id="maps-layer", className="form-select", title="Layer", **{"aria-label": "layer"}),
            html.Button(
                "›",
                type="button",
                className="act",
                id="maps-next",
                title="The layer behind it",
                **{"aria-label": "the layer behind it"},
            ),
        ],
        className="maps-chooser",
    )
    first = html.Div(
        [
            chooser,
            html.Button(
                "weights",
                type="button",
                className="act",
                id="maps-weights",
                title="What each filter multiplies the pixels by, beside its map",
                **{"aria-pressed": "false"},
            ),
            html.Div(modes(), className="maps-modes"),
        ],
        className="maps-row",
    )
    second = html.Div(
        [
            choices("maps-sort", SORTS, "order of the channels"),
            choices("maps-scale", SCALES, "scale of the colours"),
            html.Div([], id="maps-legend", className="tiles-legend"),
        ],
        className="maps-row",
    )
    return html.Div(
        [
            html.Div(
                [
                    html.Img(src="", alt="the tested image as the classifier gets it", id="maps-image", hidden=True),
                    html.Div([first, second], className="maps-rows"),
                ],
                className="maps-bar",
            ),
            html.Div("", id="maps-message", className="failure", hidden=True),
            html.Div([], id="maps-wall", className="tiles-host"),
            html.Div([], id="maps-channel", className="maps-channel", hidden=True),
            html.Div("", id="maps-said", className="tiles-said", role="status"),
        ],
        id="network-maps",
        className="network-tab network-maps",
        role="tabpanel",
        hidden=True,
    )
