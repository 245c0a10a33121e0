"""Flask routes for what a person drags: an image under its edits and what every classifier says of it, at once.

These answers don't go through a background job: a slider asks again as soon as it has an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.transformations import GROUPS, TRANSFORMATIONS, group_of, identity_of
from nnvis_dash.errors import ParameterError
from nnvis_dash.figures import theme
from nnvis_dash.figures.heatmap import data_uri
from nnvis_dash.posting import answers, body
from nnvis_dash.registry import Entry
from nnvis_dash.services import Services
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import Selection
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.pixels import encode_png

PREVIEW = 512  # pixels of the longer side of an edited image as it is sent
TOP = 5  # classes that are listed
MANY = 64  # images of a selection that are asked about


def whatif_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("whatif", __name__)

    @routes.get("/transformations")
    @answers
    def transformations() -> dict[str, Any]:
        """Every transformation with its parameters, in the groups and order of menus."""
        entries = sorted(TRANSFORMATIONS.values(), key=lambda entry: (GROUPS.index(group_of(entry)), entry.title))
        return {"groups": list(GROUPS), "transformations": [_described(entry) for entry in entries]}

    @routes.post("/whatif")
    @answers
    def whatif() -> dict[str, Any]:
        """What becomes of an image: ``{"dataset", "sample" | "derived", "edits", "classifiers"}``.

        Answers with the addresses of the image before and after (an edited one comes with it), its reference, and of
        each classifier the most probable classes before and after.
        """
        wanted = body()
        reference = _reference(wanted)
        card = services.workspace.dataset(str(wanted.get("dataset"))).card
        before = services.before(reference)
        pictures = [reference] if before is None else [before, reference]
        found = services.predict(card.fingerprint, pictures, _names(wanted.get("classifiers")))
        label = services.label_of(card.fingerprint, reference)
        return {
            "reference": reference.plain,
            "before": None if before is None else _address(card, before),
            "after": preview(services, card, reference),
            "answers": [
                _told(services, card, services.workspace.model(name), answer, label)
                for name, answer in zip(_names(wanted.get("classifiers")), found, strict=True)
            ],
        }

    @routes.post("/whatif/selection")
    @answers
    def selection() -> dict[str, Any]:
        """How many images of a selection another class is predicted for after these edits; the first `MANY` are asked.

        Takes ``{"dataset", "samples", "edits", "classifiers"}``.
        """
        wanted = body()
        card = services.workspace.dataset(str(wanted.get("dataset"))).card
        edits = _reference({"sample": 0, "edits": wanted.get("edits")}).edits
        chosen = services.chosen(Selection(samples=str(wanted.get("samples") or "")))
        asked = [int(sample) for sample in chosen[:MANY]]
        names = _names(wanted.get("classifiers"))
        references = [Reference(sample, "", more) for more in ((), edits) for sample in asked]
        found = services.predict(card.fingerprint, references, names) if asked else []
        told = []
        for name, (probabilities, problem) in zip(names, found, strict=False):
            entry: dict[str, Any] = {"model": name, "name": services.workspace.model(name).name, "problem": problem}
            if probabilities is not None:
                classes = probabilities.argmax(axis=1)
                before, after = classes[: len(asked)], classes[len(asked) :]
                flipped = np.flatnonzero(before != after)
                entry |= {"flipped": len(flipped), "which": [asked[place] for place in flipped]}
                labels = services.labels(card, services.workspace.model(name))
                if labels is not None:
                    truth = np.asarray(labels)[asked]
                    entry["right"] = [int((before == truth).sum()), int((after == truth).sum())]
            told.append(entry)
        return {"of": len(asked), "selected": len(chosen), "answers": told}

    return routes


def _described(entry: Entry[Any]) -> dict[str, Any]:
    parameters = [
        {
            "name": one.name,
            "default": one.default,
            "help": one.help,
            "low": one.low,
            "high": one.high,
            "choices": list(one.choices),
            "unit": one.unit,
            "step": one.step,
            "kind": "bool"
            if one.type is bool
            else "text"
            if one.type is str
            else "int"
            if one.type is int
            else "number",
        }
        for one in entry.form()
    ]
    return {
        "name": entry.name,
        "title": entry.title,
        "summary": entry.summary,
        "reference": entry.reference,
        "group": group_of(entry),
        "identity": identity_of(entry),
        "parameters": parameters,
    }


def _reference(wanted: dict[str, Any]) -> Reference:
    reference = Reference.wanted(wanted)
    if reference is None:
        raise ParameterError("No image is named", "Click a point on the map.")
    return reference


def _names(value: Any) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def _address(card: DatasetCard, reference: Reference) -> str:
    return f"image/{card.fingerprint}/{reference.plain}.png"


def preview(services: Services, card: DatasetCard, reference: Reference) -> str:
    """Return where the image is, or the image itself where its edits are likely to be other ones soon."""
    if not reference.edits:
        return _address(card, reference)
    return data_uri(encode_png(services.picture(card.fingerprint, reference), PREVIEW))


def _told(
    services: Services, card: DatasetCard, model: ModelCard, answer: tuple[Any, str], label: int | None
) -> dict[str, Any]:
    """Return one classifier's answer as the page draws it."""
    probabilities, problem = answer
    told: dict[str, Any] = {"model": model.fingerprint, "name": model.name, "problem": problem, "entries": []}
    if probabilities is None:
        return told
    names = services.class_names(card, model)
    colours = theme.class_colours(len(names))
    truth = card.class_names[label] if label is not None and label < len(card.class_names) else None
    after = probabilities[-1]
    before = probabilities[0] if len(probabilities) > 1 else None
    listed = most_probable(after, before)
    told["entries"] = [
        {
            "index": index,
            "name": names[index],
            "colour": colours[index],
            "after": float(after[index]),
            "before": None if before is None else float(before[index]),
            "label": names[index] == truth if truth is not None else index == label,
        }
        for index in listed
    ]
    told["after"] = int(after.argmax())
    told["before"] = None if before is None else int(before.argmax())
    return told


def most_probable(after: Any, before: Any) -> Sequence[int]:
    """Return the classes that are most probable after the edits, and the one that was before."""
    first = [int(index) for index in np.argsort(-after, kind="stable")[:TOP]]
    if before is not None and int(before.argmax()) not in first:
        first[-1] = int(before.argmax())
    return first
