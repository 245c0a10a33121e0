"""The embedding map's frame: two empty traces and their look; the browser fills them from typed arrays.

The primary and the placed sample are marked by shapes of the layout: moving them draws no point anew.

Invariant: the geometry is never in this figure. Coordinates come once as typed arrays from their own route, colours and
selections are changed in the browser (`assets/embedding.js`), which knows the traces by these numbers.
"""

from __future__ import annotations

import plotly.graph_objects as go

from nnvis_dash.figures import theme

POINTS, MISTAKES = range(2)


def embedding_map() -> go.Figure:
    """Return the empty map: points, and rings around mistakes."""
    # Invisible until there is something to draw: WebGL then starts once, and not while the page itself starts.
    quiet = {"mode": "markers", "x": [], "y": [], "showlegend": False, "visible": False}
    figure = go.Figure(
        [
            go.Scattergl(
                **quiet,
                name="samples",
                hoverinfo="none",
                marker={"size": 6, "color": theme.NO_CLASS, "opacity": 0.85, "line": {"width": 0}},
                selected={"marker": {"opacity": 1.0}},
                unselected={"marker": {"opacity": 0.12}},
            ),
            go.Scattergl(
                **quiet,
                name="mistakes",
                hoverinfo="skip",
                marker={
                    "size": 9,
                    "symbol": "circle-open",
                    "color": theme.INK,
                    "opacity": 0.9,
                    "line": {"width": 1.4, "color": theme.INK},
                },
            ),
        ]
    )
    axis = {"visible": False, "showgrid": False, "zeroline": False, "fixedrange": False}
    figure.update_layout(
        margin={"l": 6, "r": 6, "t": 40, "b": 30},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": theme.FONT, "color": theme.INK, "size": 12},
        xaxis=axis,
        yaxis={**axis, "scaleanchor": "x"},
        dragmode="lasso",
        hovermode="closest",
        hoverdistance=8,
        uirevision="fixed",
        newselection={"line": {"color": theme.ACCENT, "width": 1.5, "dash": "dot"}},
        activeselection={"fillcolor": theme.ACCENT, "opacity": 0.06},
        meta={"confidence": theme.CONFIDENCE, "entropy": theme.ENTROPY, "wrong": theme.WRONG, "right": theme.RIGHT},
    )
    return figure
