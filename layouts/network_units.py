"""The network view's tab `units`: its static frame, into which `assets/network_units.js` draws."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts.network_tools import modes

COLOURS = (
    ("layer", "layer"),
    ("mean", "mean response"),
    ("max", "strongest response"),
    ("rest", "selection − rest"),
    ("samples", "two images"),
    ("classes", "two classes"),
)


def frame() -> Any:
    """Return the tab's static frame: what colours say, the dots, and beside them what is known of a unit."""
    return html.Div(
        [
            html.Div(
                [
                    modes(),
                    _choice("colour", "colour", COLOURS, "What the colour of a unit says"),
                    html.Span(
                        [
                            _choice("class_a", "", (), "Images of this class"),
                            "−",
                            _choice("class_b", "", (), "less these"),
                        ],
                        className="units-classes",
                        id="units-classes",
                        hidden=True,
                    ),
                    html.Label(
                        [
                            html.Span("at its", className="label"),
                            html.Select(
                                [html.Option("peak", value="max"), html.Option("mean", value="mean")],
                                className="form-select",
                                **{"data-units": "by", "aria-label": "where in an image"},
                            ),
                        ],
                        className="field",
                        title="What one image's activation is: the maximum over the layer's positions, or their mean",
                    ),
                    html.Label(
                        [
                            html.Button(
                                "σ",
                                type="button",
                                className="act",
                                **{"data-units": "standardised", "aria-pressed": "false"},
                            )
                        ],
                        className="field",
                        title="In deviations of each unit over all images, so that layers can be compared",
                    ),
                    html.Span("", id="units-count", className="units-count"),
                ],
                className="units-tools",
            ),
            html.Div(
                [
                    html.Div(
                        [
                            html.Canvas(
                                id="units-canvas",
                                tabIndex=0,
                                role="application",
                                **{
                                    "aria-label": "units: arrow keys go from one to the next, Enter selects",
                                    "aria-describedby": "units-said",
                                },
                            ),
                            html.Div("", id="units-problem", className="units-problem", role="status"),
                            html.Div(id="units-legend", className="units-legend"),
                            html.Button(
                                "fit",
                                id="units-fit",
                                type="button",
                                className="act units-fit",
                                title="All units again",
                                hidden=True,
                            ),
                        ],
                        className="units-stage",
                        id="units-stage",
                    ),
                    html.Aside(id="units-side", className="units-side", **{"aria-label": "about the unit"}),
                ],
                className="units-body",
            ),
            html.Div("", id="units-said", className="units-said", role="status"),
        ],
        id="network-units",
        className="network-tab",
        role="tabpanel",
        hidden=True,
    )


def _choice(name: str, label: str, options: Any, title: str) -> Any:
    select = html.Select(
        [html.Option(text, value=value) for value, text in options],
        className="form-select",
        **{"data-units": name, "aria-label": title},
    )
    return html.Label([html.Span(label, className="label") if label else None, select], className="field", title=title)
