"""What the overview shows of all samples: their map, or one of the views that lie over it (`assets/overview.js`)."""

from __future__ import annotations

from typing import Any

from layouts import controls, ids, models, review, suggestion, table, trust

# By name: the label, what it is for, and the frame that lies over the map.
VIEWS: tuple[tuple[str, str, str, Any], ...] = (
    ("map", "Map", "Samples by how alike they are", None),
    (
        "suggestion",
        "Suggestion",
        "Samples worth a look: where classifiers disagree or doubt",
        suggestion.frame,
    ),
    ("models", "Models", "What changed from one classifier to the next", models.frame),
    ("review", "Review", "Doubtful labels, twins, outliers, slices", review.frame),
    ("table", "Table", "Every sample with all that is known of it: sort, filter, group, export", table.frame),
    ("trust", "Trust", "Which explanation can be believed?", trust.frame),
)


def tabs() -> Any:
    """The tabs that choose, in the panel's head."""
    return controls.tabs(
        "overview",
        [(name, label, title) for name, label, title, _ in VIEWS],
        lambda name: controls.change("overview", overview=name),
        lambda name: ids.EMBEDDING_GRAPH if name == "map" else name,
    )


def frames() -> list[Any]:
    """What lies over the map, hidden until it is chosen."""
    return [frame() for _, _, _, frame in VIEWS if frame is not None]
