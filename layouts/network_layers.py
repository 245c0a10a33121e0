"""The network view's tab `layers`: its static frame, into which `assets/network_layers.js` draws."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html


def frame() -> Any:
    """Return the tab's static frame: what the network costs, the controls, the graph, and what is known of a layer."""
    tools = html.Div(
        [
            html.Div("", id="layers-summary", className="layers-summary"),
            dbc.Input(
                id="layers-search",
                type="search",
                placeholder="find a layer",
                className="layers-search",
                autoComplete="off",
            ),
            _button("compact", "Compact", "Show activations, normalisation and dropout within the layer before them"),
            _button("models", "Open all", "Open or close all models within the model"),
            html.Div(
                [
                    _button("out", "−", "Smaller (−)"),
                    _button("fit", "Fit", "The whole network (0)"),
                    _button("in", "+", "Larger (+)"),
                ],
                className="segmented",
                role="group",
                **{"aria-label": "zoom"},
            ),
        ],
        className="layers-tools",
        role="toolbar",
    )
    return html.Div(
        [
            tools,
            html.Div([], id="layers-graph", className="layers-graph"),
            html.Div("", id="layers-message", className="failure", hidden=True),
            html.Div("", id="layers-status", className="layers-status", role="status"),
        ],
        id="network-layers",
        className="network-tab layers",
        role="tabpanel",
        hidden=True,
    )


def _button(name: str, label: str, title: str) -> Any:
    return html.Button(label, type="button", className="act", title=title, **{"data-layers": name})
