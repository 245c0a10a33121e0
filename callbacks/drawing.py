"""What the browser draws by itself: a function of `assets/` that is called with stores whenever one of them changes."""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input, Output


def draw(app: Dash, function: str, output: str, *inputs: str) -> None:
    """Register a function of the browser, from what the stores `inputs` hold to what the store `output` gets."""
    app.clientside_callback(
        ClientsideFunction("nnvis", function),
        Output(output, "data"),
        *(Input(store, "data") for store in inputs),
        prevent_initial_call=True,
    )
