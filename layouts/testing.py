"""The testing view: the primary sample large, what every classifier says of it, and what its decision rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from layouts import comparison, controls, difference, ids, whatif
from nnvis_dash.workspace.derived import DerivedSample

LENSES = (("attribution", "Explain"), ("difference", "Difference"), ("whatif", "What if"), ("compare", "Compare"))


def panel() -> Any:
    """Return the view's static frame; `assets/testing.js` draws the pictures into it."""
    pictures = [
        _figure("testing-original", "original"),
        _figure("testing-raw", "attribution", badge=True),
        _figure("testing-overlay", "overlay", overlay=True, badge=True),
    ]
    body = [
        html.Div(pictures, className="pictures testing-pictures"),
        difference.frame(),
        whatif.frame(),
        comparison.frame(),
        html.Div(id="testing-scale", className="evidence-scale", title="red speaks for it, blue against", hidden=True),
        html.Div(id="testing-message", className="message"),
        html.Div(id=ids.TESTING_CONTROLS, className="controls wide"),
        html.Div(id=ids.TESTING_BARS, className="bars"),
    ]
    head = [
        html.Div(id=ids.TESTING_SAMPLE, className="sample-title"),
        controls.segmented(
            "lens",
            [(label, controls.change("lens", lens=name), name) for name, label in LENSES],
            "attribution",
        ),
    ]
    return controls.panel(
        "testing", "Testing", html.Div(head, className="panel-tools"), html.Div(body, className="testing-body")
    )


def _figure(name: str, caption: str, overlay: bool = False, badge: bool = False) -> Any:
    layers = [html.Img(id=f"{name}-image", alt="", className="under")]
    if overlay:
        layers.append(html.Img(id=f"{name}-layer", alt="", className="over"))
    parts = [html.Div(layers, className="frame"), html.Figcaption(caption, id=f"{name}-caption")]
    if badge:
        parts.append(controls.badge_place(name))
    return html.Figure(parts, id=name)


def base_title(sample: int | None, derived: DerivedSample | None, n_edits: int) -> str:
    """Say which image it is: a sample's number, or a derived one's name; and how often it is edited."""
    base = f"#{sample}" if derived is None else derived.name
    return base if not n_edits else f"{base} · {n_edits} edit{'' if n_edits == 1 else 's'}"


def sample_title(base: str, label: str | None, prediction: str | None, mistake: bool | None) -> list[Any]:
    """Say which image it is, what it should be and what the primary classifier takes it for."""
    words = [html.Span(base, className="strong", title=base)]
    if label is not None:
        what = html.Span("label ", className="what")
        words.append(html.Span([what, html.B(label)], title=f"label {label}"))
    if prediction is not None:
        judged = "" if mistake is None else "bad" if mistake else "good"
        what = html.Span("prediction ", className="what arrow")
        words.append(html.Span([what, html.B(prediction)], className=judged, title=f"prediction {prediction}"))
    return words


@dataclass(frozen=True)
class Answer:
    """What one classifier says of a sample: its top classes as (index, name, probability, colour)."""

    model: str
    primary: bool
    top: tuple[tuple[int, str, float, str], ...]
    label: int | None
    problem: str = ""


def bars(answers: Sequence[Answer], target: int | None) -> list[Any]:
    """Top-k probabilities of every chosen classifier; a click on a class explains it."""
    return [
        html.Div(
            [
                html.Div(
                    [
                        html.Span(answer.model, className="strong"),
                        html.Span("explained here", className="label") if answer.primary else None,
                    ],
                    className="row",
                ),
                html.Div(answer.problem, className="label") if answer.problem else None,
                *(_bar(answer, entry, target) for entry in answer.top),
            ],
            className="answer" + (" primary" if answer.primary else ""),
        )
        for answer in answers
    ]


def _bar(answer: Answer, entry: tuple[int, str, float, str], target: int | None) -> Any:
    index, name, probability, colour = entry
    true = index == answer.label
    content = [
        html.Span(
            [name, html.Span(" ✓", title="its label", className="label") if true else None], className="bar-name"
        ),
        html.Span(
            html.Span(className="bar-fill", style={"width": f"{100 * probability:.2f}%", "background": colour}),
            className="bar-track",
        ),
        html.Span(f"{probability:.3f}", className="bar-value"),
    ]
    return controls.act(
        content,
        controls.change("target", target=index),
        pressed=answer.primary and target == index,
        className="bar",
        title=f"{answer.model}: {name} {probability:.4f}. Click to explain {name}.",
    )
