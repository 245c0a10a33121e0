"""Minimal evidence in the what-if lens: the search as a background callback, and what it found in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.subjects import subjects
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError, ParameterError
from nnvis_dash.services import Services
from nnvis_dash.workspace.artifacts import Artifact


def register(app: Dash, services: Services) -> None:
    """Register the search and its drawing in the browser."""
    manager = app._background_manager

    @app.callback(
        Output(ids.EVIDENCE, "data"),
        Input(ids.EVIDENCE_RUN, "data"),
        background=True,
        progress=[Output(ids.EVIDENCE_PROGRESS, "data")],
        interval=60,
        prevent_initial_call=True,
    )
    def evidence(report: Callable[[Any], None], wanted: Any) -> Any:
        """Answer with both parts in words, or with what went wrong."""
        if not wanted:
            return None
        try:
            request = evidence_request(services, wanted)
            artifact = wait_for(services, manager, request, report, request=wanted)
            card = services.workspace.dataset(str(wanted["dataset"])).card
            names = services.class_names(card, services.workspace.model(str(wanted["model"])))
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"request": wanted, "problem": str(error)}
        return {"request": wanted, "key": request.key, **in_words(artifact, names)}

    for function, output, inputs in (
        ("evidenceShown", ids.EVIDENCE_SHOWN, (ids.WHATIF_REQUEST,)),
        ("evidenceProgress", ids.EVIDENCE_REPORTED, (ids.EVIDENCE_PROGRESS,)),
        ("evidenceAnswer", ids.EVIDENCE_FINISHED, (ids.EVIDENCE,)),
    ):
        draw(app, function, output, *inputs)


def evidence_request(services: Services, wanted: Mapping[str, Any]) -> Request:
    """Return the request for the parts of the tested image; ParameterError where none is tested."""
    images, _ = subjects(services, {**wanted, "samples": ""}, 1)
    if not images:
        raise ParameterError("There is no image to search", "Click a point on the map.")
    parameters = {
        "dataset": wanted["dataset"],
        "sample": images[0].plain,
        "model": wanted["model"],
        "target": wanted.get("target"),
        "filling": wanted["filling"],
        "least": wanted["least"],
    }
    return Request("minimal_evidence", parameters)


def in_words(artifact: Artifact, names: Sequence[str]) -> dict[str, Any]:
    """Return what both parts say: each as words before, of and after a class's name, and all in one line."""
    card = artifact.card
    target, other = (names[int(card[name])] for name in ("target", "necessary_class"))
    kept, taken = (_share(artifact, name) for name in ("sufficient", "necessary"))
    if not card["sufficient_found"]:
        sufficient = [
            "No part of the image is predicted as ",
            target,
            f" with {card['least']:g}" if card["least"] else "",
        ]
    elif kept == "no part":
        sufficient = ["Nothing of the image is needed: the filling alone is ", target, ""]
    else:
        sufficient = [f"These {kept} of the image keep ", target, f" at {card['sufficient_probability']:.2f}"]
    if not card["necessary_found"]:
        necessary = ["Even without all of it, it stays ", target, f" at {card['necessary_probability']:.2f}"]
    elif taken == "no part":
        necessary = ["Nothing has to be taken away: it is ", other, f" at {card['necessary_class_probability']:.2f}"]
    else:
        necessary = [f"Without these {taken} it becomes ", other, f" at {card['necessary_class_probability']:.2f}"]
    summary = f"{kept} keep {target}; without {taken} it becomes {other}"
    both = card["sufficient_found"] and card["necessary_found"]
    return {
        "sufficient": {"words": sufficient, "found": bool(card["sufficient_found"])},
        "necessary": {"words": necessary, "found": bool(card["necessary_found"])},
        "summary": summary if both else "".join(necessary if card["sufficient_found"] else sufficient),
        "evaluated": int(card["evaluated"]),
    }


def _share(artifact: Artifact, name: str) -> str:
    """Return a mask's share of the image in words."""
    share = float(np.asarray(artifact.array(name)).mean())
    if share == 0:
        return "no part"
    return "<1 %" if share < 0.01 else f"{100 * share:.0f} %"
