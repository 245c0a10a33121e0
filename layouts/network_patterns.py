"""The network view's tab `patterns`: its static frame, into which `assets/network_patterns.js` draws."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts.network_tools import choices

OF = (
    ("all", "All", "Patterns of all images"),
    ("selection", "Selection", "Patterns that the selected images go through; those that the filter leaves, else"),
    ("units", "Units", "Patterns with at least one of the selected units"),
    ("errors", "Mistakes", "Patterns whose images are misclassified more often than chance explains"),
)
ORDERS = (("support", "most images"), ("lift", "highest lift"), ("length", "longest"), ("chance", "least likely"))


def frame() -> Any:
    """Return the tab's static frame: which patterns, how frequent, their paths together, and a row each."""
    tools = [choices("patterns-of", OF, "patterns of", "all"), _order(), _length(), _gaps()]
    return html.Div(
        [
            html.Div(
                tools,
                className="patterns-tools",
                role="toolbar",
            ),
            html.Div(
                [
                    html.Label(
                        [
                            html.Span("min. support", className="label"),
                            dbc.Input(type="range", min=0, max=1000, step=1, id="patterns-support"),
                            html.Output("", id="patterns-count", htmlFor="patterns-support"),
                        ],
                        className="field slider patterns-slider",
                        title="Images that a pattern has at least",
                    ),
                    html.Span("", id="patterns-status", className="label", role="status"),
                ],
                className="patterns-tools",
            ),
            html.Div([], id="patterns-paths", className="patterns-paths"),
            html.Div([], id="patterns-list", className="patterns-list"),
        ],
        id="network-patterns",
        className="network-tab patterns",
        role="tabpanel",
        hidden=True,
    )


def _order() -> Any:
    return html.Label(
        [
            html.Select(
                [html.Option(label, value=name) for name, label in ORDERS],
                className="form-select",
                id="patterns-order",
                **{"aria-label": "order"},
            )
        ],
        className="field",
        title="What comes first. Lift: how many times as frequent a class is among a pattern's images as among all",
    )


def _length() -> Any:
    return html.Label(
        [
            html.Span("units ≥", className="label"),
            dbc.Input(type="number", min=1, max=99, step=1, id="patterns-length"),
        ],
        className="field",
        title="Units that a pattern has at least",
    )


def _gaps() -> Any:
    return html.Button(
        "gaps",
        type="button",
        className="act",
        title="Whether a pattern may leave layers out between its units",
        id="patterns-gaps",
        **{"aria-pressed": "false"},
    )
