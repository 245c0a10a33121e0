"""Prediction difference analysis: what is known of its maps, the jobs that refine them, and regions that are erased.

A page asks for columns: one map, or the same with other samplers, classifiers or images. The browser draws them from
`nnvis_dash/difference_routes.py` whenever a column's round has changed; only numbers go through here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.reading import reference_of
from callbacks.waiting import PageLeft, wait_for
from layouts import ids
from layouts.difference import SAMPLERS, chosen
from nnvis_dash.analysis.prediction_difference.stored import Stored
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import Cancelled, NNVisError, ParameterError
from nnvis_dash.figures import difference, heatmap
from nnvis_dash.services import Services
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import Selection
from nnvis_dash.types import ModelCard

COLUMNS = 6  # images at most
TOP = 3  # classes


@dataclass(frozen=True)
class Column:
    """One map that the page wants; `request` is None while it depends on another column's answer."""

    title: str
    model: ModelCard
    sample: int | str  # as `state.references.Reference.plain` writes it
    target: int | None  # None: the prediction
    request: Request | None
    main: bool = False
    problem: str = ""

    @property
    def key(self) -> str | None:
        """The key of its job."""
        return None if self.request is None else self.request.key

    @property
    def is_sensitivity(self) -> bool:
        """Whether it is a gradient's heatmap, to compare with."""
        return self.request is not None and self.request.kind == "attribution"


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
            for request in {column.key: cost_request(column) for column in columns if _is_map(column)}.values():
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


def columns_of(services: Services, wanted: Mapping[str, Any]) -> list[Column]:
    """Return the columns that a page wants, as they stand beside one another; one of them is the main one."""
    models = {card.fingerprint: card for card in services.workspace.models()}
    model = models.get(wanted["model"]) or services.workspace.model(wanted["model"])
    sample, target = _plain(wanted), wanted["target"]
    if wanted["beside"] == "samplers":
        return _samplers(services, wanted, model)
    if wanted["beside"] == "classifiers":
        target = _predicted(services, wanted, model) if target is None else target
        others = [models[name] for name in wanted["classifiers"] if name in models and name != model.fingerprint]
        return [
            _column(services, wanted, card.name, card, sample, _translated(target, model, card), card is model)
            for card in (model, *others)
        ]
    if wanted["beside"] == "images":
        target = _predicted(services, wanted, model) if target is None else target
        return _images(services, wanted, model, target)
    return [_column(services, wanted, model.name, model, sample, target, True)]


def _plain(wanted: Mapping[str, Any]) -> int | str:
    """Return the image that is tested, as requests write it."""
    reference = reference_of(wanted)
    if reference is None:
        raise ParameterError("No image is named", "Click a point on the map.")
    return reference.plain


def _samplers(services: Services, wanted: Mapping[str, Any], model: ModelCard) -> list[Column]:
    sample, target = _plain(wanted), wanted["target"]
    gradient = Request(
        "attribution",
        {
            "dataset": wanted["dataset"],
            "samples": [sample],
            "model": model.fingerprint,
            "method": "gradient",
            "explained": wanted["layer"],
            "unit": wanted["unit"] if wanted["layer"] else None,
            "target": target,
        },
    )
    columns = [Column("sensitivity", model, sample, target, gradient)]
    asked = chosen(model, wanted["parameters"])["sampler"]
    for name, label, _ in reversed(SAMPLERS):
        other = {**wanted, "parameters": {**wanted["parameters"], "sampler": name}}
        columns.append(_column(services, other, label, model, sample, target, name == asked))
    return columns


def _images(services: Services, wanted: Mapping[str, Any], model: ModelCard, target: int | None) -> list[Column]:
    """Return a column an image; of a layer the units that the first image activates most."""
    first = _plain(wanted)
    picked = np.asarray(services.chosen(Selection(samples=wanted["samples"])))[:COLUMNS].tolist()
    samples: list[int | str] = list(dict.fromkeys([first, *(int(sample) for sample in picked)]))[:COLUMNS]
    title = f"#{first}" if isinstance(first, int) else "edited" if wanted["edits"] else "derived"
    main = _column(services, wanted, title, model, first, target, True)
    if wanted["layer"] is None or wanted["unit"] is not None:
        units: list[int] | None = None
    else:
        stored = services.difference(str(main.key))
        if stored is None:
            return [main, *(Column(f"#{sample}", model, sample, target, None) for sample in samples[1:])]
        units = [int(readout["channel"]) for readout in stored.readouts]
    others = [_column(services, wanted, f"#{sample}", model, sample, target, False, units) for sample in samples[1:]]
    return [main, *others]


def _column(
    services: Services,
    wanted: Mapping[str, Any],
    title: str,
    model: ModelCard,
    sample: int | str,
    target: int | None,
    main: bool,
    units: list[int] | None = None,
) -> Column:
    layer = wanted["layer"]
    if layer is not None and model.layer(layer) is None:
        return Column(title, model, sample, target, None, main, f"{model.name} has no layer {layer}.")
    given = [] if wanted["unit"] is None else [int(wanted["unit"])]
    parameters = {
        "dataset": wanted["dataset"],
        "sample": sample,
        "model": model.fingerprint,
        "targets": targets_of(services, wanted["dataset"], model, sample, target) if layer is None else [],
        "layer": layer,
        "units": (given if units is None else units) if layer is not None else [],
        **chosen(model, wanted["parameters"]),
    }
    return Column(title, model, sample, target, Request("prediction_difference", parameters), main)


def targets_of(services: Services, dataset: str, model: ModelCard, sample: int | str, target: int | None) -> list[int]:
    """Return the classes to ask for: none (the most probable ones) where the target is among them; else it and them."""
    index = None if target is None else services.index(dataset, model.fingerprint)
    if target is None:
        return []
    if index is None or isinstance(sample, str) or sample >= len(index.probabilities):
        return [target]
    top = np.argsort(-np.asarray(index.probabilities[sample]), kind="stable")[:TOP].tolist()
    return [] if target in top else [target, *top]


def _predicted(services: Services, wanted: Mapping[str, Any], model: ModelCard) -> int | None:
    """Return the class that the primary classifier predicts, None where its index isn't there."""
    sample = _plain(wanted)
    if isinstance(sample, str):
        probabilities, _ = services.predict(wanted["dataset"], [Reference.read(sample)], [model.fingerprint])[0]
        return None if probabilities is None else int(probabilities[0].argmax())
    index = services.index(wanted["dataset"], model.fingerprint)
    if index is None or sample >= len(index.probabilities):
        return None
    return int(np.asarray(index.probabilities[sample]).argmax())


def _translated(target: int | None, primary: ModelCard, other: ModelCard) -> int | None:
    """Return another classifier's number of the primary one's class."""
    if target is None or not primary.class_names or not other.class_names or target >= len(primary.class_names):
        return target
    name = primary.class_names[target]
    return other.class_names.index(name) if name in other.class_names else target


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
    sample = _plain(wanted)
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


def _is_map(column: Column) -> bool:
    return column.request is not None and not column.is_sensitivity


def _problem(problem: str | None = None) -> dict[str, str]:
    return {"problem": problem} if problem else {}


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
