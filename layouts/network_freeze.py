"""The network view's tab `freeze`: which units pass zeros on, and what becomes of the classifier then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import controls
from layouts.network_tools import modes

REACHES = (("layer", "the chosen layer"), ("late", "the last three layers"), ("all", "all layers"))
OVERS = (("all", "all images"), ("selection", "the selection"))


def frame() -> Any:
    """Return the tab's static frame; `assets/network_freeze.js` and `network_freeze_jobs.js` draw into it."""
    tools = html.Div(
        [
            html.Span("a click", className="label"),
            modes(),
            _button("freeze-selected", "freeze selected", "Freeze the units that are selected"),
            _button("freeze-clear", "release all", "Let all units work again"),
            html.Span(className="spring"),
            _button("freeze-import", "import", "Read frozen units from a file that export wrote"),
            _button("freeze-export", "export", "Write the frozen units into a file"),
        ],
        className="freeze-tools",
        role="toolbar",
    )
    answer = html.Div(
        [
            html.Div(
                [_figure("freeze-before", "nothing frozen"), _figure("freeze-after", "frozen")],
                className="freeze-pictures",
            ),
            html.Div(id="freeze-bars", className="freeze-bars"),
        ],
        id="freeze-answer",
        className="freeze-answer",
        hidden=True,
    )
    return html.Div(
        [
            tools,
            html.Div(id="freeze-units", className="freeze-units"),
            html.Div("", id="freeze-message", className="message", role="status"),
            answer,
            _section(
                "effect",
                "Effect on the dataset",
                "Accuracy and probability of every class, without and with the units frozen",
                [_button("freeze-effect-run", "Measure", "Run the classifier over all images, without and with them")],
            ),
            _section(
                "smallest",
                "Smallest set",
                "The fewest units without which this prediction breaks, or this error is right",
                [
                    _button("freeze-break-run", "Break it", "The fewest units that this prediction can't do without"),
                    _button("freeze-repair-run", "Repair it", "The fewest units without which this error is right"),
                ],
            ),
            _section(
                "campaign",
                "Mutation campaign",
                "Every unit frozen by itself: which ones the classes can't do without, which ones harm, which are dead",
                [
                    _button("freeze-campaign-run", "Run", "Freeze every unit of these layers, one at a time"),
                    _choice("campaign-reach", "units of", REACHES),
                    _choice("campaign-over", "over", OVERS),
                ],
            ),
        ],
        id="network-freeze",
        className="network-tab freeze",
        role="tabpanel",
        hidden=True,
    )


def _button(name: str, label: str, title: str) -> Any:
    return html.Button(label, id=name, type="button", className="act", title=title, disabled=True)


def _choice(name: str, label: str, options: Sequence[tuple[str, str]]) -> Any:
    """A list that belongs to the page alone."""
    chooser = dbc.Select(
        id=f"freeze-{name}",
        options=[{"label": text, "value": value} for value, text in options],
        value=options[0][0],
        size="sm",
    )
    return html.Label([html.Span(label, className="label"), chooser], className="field")


def _figure(name: str, caption: str) -> Any:
    layers = [
        html.Img(id=f"{name}-image", alt="", className="under", draggable="false"),
        html.Img(id=f"{name}-layer", alt="", className="over", draggable="false"),
    ]
    return html.Figure(
        [
            html.Div(layers, className="frame", id=f"{name}-frame"),
            html.Figcaption(caption, id=f"{name}-caption"),
            controls.badge_place(name),
        ]
    )


def _section(name: str, title: str, about: str, controls: Sequence[Any]) -> Any:
    """A job of the tab: its controls in one line with its title, its result below."""
    head = html.Div(
        [
            html.Span(title, className="section-title", title=about),
            *controls,
            html.Span("", id=f"freeze-{name}-status", className="label freeze-status", role="status"),
        ],
        className="freeze-head",
    )
    return html.Section(
        [head, html.Div(id=f"freeze-{name}-result", className="freeze-result", hidden=True)],
        id=f"freeze-{name}",
        className="freeze-section",
        **{"aria-label": title},
    )
