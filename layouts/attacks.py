"""Attacks in the what-if lens: the form from the registry, and the frame into which `assets/attack.js` draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from layouts import controls, sections
from nnvis_dash.analysis.attacks import ATTACKS
from nnvis_dash.registry import Entry, Parameter

DEFAULT = "fgsm"
OWN = ("method", "leave", "target")  # what of the form is no parameter of the attack
NEEDS = (("gradients", "gradients"), ("scores", "probabilities alone"), ("decisions", "decisions alone"))
NORMS = (("linf", "L∞"), ("l2", "L2"), ("l0", "L0"), ("spatial", "spatial"))


@dataclass(frozen=True)
class Choice:
    """What was set in the form, as the engine takes it: an epsilon is a fraction of the pixels' range."""

    method: str
    parameters: dict[str, Any]
    leave: str = "prediction"
    target: int | None = None


def choice(given: Mapping[str, Any]) -> Choice:
    """Read what the state holds of the form; what the method doesn't have is left out."""
    method = str(given.get("method", DEFAULT))
    entry = ATTACKS.get(method)
    if entry is None:
        return Choice(method, {})
    known = {parameter.name for parameter in entry.form()}
    own = {name: value for name, value in given.items() if name in known and name not in OWN}
    if "epsilon" in own and _in_255ths(entry) and isinstance(own["epsilon"], (int, float)):
        own["epsilon"] = own["epsilon"] / 255
    target = given.get("target") if "targeted" in entry.traits else None
    return Choice(method, own, str(given.get("leave", "prediction")), target if isinstance(target, int) else None)


def frame() -> Any:
    """Return the section's static frame."""
    scope = html.Div(
        [
            html.Button(
                "this image", type="button", className="act", **{"data-scope": "image", "aria-pressed": "true"}
            ),
            html.Button(
                "selection", type="button", className="act", **{"data-scope": "selection", "aria-pressed": "false"}
            ),
        ],
        id="attack-scope",
        className="segmented",
        role="group",
        **{"aria-label": "what is attacked"},
    )
    run = html.Div(
        [
            html.Button("Attack", id="attack-run-button", type="button", className="act primary", disabled=True),
            html.Button(
                "Smallest ε",
                id="attack-smallest",
                type="button",
                className="act",
                disabled=True,
                title="Search the smallest ε, in whole 255ths, at which the attack succeeds",
            ),
            scope,
            html.Span("", id="attack-status", className="label"),
        ],
        className="run-line",
    )
    pictures = [
        html.Figure(
            [
                html.Div(html.Img(id=f"attack-{name}-image", alt="", hidden=True), className="attack-pane"),
                html.Figcaption(caption, id=f"attack-{name}-caption"),
            ]
        )
        for name, caption in (("clean", "before"), ("adversarial", "adversarial"), ("perturbation", "perturbation"))
    ]
    result = html.Div(
        [
            html.Div(id="attack-rows", className="attack-rows", hidden=True),
            html.Div(
                [
                    html.Div(
                        [
                            html.Div(pictures, className="attack-panes"),
                            html.Div(id="attack-numbers", className="label attack-numbers"),
                            html.Div(id="attack-layers", className="attack-layers", hidden=True),
                            html.Div(id="attack-kept", className="attack-kept"),
                        ]
                    ),
                    html.Div(id="attack-answers", className="attack-answers"),
                ],
                className="attack-columns",
            ),
        ],
        id="attack-result",
        hidden=True,
    )
    body = [
        html.Div(id="attack-form", className="attack-form"),
        run,
        html.Div(id="attack-message", className="message", role="status"),
        result,
    ]
    return sections.section("attack", "Attack", "The smallest changes that make the classifier err", body, False)


def form(class_names: Sequence[str], given: Mapping[str, Any]) -> list[Any]:
    """The controls of the attack that the state names; what can't be set for it isn't there."""
    name = str(given.get("method", DEFAULT))
    entry = ATTACKS.get(name)
    options = [
        {"label": _with_norm(known), "value": key}
        for key, known in sorted(ATTACKS.items(), key=lambda pair: pair[1].title.casefold())
    ]
    method = controls.choose(
        "attack-method", "Method", options, name, "attack", "parameters.method", entry.summary if entry else ""
    )
    if entry is None:
        return [method, controls.failure(f"There is no attack {name!r}: choose another.")]
    parameters = {parameter.name: parameter for parameter in entry.form()}
    epsilon = parameters.pop("epsilon", None)
    return [
        method,
        *([_epsilon(entry, epsilon, given)] if epsilon is not None and "bounded" in entry.traits else []),
        *([_target(class_names, given.get("target"))] if "targeted" in entry.traits else []),
        controls.choose(
            "attack-leave",
            "away from",
            [{"label": "the prediction", "value": "prediction"}, {"label": "its label", "value": "label"}],
            given.get("leave", "prediction"),
            "attack",
            "parameters.leave",
            "Which class the attack leads away from",
        ),
        _more(entry, list(parameters.values()), given),
    ]


def is_bounded(name: str) -> bool:
    """Whether an attack keeps within an epsilon, so that the smallest can be searched."""
    entry = ATTACKS.get(name)
    return entry is not None and "bounded" in entry.traits


def _in_255ths(entry: Entry[Any]) -> bool:
    return "linf" in entry.traits


def _epsilon(entry: Entry[Any], epsilon: Parameter, given: Mapping[str, Any]) -> Any:
    scale = 255.0 if _in_255ths(entry) else 1.0
    value = given.get("epsilon", (epsilon.default or 0.0) * scale)
    label = "ε, of 255" if _in_255ths(entry) else "ε, length"
    high = None if epsilon.high is None else epsilon.high * scale
    return controls.number(
        "attack-epsilon",
        label,
        round(float(value), 4) if isinstance(value, (int, float)) else 0.0,
        "attack",
        "parameters.epsilon",
        low=0,
        high=high,
        title=epsilon.help + (", in pixel values 0 to 255" if _in_255ths(entry) else ""),
    )


def _target(class_names: Sequence[str], target: Any) -> Any:
    options = [{"label": "any other class", "value": controls.DEFAULT}]
    options += [{"label": name, "value": str(index)} for index, name in enumerate(class_names)]
    value = str(target) if isinstance(target, int) and 0 <= target < len(class_names) else controls.DEFAULT
    title = "The class that is to be predicted"
    return controls.choose(
        "attack-target", "towards", options, value, "attack", "parameters.target", title, read="number"
    )


def _more(entry: Entry[Any], parameters: Sequence[Parameter], given: Mapping[str, Any]) -> Any:
    own = [controls.parameter("attack", one, given.get(one.name, one.default), "attack") for one in parameters]
    body = [
        html.P(f"{entry.summary} It needs {_word(entry, NEEDS)}.", className="label"),
        *(control for control in own if control is not None),
        html.P(entry.reference, className="reference"),
    ]
    return html.Details(
        [html.Summary("parameters", className="act"), html.Div(body, className="popover-body")],
        className="popover-box",
        id="attack-parameters",
    )


def _with_norm(entry: Entry[Any]) -> str:
    norm = _word(entry, NORMS)
    return entry.title if norm.casefold() in entry.title.casefold() else f"{entry.title} · {norm}"


def _word(entry: Entry[Any], words: Sequence[tuple[str, str]]) -> str:
    return next((word for trait, word in words if trait in entry.traits), "nothing of the classifier")
