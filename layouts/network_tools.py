"""What the tabs of the network view are, and the control that several of them have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

TABS = (
    ("units", "Units", "Every filter and neuron a dot"),
    ("patterns", "Patterns", "Units that are the most active ones together in many images"),
    ("layers", "Layers", "The classifier as a graph of its layers"),
    ("maps", "Maps", "Feature maps of the tested image, and a layer's weights"),
    ("space", "3-D", "Feature maps of all layers in space"),
    ("pair", "Two inputs", "Where the activations of two images part"),
    ("freeze", "Freeze", "What becomes of the classifier when units pass zeros on"),
)


def modes() -> Any:
    """What a click on a unit does: two buttons of which one is pressed, the same in every tab."""
    options = (
        ("select", "select", "A click selects a unit; with Shift one more"),
        ("freeze", "freeze", "A click freezes a unit, so that it passes zeros on, or lets it work again"),
    )
    return choices("network-mode", options, "a click on a unit", "select")


def choices(mark: str, options: Sequence[tuple[str, str, str]], label: str, chosen: str = "") -> Any:
    """Buttons of which one is pressed; an option is (value, text, title), and `data-<mark>` holds each one's value."""
    return html.Div(
        [
            html.Button(
                text,
                type="button",
                className="act",
                title=title,
                **{f"data-{mark}": value, "aria-pressed": "true" if value == chosen else "false"},
            )
            for value, text, title in options
        ],
        className="segmented",
        role="group",
        **{"aria-label": label},
    )
