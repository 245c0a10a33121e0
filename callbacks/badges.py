"""The badges of the heatmaps that a page shows: how far each deserves belief.

An attribution is named by what it was computed from (`asked`), as the answers that hold heatmaps give it; its quality
is the job of the same parameters, behind all that a person waits for. What is known is there at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import Dash

from callbacks.jobs import Wait, register_job
from nnvis_dash.analysis.quality import MEASURES
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import Cancelled, NNVisError, ParameterError
from nnvis_dash.services import Services
from nnvis_dash.workspace.artifacts import Artifact

MOST = 64  # attributions whose heatmaps a page shows


def register(app: Dash, services: Services) -> None:
    """Register the job."""
    register_job(app, services, "badges", checked)


def checked(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Check the heatmaps of every attribution in `maps`; those that are checked are reported on the way.

    Answers with `badges`: by each one's key what `badges_of` says, or ``{"problem": why}``.
    """
    given = wanted.get("maps")
    if not isinstance(given, list) or len(given) > MOST or not all(isinstance(asked, dict) for asked in given):
        raise ParameterError("The heatmaps to check are no list of attributions", "Reload the page.")
    found: dict[str, Any] = {}
    for place, asked in enumerate(given):
        key = Request("attribution", asked).key
        try:
            more = {"badges": dict(found), "of": f"{place + 1} of {len(given)}"}
            found[key] = badges_of(wait(Request("quality", asked), **more))
        except Cancelled:
            raise  # whoever cancels one wants none of those behind it either
        except NNVisError as error:
            found[key] = {"problem": str(error)}
    return {"badges": found}


def badges_of(artifact: Artifact) -> list[dict[str, Any]]:
    """Return each heatmap's badge (0 fails, 1 doubtful, 2 passes) and its reasons, ``[the measure's title, words]``."""
    return [
        {
            "badge": int(badge),
            "reasons": [[measure_title(str(one["measure"])), str(one["words"]), int(one["badge"])] for one in reasons],
        }
        for badge, reasons in zip(artifact.array("badge"), artifact.card["reasons"], strict=True)
    ]


def measure_title(measure: str) -> str:
    """Return what a measure is called; one that this version doesn't have by its name."""
    return MEASURES[measure].title if measure in MEASURES else measure
