"""Flask routes for the dots of the network view: how every unit answers, and what one unit answers to most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flask
import numpy as np
import numpy.typing as npt

from nnvis_dash.envelope import envelope
from nnvis_dash.errors import ParameterError
from nnvis_dash.posting import answers, body
from nnvis_dash.services import Services
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import Selection
from nnvis_dash.types import DatasetCard, ModelCard

MOST = 100  # of a unit's top images whose classes are counted


def network_units_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("network_units", __name__)

    @routes.post("/network/units")
    @answers
    def units() -> flask.Response:
        """How every unit of a classifier answers, as an envelope: values (U,) float32 and dead (U,) uint8.

        Takes ``{"dataset", "model", "colour", "by", "standardised"}`` and what the colour says: "samples" the selection
        (of "mean", "max" and "rest"), "images" two references or records of sample, derived and edits (of "samples"),
        "class_a" and "class_b" (of "classes").
        The header's "of" are the numbers of images that were compared; "said", what the values are, in words.
        """
        wanted = body()
        dataset, model = _cards(services, wanted)
        colour = wanted.get("colour", "layer")
        if colour not in _ASKED:
            raise ParameterError(f"Units can't be coloured by {colour!r}", f"Use one of: {', '.join(_ASKED)}.")
        asked, said = _ASKED[colour](services, dataset, model, wanted)
        parameters = {name: wanted[name] for name in ("by", "standardised") if name in wanted}
        question = {"dataset": dataset.fingerprint, "model": model.fingerprint, **parameters, **asked}
        found = services.engine.ask("unit_responses", question)
        values = np.nan_to_num(np.asarray(found["values"], np.float32))
        return envelope({"of": found["of"], "said": said}, values=values, dead=np.asarray(found["dead"], np.uint8))

    @routes.post("/network/top")
    @answers
    def top() -> dict[str, Any]:
        """What a unit answers to most: ``{"dataset", "model", "layer", "channel", "n", "by", "areas"}``.

        Answers as `engine.questions.top_images` does, with the ids as text, "samples", for a selection, and "of", how
        many images there are.
        """
        wanted = body()
        dataset, model = _cards(services, wanted)
        names = ("layer", "channel", "n", "by", "areas")
        given = {name: wanted[name] for name in names if wanted.get(name) is not None}
        question = {"dataset": dataset.fingerprint, "model": model.fingerprint, "most": MOST, **given}
        found = services.engine.ask("top_images", question)
        return {"samples": encode_ids(found.pop("ids")), **found, "of": dataset.n_samples}

    return routes


def _cards(services: Services, wanted: Mapping[str, Any]) -> tuple[DatasetCard, ModelCard]:
    dataset = services.workspace.dataset(str(wanted.get("dataset"))).card
    model = services.workspace.model(str(wanted.get("model")))
    if not any(layer.n_units for layer in model.layers):
        raise ParameterError(
            f"The classifier {model.name!r} has no layers with units", "Add the Keras model that it was made of."
        )
    return dataset, model


def _only_dead(services: Services, dataset: DatasetCard, model: ModelCard, wanted: Mapping[str, Any]) -> Any:
    return {"measure": "nothing"}, "layer"


def _selected(measure: str) -> Callable[[Services, DatasetCard, ModelCard, Mapping[str, Any]], Any]:
    def asked(services: Services, dataset: DatasetCard, model: ModelCard, wanted: Mapping[str, Any]) -> Any:
        ids = services.chosen(Selection(samples=str(wanted.get("samples") or "")))
        if not len(ids):
            return {"measure": measure}, f"{measure} over all {dataset.n_samples:,} images"
        return {"measure": measure, "samples": services.workspace.selections.text(ids)}, f"{measure} over the selection"

    return asked


def _rest(services: Services, dataset: DatasetCard, model: ModelCard, wanted: Mapping[str, Any]) -> Any:
    ids = services.chosen(Selection(samples=str(wanted.get("samples") or "")))
    if not len(ids):
        raise ParameterError("No images are selected", "Lasso some on the map to compare them with the rest.")
    return {"measure": "difference", "samples": services.workspace.selections.text(ids)}, "selection − rest"


def _pair(services: Services, dataset: DatasetCard, model: ModelCard, wanted: Mapping[str, Any]) -> Any:
    given = wanted.get("images")
    images = [_reference(one) for one in given] if isinstance(given, list) else []
    if len(images) != 2 or None in images:
        raise ParameterError(
            "Two images are to be compared", "Click one on the map to test it, and shift-click the other one."
        )
    return {"measure": "pair", "images": images}, "tested − compared image"


def _reference(given: Any) -> int | str | None:
    """Return an image that is named by its reference or by what a view asks for; None where none is."""
    found = Reference.wanted(given) if isinstance(given, dict) else None if given is None else Reference.read(given)
    return None if found is None else found.plain


def _classes(services: Services, dataset: DatasetCard, model: ModelCard, wanted: Mapping[str, Any]) -> Any:
    labels = services.labels(dataset, model)
    if labels is None:
        raise ParameterError(
            f"The dataset {dataset.name!r} has no labels, so there are no images of a class",
            "Select images on the map and colour by the selection less the rest.",
        )
    names = services.class_names(dataset, model)
    first, second = (_images_of(labels, names, wanted.get(key)) for key in ("class_a", "class_b"))
    text = services.workspace.selections.text
    said = f"{first[0]} − {second[0]}"
    return {"measure": "difference", "samples": text(first[1]), "against": text(second[1])}, said


def _images_of(labels: npt.NDArray[np.int32], names: tuple[str, ...], number: Any) -> tuple[str, npt.NDArray[np.int64]]:
    """Return a class's name and the ids of its images."""
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(names):
        raise ParameterError(f"There is no class {number!r}", f"Choose two of the {len(names)} classes.")
    ids = np.flatnonzero(labels == number)
    if not len(ids):
        raise ParameterError(f"The dataset has no image of the class {names[number]!r}", "Choose another class.")
    return names[number], ids


_ASKED: dict[str, Callable[[Services, DatasetCard, ModelCard, Mapping[str, Any]], Any]] = {
    "layer": _only_dead,
    "mean": _selected("mean"),
    "max": _selected("max"),
    "rest": _rest,
    "samples": _pair,
    "classes": _classes,
}
