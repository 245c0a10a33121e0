"""The small parts that every view's controls are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

import dash_bootstrap_components as dbc
from dash import html

from nnvis_dash.registry import Parameter

Component = Any


def change(kind: str, **fields: Any) -> str:
    """Return a change as the text that `data-change` carries."""
    return json.dumps({"kind": kind, **fields}, separators=(",", ":"))


def act(label: Any, meaning: str, *, title: str = "", pressed: bool | None = None, className: str = "") -> Component:
    """A button that sends a change."""
    more: dict[str, Any] = {"data-change": meaning}
    if pressed is not None:
        more["aria-pressed"] = "true" if pressed else "false"
    return html.Button(label, type="button", title=title, className=f"act {className}".strip(), **more)


def segmented(label: str, options: Iterable[tuple[str, str, str]], chosen: str) -> Component:
    """Buttons of which one is pressed; an option is (label, change, value)."""
    return html.Div(
        [act(text, meaning, pressed=value == chosen) for text, meaning, value in options],
        className="segmented",
        role="group",
        **{"aria-label": label},
    )


# The widest range that a slider can be set in, of fractions and of whole numbers.
SLIDER = (10.0, 128.0)
DEFAULT = "-"  # an option's value that stands for nothing chosen: sent as null (an empty value would show as blank)


def choose(
    name: str,
    label: str,
    options: Iterable[Mapping[str, Any]],
    value: Any,
    kind: str,
    field: str,
    title: str = "",
    *,
    read: str = "",
) -> Component:
    """A list of which one is chosen; sends `kind` with the chosen value in `field`, null for `DEFAULT`.

    `read`: "number" or "json", where the value isn't meant as text.
    """
    more = {f"data-{read}": "1"} if read else {}
    return html.Label(
        [
            html.Span(label, className="label"),
            dbc.Select(options=list(options), value=value, size="sm", id=f"{name}-select"),
        ],
        className="field",
        title=title,
        **{"data-change": change(kind), "data-field": field, "data-none": DEFAULT, **more},
    )


def number(
    name: str,
    label: str,
    value: float,
    kind: str,
    field: str,
    *,
    low: Any = None,
    high: Any = None,
    step: Any = "any",
    title: str = "",
    placeholder: str = "",
) -> Component:
    """A number field; sends `kind` with the number in `field` (dots reach into the change)."""
    return html.Label(
        [
            html.Span(label, className="label"),
            dbc.Input(
                type="number",
                value=value,
                min=low,
                max=high,
                step=step,
                placeholder=placeholder,
                size="sm",
                id=f"{name}-number",
                debounce=True,
            ),
        ],
        className="field",
        title=title,
        **{"data-change": change(kind), "data-field": field, "data-number": "1"},
    )


def slider(
    name: str,
    label: str,
    value: float,
    kind: str,
    field: str,
    *,
    low: float,
    high: float,
    step: float,
    title: str = "",
    shown: bool = False,
) -> Component:
    """A slider; its effect shows while it is dragged, the change is sent when it is let go.

    `shown`: its number stands beside it.
    """
    return html.Label(
        [
            html.Span(label, className="label"),
            dbc.Input(type="range", value=value, min=low, max=high, step=step, id=f"{name}-range"),
            html.Span(f"{value:g}", className="slider-value") if shown else None,
        ],
        className="field slider",
        title=title,
        **{"data-change": change(kind), "data-field": field, "data-number": "1", "data-live": name},
    )


def clip(view: str, value: float) -> Component:
    """The slider that says from which percentile on values are drawn as strong as it."""
    return slider(
        f"{view}-clip",
        "clip, percentile",
        value,
        "clip",
        "clip",
        low=50,
        high=100,
        step=0.5,
        title="Stronger values than this percentile are drawn as strong as it",
        shown=True,
    )


def parameter(view: str, entry: Parameter, value: Any, kind: str) -> Component:
    """The control of one of a method's parameters: a list, a slider where its range fits one, else a number.

    Sends `kind` with the value under ``parameters.<its name>``. None for what no control can give.
    """
    name, label, field = f"{view}-{entry.name}", entry.name.replace("_", " "), f"parameters.{entry.name}"
    kinds = get_args(entry.type) or (entry.type,)
    if entry.choices or bool in kinds:
        choices = entry.choices or (True, False)
        options = [{"label": _word(choice), "value": json.dumps(choice)} for choice in choices]
        return choose(name, label, options, json.dumps(value), kind, field, entry.help, read="json")
    if not {int, float} & set(kinds):
        return None
    low, high = entry.low, entry.high
    step: Any = 1 if float not in kinds else "any"
    if low is not None and high is not None and isinstance(value, (int, float)) and high - low <= SLIDER[step == 1]:
        fine = 1 if step == 1 else (high - low) / 100
        return slider(name, label, value, kind, field, low=low, high=high, step=fine, title=entry.help, shown=True)
    known = value if isinstance(value, (int, float)) else ""
    return number(
        name, label, known, kind, field, low=low, high=high, step=step, title=entry.help, placeholder=str(entry.default)
    )


def _word(choice: Any) -> str:
    return ("yes" if choice else "no") if isinstance(choice, bool) else "none" if choice is None else str(choice)


def panel(name: str, title: str, beside: Component, *body: Component) -> Component:
    """A panel of the bench: its head with the title, what stands `beside` it and the button to full size; its body."""
    expand = html.Button(
        "⤢",
        type="button",
        className="act expand",
        title="Full size",
        **{"data-expand": f"{name}-panel", "aria-label": "full size"},
    )
    head = html.Div([html.H2(title, className="panel-title"), beside, expand], className="panel-head")
    return html.Section([head, *body], className="panel card", id=f"{name}-panel", **{"aria-label": title})


def tabs(
    view: str,
    options: Iterable[tuple[str, str, str]],
    meaning: Callable[[str], str],
    pane: Callable[[str], str] | None = None,
) -> Component:
    """The tabs of a view's head; an option is (name, label, title), `meaning` the change that a name's tab sends.

    `pane` is the id of what a name's tab shows; `<view>-<name>` where it is left out.
    """
    shown = pane or (lambda name: f"{view}-{name}")
    return html.Div(
        [
            html.Button(
                label,
                type="button",
                role="tab",
                className="view-tab",
                title=title,
                id=f"{view}-tab-{name}",
                **{"data-change": meaning(name), "aria-controls": shown(name)},
            )
            for name, label, title in options
        ],
        className="view-tabs",
        role="tablist",
        **{"aria-label": view},
    )


def tick(name: str, label: str, value: bool) -> Component:
    """A box to be ticked, with its label."""
    box = dbc.Input(type="checkbox", id=name, value=value, className="form-check-input")
    words = html.Label(label, htmlFor=name, className="form-check-label label")
    return html.Div([box, words], className="form-check")


def badge_place(name: str) -> Component:
    """Where a heatmap's badge stands, in the figure of its name; `assets/badges.js` draws it."""
    return html.Div(id=f"{name}-badge", className="badge-place")


def swatch(colour: str) -> Component:
    """A class's colour."""
    return html.Span(className="swatch", style={"background": colour}, **{"aria-hidden": "true"})


def empty(text: Any) -> Component:
    """What a region says while it has nothing to show."""
    return html.Div(text, className="empty")


def failure(text: str) -> Component:
    """What a region says when it can't show what was asked for."""
    return html.Div(text, className="failure", role="alert")
