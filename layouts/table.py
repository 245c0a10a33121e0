"""The table of samples, one of the views of the overview; its rows are drawn by `assets/table.js`."""

from __future__ import annotations

from typing import Any

from dash import html

from layouts import controls


def frame() -> Any:
    """What lies over the map while the table is shown."""
    none = [{"label": "samples", "value": controls.DEFAULT}]
    tools = [
        controls.choose(
            "table-by",
            "rows",
            none,
            controls.DEFAULT,
            "table",
            "parameters.by",
            "Samples, or groups that share a value",
        ),
        *(
            html.Button(label, type="button", id=f"table-{name}", className="act", title=title)
            for name, label, title in (
                ("select", "Select shown", "Select the samples that the filters leave"),
                ("csv", "CSV", "Save what is shown, for a spreadsheet"),
                ("parquet", "Parquet", "Save what is shown, for pandas or Polars"),
            )
        ),
    ]
    return html.Div(
        [
            html.Div(tools, className="overview-tools", role="toolbar"),
            html.Div("", id="table-status", className="label overview-status", role="status"),
            html.Div(id="table-grid", className="table-grid"),
            html.Div("", id="table-message", className="map-message"),
        ],
        id="table",
        className="overview",
        hidden=True,
    )
