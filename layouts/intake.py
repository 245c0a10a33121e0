"""The dialog in which a person adds a classifier or images: drop zone, choices, progress, what came of it, the doctor.

The frame and the forms are made here, once; `assets/intake.js` fills in what changes. The dialog is a person's own:
it is not part of the shared state or of the link.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import controls, ids
from nnvis_dash.types import PREPROCESSINGS

PREPROCESSING_WORDS = {
    "raw": "0 … 255, as they are",
    "unit": "0 … 1",
    "symmetric": "−1 … 1",
    "imagenet": "ImageNet mean and deviation",
    "caffe": "BGR, ImageNet mean (Caffe)",
}
OUTPUTS = (("-", "read from the model"), ("softmax", "softmax"), ("logits", "logits"), ("sigmoid", "sigmoid"))


def dialog() -> Any:
    """Return the dialog, closed and empty."""
    return html.Dialog(
        [
            html.Div(
                [
                    html.H2("Add to the workspace", className="panel-title"),
                    html.Button(
                        "×",
                        type="button",
                        className="job-cancel",
                        id="intake-close",
                        title="Close; what runs goes on",
                        **{"aria-label": "close"},
                    ),
                ],
                className="panel-head row",
            ),
            html.Div(
                [
                    _zone(),
                    html.Div(id="intake-problem", className="failure", role="alert", hidden=True),
                    _form(),
                    html.Div(id="intake-steps", className="intake-steps", hidden=True, role="status"),
                    html.Div(id="intake-result", className="intake-result", hidden=True),
                    html.Div(id="intake-doctor", className="intake-doctor", hidden=True),
                ],
                className="intake-body",
            ),
        ],
        id=ids.INTAKE,
        className="intake",
        **{"aria-label": "Add to the workspace"},
    )


def _zone() -> Any:
    """The place to drop files, with buttons for those who don't drag."""
    return html.Div(
        [
            html.P("Drop a classifier or images here", className="intake-call"),
            html.P(
                "Classifier: .keras, .h5, or weights with their architecture (.json). "
                "Images: a folder with a folder for each class, a zip of one, .npz, .npy, idx files, "
                "or single images.",
                className="label",
            ),
            html.Div(
                [
                    html.Button("Choose files…", type="button", className="act", id="intake-choose-files"),
                    html.Button("Choose a folder…", type="button", className="act", id="intake-choose-folder"),
                ],
                className="intake-buttons",
            ),
        ],
        id="intake-zone",
        className="intake-zone",
    )


def _form() -> Any:
    """What can be said about what was chosen, before it is sent."""
    return html.Div(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.Button(
                                label, type="button", className="act", **{"data-kind": kind, "aria-pressed": "false"}
                            )
                            for kind, label in (("model", "Classifier"), ("dataset", "Images"))
                        ],
                        className="segmented",
                        role="group",
                        **{"aria-label": "what it is"},
                    ),
                    html.Span("", id="intake-files", className="intake-files"),
                ],
                className="row",
            ),
            _field("Name", dbc.Input(id="intake-name", type="text", size="sm", maxLength=200)),
            html.Div(
                [
                    _field(
                        "Pixels",
                        _select(
                            "intake-preprocessing",
                            [("auto", "found out"), *((name, PREPROCESSING_WORDS[name]) for name in PREPROCESSINGS)],
                        ),
                        "How pixels from 0 to 255 become the model's input",
                    ),
                    _field(
                        "Fitting",
                        _select("intake-resize", [("squash", "squash to size"), ("crop", "crop the centre")]),
                        "How images of another size are fitted",
                    ),
                    html.Details(
                        [
                            html.Summary("More", className="act quiet"),
                            html.Div(
                                [
                                    _field("Output", _select("intake-output", OUTPUTS), "What the model puts out"),
                                    _field(
                                        "Head",
                                        dbc.Input(id="intake-head", size="sm", placeholder="name or number"),
                                        "Which output, where the model has several",
                                    ),
                                    _field(
                                        "Input size",
                                        dbc.Input(id="intake-size", size="sm", placeholder="224 or 160×192"),
                                        "For a model that takes images of any size",
                                    ),
                                    _field(
                                        "Architecture",
                                        dbc.Input(id="intake-architecture", size="sm", placeholder="keras:VGG16"),
                                        "For a file that holds weights alone; a .json is simply dropped with it",
                                    ),
                                ],
                                className="intake-fields",
                            ),
                        ],
                        className="intake-more",
                    ),
                ],
                id="intake-model-form",
            ),
            html.Div(
                [
                    _field("Labels", _file("intake-labels"), "A label a line, or filename,label; .csv, .txt or .npy"),
                    _field(
                        "Class names", _file("intake-classes"), "A name a line, or a column 'name'; .csv, .txt, .json"
                    ),
                    controls.tick("intake-skip", "leave damaged images out", False),
                ],
                id="intake-dataset-form",
            ),
            html.Div(
                [
                    html.Button("Other files", type="button", className="act", id="intake-back"),
                    html.Button("Add", type="button", className="act primary", id="intake-start"),
                ],
                className="intake-buttons end",
            ),
        ],
        id="intake-form",
        className="intake-form",
        hidden=True,
    )


def _field(label: str, control: Any, title: str = "") -> Any:
    return html.Label([html.Span(label, className="label"), control], className="field", title=title)


def _select(name: str, options: Sequence[tuple[str, str]]) -> Any:
    choices = [{"label": label, "value": value} for value, label in options]
    return dbc.Select(options=choices, value=options[0][0], size="sm", id=name)


def _file(name: str) -> Any:
    return html.Button("choose…", type="button", className="act intake-file", id=name)
