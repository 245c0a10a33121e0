"""Samples by classifiers and methods: a page of them, and its attributions as a job whose cells arrive one by one.

What is explained is one class for all cells of a row, matched by name; each classifier and method explains the samples
of a page in one batch. The page and its pictures come through the routes of `nnvis_dash/comparison_routes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from dash import Dash

from callbacks.drawing import draw
from callbacks.jobs import Wait, register_job
from callbacks.reading import reference_of
from callbacks.testing import attribution_request, drawn_values
from layouts import ids
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.comparison import explained_classes, layer_by_rule, own_classes, page_of
from nnvis_dash.analysis.suggestion.common_classes import CommonClasses, common_classes
from nnvis_dash.errors import Cancelled, NNVisError, ParameterError
from nnvis_dash.figures import heatmap
from nnvis_dash.services import Services
from nnvis_dash.state import checks
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import Selection
from nnvis_dash.types import DatasetCard, Ints, ModelCard


@dataclass(frozen=True, eq=False)
class Page:
    """The rows of one page, and what the classifiers say of them.

    Attributes
    ----------
    dataset : DatasetCard
    models : tuple of ModelCard
        The primary one first.
    rows : tuple of int or str
        As `Reference.plain` writes them.
    page, n_pages, n_rows : int
        Which page of how many, from 1 on, and the rows of all pages.
    classes : CommonClasses
    labels, explained : (n,) int32
        Common classes, -1 where there is none.
    probabilities : tuple of (n, K) float32 or None
        Of each classifier; None where it can't answer.
    problems : tuple of str
        Why; empty where it can.
    """

    dataset: DatasetCard
    models: tuple[ModelCard, ...]
    rows: tuple[int | str, ...]
    page: int
    n_pages: int
    n_rows: int
    classes: CommonClasses
    labels: Ints
    explained: Ints
    probabilities: tuple[npt.NDArray[np.float32] | None, ...]
    problems: tuple[str, ...]

    @property
    def answers(self) -> Ints:
        """The top class of each classifier (M, n), as common classes; -1 where it gave none."""
        found = np.full((len(self.models), len(self.rows)), -1, np.int32)
        for place, table in enumerate(self.probabilities):
            if table is not None and len(table):
                found[place] = self.classes.outputs[place][table.argmax(axis=1)]
        return found


def register(app: Dash, services: Services) -> None:
    """Register the lens and its job."""
    draw(app, "comparisonShown", ids.COMPARISON_SHOWN, ids.CATALOG, ids.SESSION, ids.SELECTION, ids.VIEW)
    register_job(app, services, "compare", compared)


def page_wanted(services: Services, wanted: Mapping[str, Any]) -> Page:
    """Return the page that a browser wants: of the selected samples, else of the image that is tested.

    Raises
    ------
    NNVisError
        No such dataset or classifier, samples that are not there, a class that no classifier has.
    """
    given = wanted.get("models")
    if not isinstance(given, list) or not 1 <= len(given) <= checks.MOST_CLASSIFIERS:
        raise ParameterError("No classifier is chosen", "Tick one in the list on the left.")
    dataset = services.dataset(str(wanted.get("dataset"))).card
    models = [services.workspace.model(str(one)) for one in given]
    everything = _rows(services, dataset, wanted)
    rows, page, n_pages = page_of(everything, _whole(wanted, "page", 1))
    names = dataset.class_names or services.class_names(dataset, models[0])
    classes = common_classes([one.n_classes for one in models], [one.class_names for one in models], names)
    references = [Reference.read(row) for row in rows]
    labels = [_label(services, dataset, one) for one in references]
    known = np.array([one if one < len(names) else -1 for one in labels], np.int32)
    said = _said(services, dataset, models, references)
    tables = tuple(table for table, _ in said)
    first = tables[0]
    predicted = np.full(len(rows), -1, np.int32)
    if first is not None and len(rows):
        predicted = classes.outputs[0][first.argmax(axis=1)]
    answerable = np.where(own_classes(classes, 0, known) >= 0, known, -1)
    return Page(
        dataset,
        tuple(models),
        tuple(rows),
        page,
        n_pages,
        len(everything),
        classes,
        known,
        explained_classes(answerable, predicted, _target(classes, wanted)),
        tables,
        tuple(problem for _, problem in said),
    )


def _rows(services: Services, dataset: DatasetCard, wanted: Mapping[str, Any]) -> list[int | str]:
    """Return the selected samples, else the image that is tested."""
    text = checks.samples("The selection", wanted.get("samples") or "")
    rows: list[int | str] = [int(one) for one in services.chosen(Selection(samples=text))]
    if not rows:
        tested = reference_of(dict(wanted))
        rows = [] if tested is None else [tested.plain]
    beyond = [row for row in rows if isinstance(row, int) and row >= dataset.n_samples]
    if beyond:
        raise ParameterError(
            f"There is no sample {beyond[0]} in {dataset.name}", f"It has samples 0 to {dataset.n_samples - 1}."
        )
    return rows


def _label(services: Services, dataset: DatasetCard, reference: Reference) -> int:
    """Return the dataset's class of an image, -1 where it isn't known; one of another dataset's tray has none here."""
    if reference.derived and services.workspace.derived.get(reference.derived).dataset != dataset.fingerprint:
        return -1
    label = services.label_of(dataset.fingerprint, reference)
    return -1 if label is None else label


def _target(classes: CommonClasses, wanted: Mapping[str, Any]) -> int | None:
    """Return the common class that was chosen, as an output of the primary classifier, for all rows."""
    target = checks.optional(checks.target)("The class", wanted.get("target"))
    if target is None:
        return None
    if target >= len(classes.outputs[0]):
        raise ParameterError(f"The classifier has no class {target}", "Choose another class.")
    return int(classes.outputs[0][target])


def _said(
    services: Services, dataset: DatasetCard, models: list[ModelCard], references: list[Reference]
) -> list[tuple[npt.NDArray[np.float32] | None, str]]:
    """Return each classifier's probabilities (n, K), from its index where that is there, or None and why."""
    plain = [one.plain for one in references]
    if not plain:
        return [(np.empty((0, one.n_classes), np.float32), "") for one in models]
    numbers = [one for one in plain if isinstance(one, int)]
    found: dict[str, tuple[npt.NDArray[np.float32] | None, str]] = {}
    for model in models if len(numbers) == len(plain) else ():
        index = services.index(dataset.fingerprint, model.fingerprint)
        if index is not None:
            found[model.fingerprint] = np.asarray(index.probabilities[numbers], np.float32), ""
    asked = [one.fingerprint for one in models if one.fingerprint not in found]
    if asked:
        found |= dict(zip(asked, services.predict(dataset.fingerprint, references, asked), strict=True))
    return [found[one.fingerprint] for one in models]


def _whole(wanted: Mapping[str, Any], name: str, otherwise: int) -> int:
    value = wanted.get(name)
    return otherwise if value is None else checks.whole(1, 1_000_000)(f"The {name}", value)


def methods_wanted(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the methods of the columns: those that stand side by side, else the one that the page shows."""
    chosen = checks.names("The methods", wanted.get("methods") or [])
    return chosen or (checks.name("The method", wanted.get("attribution")),)


def compared(services: Services, wanted: Mapping[str, Any], wait: Wait) -> dict[str, Any]:
    """Explain the samples of a page by every method and classifier; what is ready is reported on the way."""
    page, methods = page_wanted(services, wanted), methods_wanted(wanted)
    cells: list[dict[str, Any]] = []
    count = len(methods) * len(page.models)
    for method in methods:
        for place in range(len(page.models)):
            more = {"cells": list(cells), "of": f"{len(cells) + 1} of {count}"}
            cells.append(_cells(page, place, method, wanted, wait, more))
    return {"cells": cells}


def page_request(page: Page, place: int, method: str, wanted: Mapping[str, Any]) -> tuple[Any, list[int]]:
    """Return the request for one classifier and method on a page's rows, and each row's place in it.

    A row whose class the classifier doesn't have is in no request: its place is -1. Without any there is no request.
    The method that the page shows has the parameters that were set, the others their own.
    """
    card = page.models[place]
    targets = own_classes(page.classes, place, page.explained)
    kept = np.flatnonzero(targets >= 0)
    places = np.full(len(page.rows), -1)
    places[kept] = np.arange(len(kept))
    asked = {
        "dataset": page.dataset.fingerprint,
        "model": card.fingerprint,
        "method": method,
        "layer": layer_by_rule(card, str(wanted.get("layer") or "last")),
        "explained": None,
        "unit": None,
        "target": None,
        "targets": targets[kept].tolist(),
        "output": wanted.get("output") or "logits",
        "parameters": dict(wanted.get("parameters") or {}) if method == wanted.get("attribution") else {},
    }
    request = attribution_request(asked, [page.rows[row] for row in kept], card) if len(kept) else None
    return request, places.tolist()


def _cells(
    page: Page, place: int, method: str, wanted: Mapping[str, Any], wait: Wait, more: dict[str, Any]
) -> dict[str, Any]:
    """Compute one classifier's cells of a method; one that can't says why."""
    cell = {"model": page.models[place].fingerprint, "method": method}
    try:
        request, places = page_request(page, place, method, wanted)
        if request is None:
            return {**cell, "places": places, "most": [0.0] * len(places)}
        artifact = wait(request, **more)
    except Cancelled:
        raise  # whoever cancels one method wants none of those behind it either
    except NNVisError as error:
        return {**cell, "problem": str(error)}
    smooth, clip = bool(wanted.get("smooth", True)), float(wanted.get("clip") or 100.0)
    most = [
        0.0 if one < 0 else round(heatmap.strongest(drawn_values(artifact, one, smooth), clip), 9) for one in places
    ]
    signed = heatmap.is_signed(np.asarray(artifact.array("heatmap")), METHODS[method].traits)
    return {
        **cell,
        "key": artifact.key,
        "asked": dict(request.parameters),
        "places": places,
        "most": most,
        "signed": signed,
        "layer": artifact.card["layer"],
    }
