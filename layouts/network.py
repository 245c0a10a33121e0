"""The network view: one panel whose tabs look at a classifier's inside, and what the tabs have in common."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts import (
    controls,
    network_freeze,
    network_layers,
    network_maps,
    network_pair,
    network_patterns,
    network_space,
    network_units,
)
from layouts.network_tools import TABS

_FRAMES = {
    "units": network_units.frame,
    "patterns": network_patterns.frame,
    "layers": network_layers.frame,
    "maps": network_maps.frame,
    "space": network_space.frame,
    "pair": network_pair.frame,
    "freeze": network_freeze.frame,
}


def panel() -> Any:
    """Return the view's head with its tabs, over the frames of all tabs."""
    tabs = controls.tabs("network", TABS, lambda name: controls.change("tab", tab=name))
    return controls.panel("network", "Network", tabs, html.Div(frames(), id="network-body", className="network-body"))


def frames() -> list[Any]:
    """Return the static frames of all tabs: `assets/network.js` shows one, each tab's script draws into its own."""
    message = html.Div("", id="network-message", className="empty", hidden=True)
    return [message, *(_FRAMES[name]() for name, _, _ in TABS)]
