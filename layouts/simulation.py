"""The simulation view: how every class holds up when all images are changed; its head with tabs, and static frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import controls
from nnvis_dash.analysis.simulation.change import Change, changes
from nnvis_dash.analysis.transformations import GROUPS, TRANSFORMATIONS, group_of

TABS = (
    ("curves", "Curves", "How every class holds up over the degrees of a change"),
    ("breaking", "Breaking", "The smallest degree that flips each image, and the images to look at first"),
    ("summary", "Summary", "Every class under every change, corruption errors, accuracy over epsilon"),
    ("pairs", "Pairs", "Two changes at once"),
    ("contract", "Contract", "What is shown, as limits that `python -m nnvis_dash check` holds a classifier to"),
)
BY = (
    ("probability", "probability"),  # mean of the true class's over its images
    ("accuracy", "accuracy"),
    ("rank", "rank"),  # 1 where the class has the largest mean probability of all over its own images
)
SETS = (
    ("usual", "eight usual changes"),
    ("corruptions", "ImageNet-C's 15 corruptions"),
    ("attacks", "two attacks"),
)
SPLITS = (
    ("primary", "one classifier"),
    ("overlaid", "overlaid"),
    ("classifiers", "side by side"),
    ("classes", "class by class"),
)
PRECISIONS = (("float32", "float32"), ("bfloat16", "bfloat16, if within 0.01"))
_ATTACKS = "attack"


def panel() -> Any:
    """Return the view's head with its tabs, over the frames of all tabs."""
    tabs = controls.tabs("simulation", TABS, lambda name: controls.change("simulation", parameters={"tab": name}))
    return controls.panel(
        "simulation", "Simulation", tabs, html.Div(frames(), id="simulation-body", className="network-body")
    )


def frames() -> list[Any]:
    """Return the static frames of all tabs."""
    message = html.Div("", id="simulation-nothing", className="empty", hidden=True)
    return [message, _tools(), _curves(), _breaking(), _summary(), _pairs(), _contract()]


def _tools() -> Any:
    """What is simulated and how it is shown: the same for all tabs."""
    return html.Div(
        [
            _in("curves breaking pairs contract", _select("change", "What is done to every image", _grouped())),
            _in("pairs", _select("other", "And then", _grouped(), "and")),
            _in("curves", _select("by", "What a curve shows", _options(BY))),
            _in("curves", _select("split", "The first classifier alone, or all of them", _options(SPLITS))),
            _in("summary", _set()),
            _in("curves breaking contract", _degrees()),
            html.Button(
                "Simulate",
                id="simulation-run",
                type="button",
                className="act",
                title="Run the classifiers over all images at every degree",
                disabled=True,
            ),
        ],
        id="simulation-tools",
        className="simulation-tools",
        role="toolbar",
        hidden=True,
        **{"aria-label": "simulation"},
    )


def _curves() -> Any:
    """Return the frame of the tab `curves`; `assets/simulation_curves.js` draws into it."""
    charts = [
        html.Div(id="simulation-charts", className="simulation-charts"),
        html.Div(id="simulation-legend", className="simulation-legend"),
    ]
    return _tab(
        "curves",
        html.Div(charts, className="simulation-plots"),
        html.Div(id="simulation-examples", className="simulation-examples"),
        html.Div(id="simulation-said", className="simulation-said"),
        html.Output("", id="simulation-now", className="visually-hidden", **{"aria-live": "polite"}),
    )


def _breaking() -> Any:
    """Return the frame of the tab `breaking`."""
    first = html.Div(
        [
            html.Span("look at first", className="strong", title="Those that flip soonest and are least certain"),
            html.Button(
                "select them",
                id="breaking-select",
                type="button",
                className="act",
                title="Select the first images of the list on the page",
            ),
        ],
        className="row",
    )
    return _tab(
        "breaking",
        html.Div(
            [
                html.Div(id="breaking-rows", className="breaking-rows"),
                html.Div([first, html.Div(id="breaking-first", className="sim-thumbs")], className="breaking-side"),
            ],
            id="breaking-body",
            className="breaking-body",
            hidden=True,
        ),
        html.Div(id="breaking-said", className="simulation-said"),
    )


def _summary() -> Any:
    """Return the frame of the tab `summary`."""
    return _tab("summary", html.Div(id="summary-body", className="summary-body"))


def _pairs() -> Any:
    """Return the frame of the tab `pairs`."""
    return _tab("pairs", html.Div(id="pairs-body", className="pairs-body"))


def _contract() -> Any:
    """Return the frame of the tab `contract`."""
    tools = html.Div(
        [
            html.Label(
                [
                    dbc.Input(type="checkbox", id="contract-compared", className="form-check-input"),
                    " against the second",
                ],
                className="label",
                title="Also limit what the first classifier loses against the second one",
            ),
            html.Button("copy", id="contract-copy", type="button", className="act", title="Copy the contract"),
            html.Button("save", id="contract-save", type="button", className="act", title="Save it as a file"),
        ],
        id="contract-tools",
        className="contract-tools",
        hidden=True,
    )
    return _tab("contract", tools, html.Div(id="contract-text", className="contract-text", tabIndex="0", hidden=True))


def _tab(name: str, *body: Any) -> Any:
    """Return a tab's frame: a line on what is shown, a message, and its body."""
    return html.Div(
        [
            html.Div("", id=f"{name}-status", className="label simulation-status", role="status"),
            html.Div("", id=f"{name}-message", className="message", role="status"),
            *body,
        ],
        id=f"simulation-{name}",
        className="simulation-tab",
        role="tabpanel",
        hidden=True,
    )


def _in(tabs: str, part: Any) -> Any:
    """Return a tool that only some tabs show."""
    return html.Div(part, className="simulation-tool", **{"data-tabs": tabs})


def _set() -> Any:
    """Which changes a summary is of; it belongs to the page alone."""
    chooser = html.Select(_options(SETS), id="summary-set", **{"aria-label": "changes of the summary"})
    return html.Label(chooser, className="field", title="Which changes are simulated for the summary")


def _degrees() -> Any:
    """Other degrees than the change's own, and how exact the arithmetic is."""
    fields = (("low", "from", "any"), ("high", "to", "any"), ("steps", "degrees", "1"))
    numbers = [
        html.Label(
            [html.Span(label, className="label"), dbc.Input(type="number", step=step)],
            className="field",
            **{"data-simulation": name},
        )
        for name, label, step in fields
    ]
    about = "Empty: the change's own degrees. The one that changes nothing is always among them."
    body = [
        html.P(about, className="label"),
        *numbers,
        _select("precision", "Arithmetic of the classifiers", _options(PRECISIONS), "precision"),
    ]
    return html.Details(
        [
            html.Summary("degrees", className="act", title="Other degrees, and how exact the arithmetic is"),
            html.Div(body, className="popover-body"),
        ],
        className="popover-box",
        id="simulation-degrees",
    )


def _grouped() -> list[Any]:
    """Return all changes as a list's entries, by group."""
    names = changes()
    plain = [name for name in names if name in TRANSFORMATIONS and not _needs_drawing(name)]
    groups = [(group, [name for name in plain if group_of(TRANSFORMATIONS[name]) == group]) for group in GROUPS]
    groups.append((_ATTACKS, [name for name in names if name not in TRANSFORMATIONS]))
    return [
        html.Optgroup(
            _options(sorted(((name, title_of(name)) for name in members), key=lambda one: one[1])), label=group
        )
        for group, members in groups
        if members
    ]


def title_of(name: str) -> str:
    """Return what a change is called in a list."""
    return Change(name, ()).title


def _needs_drawing(name: str) -> bool:
    """Whether a transformation says nothing before a region is drawn."""
    return any(parameter.name == "region" for parameter in TRANSFORMATIONS[name].form())


def _options(options: Iterable[tuple[str, str]]) -> list[Any]:
    return [html.Option(label, value=value) for value, label in options]


def _select(setting: str, title: str, options: list[Any], shown: str = "") -> Any:
    """A list of one setting's values; `shown` is a label before it."""
    label = [html.Span(shown, className="label")] if shown else []
    chooser = html.Select(options, id=f"simulation-{setting}", **{"aria-label": title})
    return html.Label([*label, chooser], className="field", title=title, **{"data-simulation": setting})
