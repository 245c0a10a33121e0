"""Flask routes for samples by classifiers and methods: a page of them, the cells' pictures, and the cells' ratings."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import flask
import numpy as np

from callbacks.comparison import Page, methods_wanted, page_wanted
from callbacks.testing import drawn_values
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.comparison import agreeing, own_classes, top_classes
from nnvis_dash.errors import ParameterError
from nnvis_dash.figures import heatmap
from nnvis_dash.posting import answers, body
from nnvis_dash.routes import FOREVER, answers_or_404, download
from nnvis_dash.services import Services
from nnvis_dash.state import checks
from nnvis_dash.state.references import Reference
from nnvis_dash.workspace.labels import plain_text
from nnvis_dash.workspace.ratings import Ratings, as_csv, means

TOP = 3  # classes beside each cell where no other number was set
MOST_TOP = 10
MOST_CELLS = 64  # heatmaps of one answer
COLUMNS = ("dataset", "sample", "classifier", "fingerprint", "method", "class", "rating", "rated")


def comparison_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("comparison", __name__, url_prefix="/comparison")

    def ratings_of(dataset: str) -> Ratings:
        return Ratings(services.workspace.path / "ratings", services.dataset(dataset).card.fingerprint)

    @routes.post("/page")
    @answers
    def page() -> dict[str, Any]:
        """A page's rows, what every classifier says of each, who agrees, and the ratings that its cells have.

        Takes ``{"dataset", "models", "samples", "sample", "derived", "edits", "target", "page", "top", "methods",
        "attribution"}``.
        """
        wanted = body()
        found = page_wanted(services, wanted)
        top = checks.whole(1, MOST_TOP)("The number of classes", wanted.get("top") or TOP)
        known = ratings_of(found.dataset.fingerprint).all()
        shown = {str(row) for row in found.rows}
        return {
            **_described(services, found, top),
            "methods": [[name, METHODS[name].title if name in METHODS else name] for name in methods_wanted(wanted)],
            "ratings": [[*cell, one.rating, one.explained] for cell, one in known.items() if cell[0] in shown],
            "means": _means(known.values()),
        }

    @routes.get("/<key>.json")
    @answers_or_404
    def cells(key: str) -> flask.Response:
        """The heatmaps of an attribution as a list of data URIs, so that a page of samples is one request a column.

        `?over=1` as layers; `?limits=` the value of each one's strongest colour, 0 for its own, with commas between.
        """
        artifact = services.workspace.artifacts.load(key)
        asked = flask.request.args
        clip = min(max(asked.get("clip", 100.0, type=float), 50.0), 100.0)
        maps = np.asarray(artifact.array("heatmap")[:MOST_CELLS])
        signed = heatmap.is_signed(maps, METHODS[artifact.card["method"]].traits)
        limits = [_number(text) for text in asked.get("limits", "").split(",")] + [0.0] * len(maps)
        over = asked.get("over") == "1"
        drawn = []
        for place in range(len(maps)):
            values = drawn_values(artifact, place, asked.get("smooth") != "0")
            most = limits[place] if 0 < limits[place] < math.inf else None
            drawn.append(heatmap.data_uri(heatmap.pictures(values, clip, signed, most)[over]))
        response = flask.jsonify(drawn)
        response.headers["Cache-Control"] = FOREVER
        return response

    @routes.post("/rate")
    @answers
    def rate() -> dict[str, Any]:
        """Keep a rating, null for none: ``{"dataset", "sample", "model", "method", "rating", "explained"}``.

        Answers with the mean ratings of all classifiers and methods.
        """
        record = body()
        card = services.dataset(str(record.get("dataset"))).card
        reference = Reference.read(record.get("sample"))
        if reference.sample is not None and reference.sample >= card.n_samples:
            raise ParameterError(f"There is no sample {reference.sample}", f"It has 0 to {card.n_samples - 1}.")
        model = services.workspace.model(str(record.get("model"))).fingerprint
        method = str(record.get("method"))
        METHODS[method]  # NotFound says which there are
        ratings = ratings_of(card.fingerprint)
        explained = plain_text(str(record.get("explained") or ""))[: checks.LONGEST_NAME]
        ratings.rate(reference.plain, model, method, record.get("rating"), explained)
        return {"means": _means(ratings.all().values())}

    @routes.get("/<dataset>/ratings.<kind>")
    @answers_or_404
    def exported(dataset: str, kind: str) -> flask.Response:
        """All ratings of a dataset as `csv`, safe to open in a spreadsheet, or `json`."""
        card = services.dataset(dataset).card
        names = {model.fingerprint: model.name for model in services.workspace.models()}
        rows = [
            (
                card.name,
                one.sample,
                names.get(one.model, ""),
                one.model,
                one.method,
                one.explained,
                one.rating,
                when(one),
            )
            for one in ratings_of(card.fingerprint).all().values()
        ]
        name = f"ratings-{card.fingerprint[:8]}.{kind}"
        if kind == "csv":
            return download(as_csv(COLUMNS, rows).encode(), "text/csv; charset=utf-8", name, keep=False)
        if kind == "json":
            text = json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows], indent=1, ensure_ascii=False)
            return download(text.encode(), "application/json", name, keep=False)
        flask.abort(404)

    def when(one: Any) -> str:
        return datetime.datetime.fromtimestamp(one.rated, datetime.UTC).isoformat(timespec="seconds")

    return routes


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _means(ratings: Any) -> list[list[Any]]:
    return [[*cell, round(mean, 3), n] for cell, (mean, n) in means(ratings).items()]


def _described(services: Services, page: Page, top: int) -> dict[str, Any]:
    """Return a page as the browser draws it."""
    names = page.classes.names
    answers_of = page.answers
    agrees = agreeing(answers_of)
    several = len(page.models) > 1
    rows = []
    for place, row in enumerate(page.rows):
        reference = Reference.read(row)
        derived = services.workspace.derived.get(reference.derived).name if reference.derived else ""
        given = {int(one) for one in answers_of[:, place] if one >= 0}
        rows.append(
            {
                "sample": row,
                "name": (derived or f"#{reference.sample}") + (" edited" if reference.edits else ""),
                "label": names[page.labels[place]] if page.labels[place] >= 0 else None,
                "explained": names[page.explained[place]] if page.explained[place] >= 0 else None,
                "n_answers": len(given),
            }
        )
    models = []
    for place, card in enumerate(page.models):
        table = page.probabilities[place]
        targets = own_classes(page.classes, place, page.explained)
        said = []
        for at in range(len(page.rows)):
            one: dict[str, Any] = {"target": int(targets[at]), "top": []}
            if table is not None:
                first = top_classes(table[at : at + 1], top)[0]
                common = page.classes.outputs[place][first]
                one["top"] = [
                    [names[number], round(float(table[at, own]), 6), int(primary)]
                    for own, number, primary in zip(first, common, own_classes(page.classes, 0, common), strict=True)
                ]
                one["agrees"] = bool(agrees[place, at]) if several else None
                one["right"] = bool(answers_of[place, at] == page.labels[at]) if page.labels[at] >= 0 else None
            said.append(one)
        models.append(
            {
                "fingerprint": card.fingerprint,
                "name": card.name,
                "resize": card.resize,
                "aspect": card.input_shape[1] / card.input_shape[0],
                "by_number": bool(card.class_names) and page.classes.by_number[place],
                "problem": page.problems[place],
                "rows": said,
            }
        )
    return {"rows": rows, "models": models, "page": page.page, "n_pages": page.n_pages, "n_rows": page.n_rows}
