"""The columns of prediction difference maps that a page wants: one map, or the same of others beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from callbacks.reading import reference_of
from layouts.difference import SAMPLERS, chosen
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
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

    @property
    def is_map(self) -> bool:
        """Whether it is a map whose request is known."""
        return self.request is not None and not self.is_sensitivity


def columns_of(services: Services, wanted: Mapping[str, Any]) -> list[Column]:
    """Return the columns that a page wants, as they stand beside one another; one of them is the main one."""
    models = {card.fingerprint: card for card in services.workspace.models()}
    model = models.get(wanted["model"]) or services.workspace.model(wanted["model"])
    sample, target = image_of(wanted), wanted["target"]
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


def image_of(wanted: Mapping[str, Any]) -> int | str:
    """Return the image that is tested, as requests write it."""
    reference = reference_of(wanted)
    if reference is None:
        raise ParameterError("No image is named", "Click a point on the map.")
    return reference.plain


def _samplers(services: Services, wanted: Mapping[str, Any], model: ModelCard) -> list[Column]:
    sample, target = image_of(wanted), wanted["target"]
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
    first = image_of(wanted)
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
    sample = image_of(wanted)
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
