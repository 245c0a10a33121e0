"""Prediction difference analysis: what is known of its maps, the jobs that refine them, and regions that are erased.

A page asks for columns: one map, or the same with other samplers, classifiers or images. The browser draws them from
`nnvis_dash/difference_routes.py` whenever a column's round has changed; only numbers go through here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from callbacks.difference_columns import Column, columns_of, image_of, targets_of
from callbacks.drawing import draw
from callbacks.reading import reference_of
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from layouts.difference import chosen
from nnvis_dash.analysis.prediction_difference.stored import Stored
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import Cancelled, NNVisError
from nnvis_dash.figures import difference, heatmap
from nnvis_dash.services import Services


def register(app: Dash, services: Services) -> None:
    """Register what is known, what is computed, what is erased, and the drawing in the browser."""
    manager = app._background_manager

    @app.callback(
        Output(ids.DIFFERENCE_KNOWN, "data"),
        Input(ids.DIFFERENCE_REQUEST, "data"),
        Input(ids.INDEXED, "data"),
        prevent_initial_call=True,
    )
    def known(wanted: Any, indexed: Any) -> Any:
        """Answer with the columns and how far each of them is, and with what is ahead."""
        if not wanted:
            return None
        if not wanted.get("model"):
            return {"request": wanted, "columns": [], "problem": "No classifier fits this dataset's classes. Add one."}
        try:
            if reference_of(wanted) is None:
                return None
            columns = columns_of(services, wanted)
            told = [describe(services, column) for column in columns]
            return {"request": wanted, "columns": told, "ahead": ahead(services, columns)}
        except NNVisError as error:
            return {"request": wanted, "columns": [], "problem": str(error)}

    @app.callback(
        Output(ids.DIFFERENCE_COST, "data"),
        Input(ids.DIFFERENCE_REQUEST, "data"),
        background=True,
        interval=60,
        prevent_initial_call=True,
    )
    def cost(wanted: Any) -> Any:
        """Answer with what computing the columns would take."""
        if not wanted or not wanted.get("model"):
            return None
        try:
            if reference_of(wanted) is None:
                return None
            columns = columns_of(services, wanted)
            for request in {column.key: cost_request(column) for column in columns if column.is_map}.values():
                wait_for(services, manager, request, lambda parts: None)
            return {"request": wanted, "ahead": ahead(services, columns)}
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"request": wanted, "problem": str(error)}

    @app.callback(
        Output(ids.DIFFERENCE_RESULT, "data"),
        Input(ids.DIFFERENCE_RUN, "data"),
        background=True,
        progress=[Output(ids.DIFFERENCE_PROGRESS, "data")],
        interval=150,
        prevent_initial_call=True,
    )
    def run(report: Callable[[Any], None], run: Any) -> Any:
        """Compute the columns one after the other, the main one first; every round of each is reported."""
        if not run or not run.get("request"):
            return None
        wanted = run["request"]
        problems: dict[int, str] = {}
        answer: dict[str, Any] = {"request": run, "columns": [], "paused": False, "problem": ""}
        try:
            for turn in range(len(columns_of(services, wanted))):
                columns = columns_of(services, wanted)  # anew, since some wait for the main one's units
                place = sorted(range(len(columns)), key=lambda at: not columns[at].main)[turn]
                told = [
                    {**describe(services, column), **_problem(problems.get(at))} for at, column in enumerate(columns)
                ]
                try:
                    _compute(services, manager, report, run, columns, place, turn, told)
                except (Cancelled, PageLeft):
                    raise
                except NNVisError as error:
                    problems[place] = str(error)
        except PageLeft:
            raise PreventUpdate from None
        except Cancelled:
            answer["paused"] = True
        except NNVisError as error:
            return {**answer, "problem": str(error)}
        answer["columns"] = [
            {**describe(services, column), **_problem(problems.get(at))}
            for at, column in enumerate(columns_of(services, wanted))
        ]
        answer["problem"] = next(iter(problems.values()), "")
        return answer

    @app.callback(
        Output(ids.DIFFERENCE_ERASED, "data"),
        Input(ids.DIFFERENCE_ERASE, "data"),
        background=True,
        interval=60,
        prevent_initial_call=True,
    )
    def erased(wanted: Any) -> Any:
        """Answer with the weight of evidence of a region that is taken out."""
        if not wanted or not wanted.get("runs"):
            return None
        try:
            artifact = wait_for(services, manager, erased_request(services, wanted), lambda parts: None)
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"request": wanted, "problem": str(error)}
        names = ("evidence", "error", "probability", "without")
        classes = [
            {"target": int(target), **{name: _number(artifact.array(name)[place]) for name in names}}
            for place, target in enumerate(np.asarray(artifact.array("targets")))
        ]
        filled = [heatmap.data_uri(difference.image_picture(image)) for image in np.asarray(artifact.array("filled"))]
        return {"request": wanted, "classes": classes, "filled": filled}

    # Each by itself, since Dash holds a callback back until all its inputs are there.
    for function, output, inputs in (
        ("differenceShown", ids.DIFFERENCE_SHOWN, (ids.CATALOG, ids.SELECTION, ids.VIEW)),
        ("differenceWanted", ids.DIFFERENCE_WANTED, (ids.DIFFERENCE_REQUEST,)),
        ("differenceKnown", ids.DIFFERENCE_DRAWN, (ids.DIFFERENCE_KNOWN,)),
        ("differenceCost", ids.DIFFERENCE_COSTED, (ids.DIFFERENCE_COST,)),
        ("differenceProgress", ids.DIFFERENCE_REPORTED, (ids.DIFFERENCE_PROGRESS,)),
        ("differenceResult", ids.DIFFERENCE_FINISHED, (ids.DIFFERENCE_RESULT,)),
        ("differenceErased", ids.DIFFERENCE_CLEARED, (ids.DIFFERENCE_ERASED,)),
    ):
        draw(app, function, output, *inputs)


def _compute(
    services: Services,
    manager: Any,
    report: Callable[[Any], None],
    run: Any,
    columns: list[Column],
    place: int,
    turn: int,
    told: list[dict[str, Any]],
) -> None:
    """Compute one column, reporting all of them whenever its job says something."""
    column = columns[place]
    if column.request is None:
        return
    of = f"{column.title} ({turn + 1}/{len(columns)})" if len(columns) > 1 else ""

    def refined(parts: dict[str, Any]) -> None:
        told[place] = describe(services, column)
        report({**parts, "columns": told, "at": place})

    refined({"request": run, "key": column.key, "done": 0, "total": 0, "message": "", "of": of})
    wait_for(services, manager, column.request, refined, request=run, of=of)


def describe(services: Services, column: Column) -> dict[str, Any]:
    """Return what the page needs to know of a column: whose it is, and how far its map is."""
    told: dict[str, Any] = {
        "key": column.key,
        "title": column.title,
        "model": column.model.fingerprint,
        "sample": column.sample,
        "target": column.target,
        "main": column.main,
        "sensitivity": column.is_sensitivity,
        "sampler": None if column.request is None else column.request.parameters.get("sampler"),
        "running": False,
        "state": None,
        **_problem(column.problem),
    }
    if column.request is None:
        return told
    if column.is_sensitivity:
        told["asked"] = dict(column.request.parameters)
        if services.workspace.artifacts.has(column.request.key):
            told["state"] = {"complete": True, "round": 0, "done": 1, "total": 1, "seconds": 0, "readouts": []}
        return told
    row = services.engine.row(column.request.key)
    told["running"] = row is not None and not row.finished and not row.stale
    stored = services.difference(column.request.key)
    told["state"] = None if stored is None else summary(stored)
    return told


def summary(stored: Stored) -> dict[str, Any]:
    """Return how far a map is, and of each of its readouts the value and the strongest evidence and error."""
    readouts = [
        {
            **readout,
            "limit": difference.limit(np.asarray(stored.maps[place])),
            "error": difference.limit(np.asarray(stored.errors[place])),
        }
        for place, readout in enumerate(stored.readouts)
    ]
    return {
        "complete": bool(stored.complete),
        "round": int(stored.round),
        "done": int(stored.done),
        "total": int(stored.total),
        "seconds": float(stored.seconds),
        "size": list(stored.card["size"]),
        "forwards": stored.card.get("forwards"),
        "estimate": stored.card.get("estimate"),
        "numbers": stored.card.get("numbers"),
        "readouts": readouts,
    }


def cost_request(column: Column) -> Request:
    """Return the request for what a column would take; the same for every image and class."""
    if column.request is None:
        raise ValueError("a column that waits for another one has no cost of its own")
    named = ("model", "window", "outer", "samples", "sampler", "stride", "layer", "reduce", "numbers")
    return Request("difference_cost", {name: column.request.parameters[name] for name in named})


def ahead(services: Services, columns: list[Column]) -> dict[str, Any] | None:
    """Return what computing all columns takes: windows, samples, seconds, bytes; None while it isn't known."""
    priced = [column for column in columns if not column.is_sensitivity and not column.problem]
    main = next((column for column in priced if column.main), None)
    if main is None:
        return None
    cards = []
    for column in priced:
        key = cost_request(column if column.request is not None else main).key
        if not services.workspace.artifacts.has(key):
            return None
        cards.append(services.workspace.artifacts.load(key).card)
    return {
        "maps": len(cards),
        **{name: sum(card[name] for card in cards) for name in ("windows", "forwards", "equivalents", "seconds")},
        "bytes": max(card["bytes"] for card in cards),
    }


def erased_request(services: Services, wanted: Mapping[str, Any]) -> Request:
    """Return the request for the weight of evidence of a region."""
    model = services.workspace.model(wanted["model"])
    known = chosen(model, wanted["parameters"])
    sample = image_of(wanted)
    return Request(
        "erased_region",
        {
            "dataset": wanted["dataset"],
            "sample": sample,
            "model": model.fingerprint,
            "targets": targets_of(services, wanted["dataset"], model, sample, wanted["target"]),
            "runs": wanted["runs"],
            **{name: known[name] for name in ("samples", "outer", "sampler", "seed", "laplace")},
        },
    )


def _problem(problem: str | None = None) -> dict[str, str]:
    return {"problem": problem} if problem else {}


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
