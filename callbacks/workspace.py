"""The rail and the header: what the workspace holds, what is chosen, and which classes are shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from dash import Dash, Input, Output, html

from callbacks.reading import session_of
from layouts import ids, rail
from nnvis_dash.analysis.classes import lacking
from nnvis_dash.figures import theme
from nnvis_dash.services import Services
from nnvis_dash.state.session import Session
from nnvis_dash.types import DatasetCard, ModelCard


def register(app: Dash, services: Services) -> None:
    """Register the rail, the page's title and the catalog that the browser draws from."""

    @app.callback(
        Output(ids.WORKSPACE_REGION, "data"),
        Output(ids.TITLE_REGION, "data"),
        Input(ids.SESSION, "data"),
        Input(ids.INDEXED, "data"),
        Input(ids.WORKSPACE_VERSION, "data"),
        prevent_initial_call=True,
    )
    def workspace(session: Any, indexed: Any, version: Any) -> tuple[Any, ...]:
        return rail_regions(services, session_of(session))

    @app.callback(
        Output(ids.CATALOG, "data"),
        Input(ids.SESSION, "data"),
        Input(ids.INDEXED, "data"),
        prevent_initial_call=True,
    )
    def catalog(session: Any, indexed: Any) -> Any:
        return _catalog(services, session_of(session))

    @app.callback(
        Output(ids.FILTER_REGION, "data"),
        Input(ids.FILTER_REQUEST, "data"),
        Input(ids.INDEXED, "data"),
        prevent_initial_call=True,
    )
    def filters(wanted: Any, indexed: Any) -> Any:
        if not wanted:
            return []
        return _filters(services, session_of(wanted["session"]), wanted["classes"], wanted["correctness"])


def rail_regions(services: Services, session: Session) -> tuple[Any, Any]:
    """Build the rail's datasets and classifiers, and the page's title."""
    card = services.dataset_card(session)
    fitting = services.fitting(card) if card else []
    known = {} if card is None else {model.fingerprint: services.accuracy(card, model) for model in fitting}
    accuracies = {fingerprint: value for fingerprint, value in known.items() if value is not None}
    title: Any = []
    if card is not None:
        words = [f"{card.n_samples:,} {'image' if card.n_samples == 1 else 'images'}"]
        if card.image_shape:
            words.append("×".join(str(side) for side in card.image_shape))
        if card.class_names:
            words.append(f"{len(card.class_names)} classes")
        title = [html.B(card.name), html.Span(" · ".join(words))]
    unknown = (
        {} if card is None else {model.fingerprint: lacking(model.class_names, card.class_names) for model in fitting}
    )
    shown: list[DatasetCard | ModelCard] = [*([card] if card else []), *fitting]
    standings = {one.fingerprint: services.standing(one) for one in shown}
    datasets = services.workspace.datasets()
    regions = rail.workspace(datasets, card, fitting, session.classifiers, accuracies, unknown, standings)
    return regions, title


def _catalog(services: Services, session: Session) -> dict[str, Any] | None:
    """Return names and colours: what the browser needs to draw the map and its hover card."""
    card = services.dataset_card(session)
    if card is None:
        return None
    models = services.models(session)
    primary = models[0] if models else None
    names = services.class_names(card, primary)
    return {
        "dataset": card.fingerprint,
        "n": card.n_samples,
        "names": list(names),
        "colours": list(theme.class_colours(len(names))),
        "labelled": services.labels(card, primary) is not None,
        "model": primary.fingerprint if primary else None,
        "modelName": primary.name if primary else None,
        "modelNames": {model.fingerprint: model.name for model in models},
        "ready": primary is not None and services.index(card.fingerprint, primary.fingerprint) is not None,
    }


def _filters(services: Services, session: Session, shown: list[int], correctness: str) -> Any:
    """Build the filters with how many samples are right and wrong, and each class's accuracy."""
    card = services.dataset_card(session)
    if card is None:
        return []
    models = services.models(session)
    primary = models[0] if models else None
    names = services.class_names(card, primary)
    right = services.correct(card, primary) if primary else None
    counts: dict[str, int | None] = {"all": card.n_samples, "wrong": None, "right": None}
    if right is not None:
        counts |= {"wrong": int((right == 0).sum()), "right": int((right == 1).sum())}
    size = len(names)
    label, prediction, *_ = services.attributes(card, primary)
    number = np.where(label >= 0, label, prediction)  # what the filter goes by
    known = (number >= 0) & (number < size)
    samples = np.bincount(number[known], minlength=size)
    labelled = np.bincount(number[known & (label >= 0)], minlength=size)
    hits = np.zeros(size, int) if right is None else np.bincount(number[known & (right == 1)], minlength=size)
    classes = [
        (
            index,
            name,
            colour,
            float(hits[index] / labelled[index]) if right is not None and labelled[index] else None,
            int(samples[index]),
        )
        for index, (name, colour) in enumerate(zip(names, theme.class_colours(size), strict=True))
        if samples[index]
    ]
    return rail.filters(classes, shown, correctness, counts)
