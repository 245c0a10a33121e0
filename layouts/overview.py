"""What the overview shows of all samples: their map, or one of the views that lie over it (`assets/overview.js`)."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts import controls, review, suggestion

# By name: the label, what it is for, and the frame that lies over the map.
VIEWS: tuple[tuple[str, str, str, Any], ...] = (
    ("map", "Map", "Samples by how alike they are", None),
    (
        "suggestion",
        "Suggestion",
        "Samples worth a look: where classifiers disagree or doubt",
        suggestion.frame,
    ),
    ("review", "Review", "Doubtful labels, twins, outliers, slices", review.frame),
)


def tabs() -> Any:
    """The buttons that choose."""
    return html.Div(
        [
            controls.act(label, controls.change("overview", overview=name), title=title, className=f"view-{name}")
            for name, label, title, _ in VIEWS
        ],
        id="overview-tabs",
        className="segmented overview-tabs",
        role="group",
        **{"aria-label": "what is shown of the samples"},
    )


def frames() -> list[Any]:
    """What lies over the map, hidden until it is chosen."""
    return [frame() for _, _, _, frame in VIEWS if frame is not None]
