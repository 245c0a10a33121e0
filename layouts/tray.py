"""The sample tray in the rail: a person's uploaded, drawn, edited and adversarial images, to be tested and kept.

The frames are made here, once; `assets/tray.js` fills in the rows. The tray is a person's own: it is not part of the
shared state or of the link.
"""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import ids


def frame() -> Any:
    """Return the tray's static frame in the rail."""
    return html.Div(
        [
            html.Div(
                [
                    html.H2("Sample tray"),
                    html.Button(
                        "save…",
                        type="button",
                        className="act quiet",
                        id="samples-save",
                        title="Save these images as a dataset",
                        hidden=True,
                    ),
                ],
                className="row",
            ),
            html.Div(
                [
                    _button("upload", "upload", "Test an image of your own; dropping or pasting one does the same"),
                    _button("draw", "draw", "Draw an image and see what the classifiers make of it"),
                    _button(
                        "keep", "keep edited", "Keep the image that is tested as its edits leave it", disabled=True
                    ),
                ],
                className="samples-buttons",
            ),
            html.Div(id="samples-problem", className="failure samples-problem", role="alert", hidden=True),
            html.P(
                "Images of your own come here: uploaded, pasted, drawn, edited, or adversarial. Click one to test it.",
                className="label samples-empty",
                id="samples-empty",
            ),
            html.Div(id="samples-list", className="samples-list", role="list", **{"aria-label": "sample tray"}),
        ],
        id=ids.RAIL_TRAY,
    )


def _button(name: str, label: str, title: str, **more: Any) -> Any:
    return html.Button(label, type="button", className="act", id=f"samples-{name}", title=title, **more)


def dialog() -> Any:
    """Return the dialog that asks for the name of the dataset to be saved, closed."""
    return html.Dialog(
        [
            html.Div(
                [html.H2("Save the tray as a dataset", className="panel-title"), _close("samples-cancel")],
                className="panel-head row",
            ),
            html.Div(
                [
                    html.P(id="samples-saving", className="label"),
                    html.Label(
                        [
                            html.Span("Name", className="label"),
                            dbc.Input(id="samples-name", type="text", size="sm", maxLength=200),
                        ],
                        className="field",
                    ),
                    html.Div(id="samples-refused", className="failure", role="alert", hidden=True),
                    html.Div(
                        [
                            html.Button("Open it", type="button", className="act", id="samples-open", hidden=True),
                            html.Button("Save", type="button", className="act primary", id="samples-store"),
                        ],
                        className="intake-buttons end",
                    ),
                ],
                className="intake-body",
            ),
        ],
        id="samples-dialog",
        className="intake samples-dialog",
        **{"aria-label": "Save the tray as a dataset"},
    )


def _close(name: str) -> Any:
    return html.Button("×", type="button", className="job-cancel", id=name, **{"aria-label": "close"})
