"""Flask routes for the table of methods, or layers, by measures: as the page draws it, and as a file."""

from __future__ import annotations

import math
from typing import Any

import flask
import numpy as np

from callbacks.badges import measure_title
from callbacks.trust import trust_request
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.quality import MEASURES
from nnvis_dash.analysis.quality.choice_report import as_csv
from nnvis_dash.analysis.quality.table import Choice, load_choice
from nnvis_dash.posting import answers, body
from nnvis_dash.routes import answers_or_404, download
from nnvis_dash.services import Services

DIGITS = 6  # significant ones of a number


def trust_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("trust", __name__, url_prefix="/trust")

    @routes.post("/table")
    @answers
    def table() -> dict[str, Any]:
        """What is known of what a page wants (`callbacks.trust.trust_request`), while nothing is: is it under way?"""
        request = trust_request(services, body())
        found = services.trust(request)
        if found is None:
            row = services.engine.row(request.key)
            return {"known": False, "running": row is not None and not row.finished}
        return {"known": True, "key": request.key, **described(found)}

    @routes.get("/<key>.csv")
    @answers_or_404
    def exported(key: str) -> flask.Response:
        """The table as CSV: a row a method or layer; of each measure mean, interval and share that passes."""
        text = as_csv(load_choice(services.workspace.artifacts.load(key)))
        return download(text.encode("utf-8-sig"), "text/csv; charset=utf-8", f"trust-{key[:8]}.csv")

    return routes


def described(choice: Choice) -> dict[str, Any]:
    """Return a table as the browser draws it; null for a number that isn't known."""
    rows = []
    for at, row in enumerate(choice.rows):
        rows.append(
            {
                "name": (row.layer if choice.by_layer else None) or row.method,
                "title": row.layer if choice.by_layer else METHODS[row.method].title,
                "method": row.method,
                "layer": row.layer,
                "parameters": dict(row.parameters),
                "badge": choice.verdicts[at].badge,
                "reasons": [[measure_title(one.measure), one.words, one.badge] for one in choice.verdicts[at].reasons],
                "front": at in choice.front,
                "quality": _numbers(choice.quality[at], choice.quality_low[at], choice.quality_high[at]),
                "seconds": _number(choice.seconds[at]),
                "forwards": _number(choice.forwards[at]),
                "cells": [
                    [
                        *_numbers(choice.mean[at, m], choice.low[at, m], choice.high[at, m]),
                        _number(choice.passes[at, m]),
                    ]
                    for m in range(len(choice.measures))
                ],
            }
        )
    measures = [
        {
            "name": name,
            "title": measure_title(name),
            "summary": MEASURES[name].summary if name in MEASURES else "",
            "reference": MEASURES[name].reference if name in MEASURES else "",
            "better": order,
            "decides": bool(np.isfinite(choice.passes[:, place]).any()),
        }
        for place, (name, order) in enumerate(zip(choice.measures, choice.orders, strict=True))
    ]
    return {
        "rows": rows,
        "measures": measures,
        "layered": choice.by_layer,
        "recommendation": list(choice.recommendation),
        "left_out": [[METHODS[name].title if name in METHODS else name, why] for name, why in choice.left_out.items()],
        "samples": [int(one) for one in choice.samples],
    }


def _number(value: Any) -> float | None:
    return float(f"{float(value):.{DIGITS}g}") if math.isfinite(value) else None


def _numbers(*values: Any) -> list[float | None]:
    return [_number(value) for value in values]
