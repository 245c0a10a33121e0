"""The path of the tested image across the map: asked for while it is edited or derived, whatever the lens."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.embedding import projection_request
from callbacks.reading import reference_of
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from nnvis_dash.errors import NNVisError
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the path: what is asked for, the answer, and its drawing."""
    manager = app._background_manager

    app.clientside_callback(
        ClientsideFunction("nnvis", "embeddingPath"),
        Output(ids.EMBEDDING_PATH, "data"),
        Input(ids.EMBEDDING_MAP, "data"),
        Input(ids.SELECTION, "data"),
        State(ids.EMBEDDING_PATH, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.EMBEDDING_PATHED, "data"),
        Input(ids.EMBEDDING_PATH, "data"),
        background=True,
        interval=1,
        prevent_initial_call=True,
    )
    def path(wanted: Any) -> Any:
        """Answer with the places on the way to the image, or with what went wrong."""
        try:
            reference = reference_of(wanted)
            if reference is None:
                return None
            mapped = wanted["request"]
            request = projection_request(
                mapped,
                "trajectory",
                sample=reference.plain,
                classifier=mapped["model"] if mapped["features"] == "pixels" else None,
            )
            artifact = wait_for(services, manager, request, lambda progress: None)
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"wanted": wanted, "problem": str(error)}
        coordinates = artifact.array("coordinates")
        return {
            "wanted": wanted,
            "key": wanted["key"],
            "x": coordinates[:, 0].tolist(),
            "y": coordinates[:, 1].tolist(),
            "predictions": artifact.array("predictions").tolist(),
            "origin": artifact.card["origin"],
        }

    draw(app, "embeddingPathed", ids.EMBEDDING_PATH_DRAWN, ids.EMBEDDING_PATHED)
