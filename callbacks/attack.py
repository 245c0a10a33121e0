"""Attacks in the what-if lens: the form, the search as a background callback, and what every classifier says after it.

Pictures come from `nnvis_dash/result_routes.py` by the job's key; only numbers and words go through here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.subjects import subjects
from callbacks.waiting import PageLeft, wait_for
from layouts import attacks, controls, ids
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds.attack import MOST
from nnvis_dash.errors import NNVisError, ParameterError
from nnvis_dash.figures import theme
from nnvis_dash.services import Services
from nnvis_dash.types import ModelCard
from nnvis_dash.workspace.artifacts import Artifact

NO_MODEL = "No classifier fits this dataset's classes. Add one."


def register(app: Dash, services: Services) -> None:
    """Register the form, the attack and its drawing in the browser."""
    manager = app._background_manager

    @app.callback(Output(ids.ATTACK_REGION, "data"), Input(ids.ATTACK_FORM, "data"), prevent_initial_call=True)
    def form(wanted: Any) -> Any:
        """Build the form, with what the buttons have to know of the method."""
        if not wanted or not wanted.get("model"):
            return None
        try:
            card = services.workspace.dataset(wanted["dataset"]).card
            names = services.class_names(card, services.workspace.model(wanted["model"]))
        except NNVisError as error:
            return {"form": [controls.failure(str(error))], "bounded": False}
        chosen = attacks.choice(wanted["attack"])
        return {"form": attacks.form(names, wanted["attack"]), "bounded": attacks.is_bounded(chosen.method)}

    @app.callback(
        Output(ids.ATTACK_RESULT, "data"),
        Input(ids.ATTACK_RUN, "data"),
        background=True,
        progress=[Output(ids.ATTACK_PROGRESS, "data")],
        interval=60,
        prevent_initial_call=True,
    )
    def attack(report: Callable[[Any], None], wanted: Any) -> Any:
        """Answer with what an attack came to, or with what went wrong."""
        if not wanted:
            return None
        if not wanted.get("classifiers"):
            return {"request": wanted, "problem": NO_MODEL}
        try:
            request, n = attack_request(services, wanted)
            artifact = wait_for(services, manager, request, report, request=wanted)
            return {"request": wanted, "key": request.key, "selected": n, **told(services, wanted, artifact)}
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"request": wanted, "problem": str(error)}

    for function, output, inputs in (
        ("attackShown", ids.ATTACK_FORM, (ids.WHATIF_REQUEST, ids.SELECTION, ids.VIEW)),
        ("attackForm", ids.ATTACK_SHOWN, (ids.ATTACK_REGION,)),
        ("attackProgress", ids.ATTACK_REPORTED, (ids.ATTACK_PROGRESS,)),
        ("attackResult", ids.ATTACK_FINISHED, (ids.ATTACK_RESULT,)),
    ):
        draw(app, function, output, *inputs)


def attack_request(services: Services, wanted: Mapping[str, Any]) -> tuple[Request, int]:
    """Return the request for an attack that the page wants, and how many images are selected.

    Raises
    ------
    ParameterError
        No image is meant.
    """
    images, n = subjects(services, wanted, MOST)
    if not images:
        raise ParameterError("There is no image to attack", "Click a point on the map.")
    chosen = attacks.choice(wanted["attack"])
    parameters: dict[str, Any] = {
        "dataset": wanted["dataset"],
        "samples": [reference.plain for reference in images],
        "model": wanted["classifiers"][0],
        "method": chosen.method,
        "parameters": chosen.parameters,
        "target": chosen.target,
        "labels": chosen.leave,
    }
    if wanted.get("minimal"):
        parameters |= {"minimal": True, "parameters": {**chosen.parameters}}
        parameters["parameters"].pop("epsilon", None)
    return Request("attack", parameters), n


def told(services: Services, wanted: Mapping[str, Any], artifact: Artifact) -> dict[str, Any]:
    """Return what the page shows of an attack: a row an image, and of every classifier its answers to both images."""
    card = services.workspace.dataset(wanted["dataset"]).card
    models = [services.workspace.model(name) for name in wanted["classifiers"]]
    success = np.asarray(artifact.array("success"))
    before_rounding = np.asarray(artifact.array("success_before_rounding"))
    epsilon = np.asarray(artifact.array("epsilon")) if artifact.card["minimal"] else None
    answers = _answers(services, artifact, models)
    names = [services.class_names(card, model) for model in models]
    rows = []
    for row, sample in enumerate(artifact.card["samples"]):
        rows.append(
            {
                "sample": sample,
                "label": int(artifact.array("labels")[row]),
                "success": bool(success[row]),
                "changed": int(artifact.array("changed")[row]),
                "linf": float(artifact.array("linf")[row]),
                "l2": float(artifact.array("l2")[row]),
                "epsilon": None if epsilon is None or np.isnan(epsilon[row]) else round(255 * float(epsilon[row])),
                "answers": [_entries(pair, row, artifact.card["target"]) for pair, _ in answers],
            }
        )
    return {
        "rows": rows,
        "n": len(rows),
        "flipped": int(success.sum()),
        "before_rounding": int(before_rounding.sum()),
        "size": int(np.prod(artifact.array("clean").shape[1:3])),
        "tried": artifact.card["tried"],
        "minimal": bool(artifact.card["minimal"]),
        "target": artifact.card["target"],
        "models": [
            {
                "model": model.fingerprint,
                "name": model.name,
                "problem": problem,
                "classes": _classes(rows, place, names[place]),
                "fallen": None if pair is None else _fallen(pair),
            }
            for place, (model, (pair, problem)) in enumerate(zip(models, answers, strict=True))
        ],
    }


def _answers(
    services: Services, artifact: Artifact, models: Sequence[ModelCard]
) -> list[tuple[tuple[Any, Any] | None, str]]:
    """Return of each classifier its probabilities of all images before and after, or None and why."""
    own = (np.asarray(artifact.array("clean_probabilities")), np.asarray(artifact.array("probabilities")))
    found: list[tuple[tuple[Any, Any] | None, str]] = [(own, "")]
    others = [model.fingerprint for model in models[1:]]
    if not others:
        return found
    try:
        answer = services.engine.ask("transfer", {"attack": artifact.key, "models": others})
    except NNVisError as error:
        return found + [(None, str(error))] * len(others)
    for clean, after, problem in zip(answer["clean"], answer["adversarial"], answer["problems"], strict=True):
        found.append((None if clean is None else (clean, after), problem))
    return found


def _entries(pair: tuple[Any, Any] | None, row: int, target: int | None) -> list[list[Any]]:
    """Return [class, probability before, after] of the classes that count for an image."""
    if pair is None:
        return []
    clean, after = pair[0][row], pair[1][row]
    wanted = [*np.argsort(-after, kind="stable")[:2], *np.argsort(-clean, kind="stable")[:2]]
    if target is not None and target < len(after):
        wanted.append(target)
    kept = list(dict.fromkeys(int(index) for index in wanted))
    return [[index, float(clean[index]), float(after[index])] for index in kept]


def _fallen(pair: tuple[Any, Any]) -> int:
    """Return for how many images another class is predicted after the attack."""
    return int((pair[0].argmax(axis=1) != pair[1].argmax(axis=1)).sum())


def _classes(rows: Sequence[Mapping[str, Any]], place: int, names: Sequence[str]) -> dict[str, list[str]]:
    """Return name and colour of every class that the rows speak of, by its number."""
    colours = theme.class_colours(len(names))
    spoken = {entry[0] for row in rows for entry in row["answers"][place]}
    spoken |= {row["label"] for row in rows} if place == 0 else set()
    return {str(index): [names[index], colours[index]] for index in sorted(spoken) if index < len(names)}
