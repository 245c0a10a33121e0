"""The parts of the what-if lens that can be folded, each with a line for its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html


def section(name: str, title: str, about: str, body: Sequence[Any], opened: bool) -> Any:
    """A part of the what-if lens that can be folded; its summary has a line for the result."""
    head = html.Summary(
        [
            html.Span(title, className="section-title"),
            html.Span("", id=f"{name}-summary", className="label section-result", role="status"),
        ],
        title=about,
    )
    return html.Details(
        [head, html.Div(list(body), className="section-body")],
        id=f"whatif-{name}",
        className="whatif-section",
        open=opened,
    )
