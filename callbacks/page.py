"""The page's frame in the browser: what each view is asked for, the link, the notice, the job tray, the animation."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State

from callbacks.drawing import draw
from layouts import ids
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register the callbacks of the frame; only one that is cancelled asks the server."""
    derived = (
        ids.INDEX_REQUEST,
        ids.EMBEDDING_REQUEST,
        ids.FILTER_REQUEST,
        ids.STRIP_REQUEST,
        ids.TESTING_FORM,
        ids.TESTING_REQUEST,
        ids.DIFFERENCE_REQUEST,
        ids.WHATIF_REQUEST,
    )
    app.clientside_callback(
        ClientsideFunction("nnvis", "derive"),
        *(Output(store, "data") for store in derived),
        Input(ids.SESSION, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.VIEW, "data"),
        *(State(store, "data") for store in derived),
        prevent_initial_call=True,
    )
    draw(app, "applied", ids.NOTICED, ids.LINK, ids.APPLIED)
    draw(
        app,
        "regions",
        ids.REGIONS_DRAWN,
        ids.WORKSPACE_REGION,
        ids.FILTER_REGION,
        ids.CONTROLS_REGION,
        ids.FORM_REGION,
        ids.STRIP_REGION,
        ids.SAMPLE_REGION,
        ids.BARS_REGION,
        ids.TITLE_REGION,
    )

    @app.callback(
        Output(ids.JOB_CANCELLED, "data"),
        Input(ids.JOB_CANCEL, "data"),
        prevent_initial_call=True,
    )
    def cancel(wanted: Any) -> Any:
        """Cancel a job of the tray by its key, as far as this person waits for it."""
        if isinstance(wanted, dict) and wanted.get("key"):
            services.engine.cancel(str(wanted["key"]))
        return wanted

    # Two callbacks a line: Dash holds back one that waits for an answer until that is there.
    for name, asked, progress, answer in (
        ("index", ids.INDEX_REQUEST, ids.INDEX_PROGRESS, ids.INDEX_ANSWER),
        ("embedding", ids.EMBEDDING_REQUEST, ids.EMBEDDING_PROGRESS, ids.EMBEDDING_MAP),
        ("testing", ids.TESTING_REQUEST, ids.TESTING_PROGRESS, ids.TESTING_ATTRIBUTION),
        ("difference", ids.DIFFERENCE_RUN, ids.DIFFERENCE_PROGRESS, ids.DIFFERENCE_RESULT),
        ("responses", ids.RESPONSES_REQUEST, ids.RESPONSES_PROGRESS, ids.RESPONSES),
        ("attack", ids.ATTACK_RUN, ids.ATTACK_PROGRESS, ids.ATTACK_RESULT),
        ("evidence", ids.EVIDENCE_RUN, ids.EVIDENCE_PROGRESS, ids.EVIDENCE),
        *((name, *(ids.network(name, what) for what in ("run", "progress", "found"))) for name in ids.VIEW_JOBS),
    ):
        app.clientside_callback(
            ClientsideFunction("nnvis", f"{name}Asked"),
            Output(ids.tray(name, "asked"), "data"),
            Input(asked, "data"),
            Input(progress, "data"),
            State(answer, "data"),
            prevent_initial_call=True,
        )
        draw(app, f"{name}Answered", ids.tray(name, "answered"), answer)
    app.clientside_callback(
        ClientsideFunction("nnvis", "embeddingProgress"),
        Output(ids.EMBEDDING_PLAYED, "data"),
        Input(ids.EMBEDDING_PROGRESS, "data"),
        Input(ids.EMBEDDING_REQUEST, "data"),
        State(ids.EMBEDDING_MAP, "data"),
        prevent_initial_call=True,
    )
