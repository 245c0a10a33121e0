"""Response curves in the what-if lens: the frame of the small multiples, and the list that more are chosen from."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts import sections
from nnvis_dash.analysis.response import ADVERSARIAL
from nnvis_dash.analysis.transformations import GROUPS, TRANSFORMATIONS, group_of

STRENGTH = "Adversarial strength"
STRENGTH_ABOUT = "Every value moved by ε away from the prediction (FGSM), ε in 255ths"


def title_of(name: str) -> str:
    """Return what a curve is called; some corruptions have the same titles as plain transformations."""
    if name == ADVERSARIAL:
        return STRENGTH
    entry = TRANSFORMATIONS[name]
    return f"{entry.title} (corruption)" if group_of(entry) == "corruption" else entry.title


def unit_of(name: str) -> str:
    """Return the unit of a curve's degrees."""
    if name == ADVERSARIAL:
        return "/255"
    return next(parameter.unit for parameter in TRANSFORMATIONS[name].form() if parameter.name == "degree")


def frame() -> Any:
    """Return the section's static frame; `assets/responses.js` draws the curves into it."""
    scope = html.Div(
        [
            html.Button(label, type="button", className="act", **{"data-response-scope": name, "aria-pressed": "false"})
            for name, label in (("image", "this image"), ("selection", "selection"))
        ],
        id="responses-scope",
        className="segmented",
        role="group",
        hidden=True,
        **{"aria-label": "whose responses"},
    )
    body = [
        html.Div(
            [
                scope,
                html.Div(id="responses-legend", className="responses-legend"),
                _more(),
            ],
            className="responses-head",
        ),
        html.Div(id="responses-message", className="message", role="status"),
        html.Div(id="responses-curves", className="responses-curves"),
        html.Div("", id="responses-status", className="label", role="status"),
    ]
    about = "Probabilities over the degree of a change; a click loads the image at that degree"
    return sections.section("responses", "Responses", about, body, True)


def _more() -> Any:
    """The list of all changes, by groups; pressed are those that are shown."""
    groups: list[Any] = [_pick(ADVERSARIAL, STRENGTH_ABOUT)]
    body: list[Any] = [html.P("attack", className="label"), html.Div(groups, className="picks")]
    for group in GROUPS:
        entries = [
            entry for entry in TRANSFORMATIONS.values() if group_of(entry) == group and not _needs_drawing(entry)
        ]
        picks = [_pick(entry.name, entry.summary) for entry in sorted(entries, key=lambda known: known.title)]
        if picks:
            body += [html.P(group, className="label"), html.Div(picks, className="picks")]
    return html.Details(
        [
            html.Summary("+", className="act", title="Show the response to another change"),
            html.Div(body, className="popover-body wide"),
        ],
        className="popover-box",
        id="responses-more",
    )


def _needs_drawing(entry: Any) -> bool:
    """Whether a transformation says nothing before a region is drawn."""
    return any(parameter.name == "region" for parameter in entry.form())


def _pick(name: str, about: str) -> Any:
    return html.Button(
        STRENGTH if name == ADVERSARIAL else TRANSFORMATIONS[name].title,
        type="button",
        className="act",
        title=about,
        **{"data-response": name, "data-title": title_of(name), "aria-pressed": "false"},
    )
