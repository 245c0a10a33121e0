"""Flask routes for feature maps: a layer's channels, the means of all layers, weights as images, and two inputs.

They are asked while a person looks from layer to layer, so they don't go through a job; arrays travel in envelopes.
"""

from __future__ import annotations

from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.mutation.frozen import read_ranges
from nnvis_dash.envelope import envelope
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.figures import theme
from nnvis_dash.posting import answers, body
from nnvis_dash.services import Services
from nnvis_dash.state.references import Reference
from nnvis_dash.types import ModelCard

TOP = 3  # classes that are told of an image
SIDE = 56  # positions of a picture's longer side, unless another is asked for


def network_maps_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("network_maps", __name__)

    @routes.post("/network/maps")
    @answers
    def maps() -> flask.Response:
        """A layer's channels for an image; with ``mean`` the mean map of every layer; with ``stacks``, names of layers,
        the strongest channels of each. As an envelope.

        Takes ``{"dataset", "model", "sample" | "derived", "edits", "layer", "frozen": {layer: "0-3,7"}, "side",
        "channels", "against", "pair", "mean", "stacks"}``; answers with what the questions `feature_maps`, `mean_maps`
        and `layer_stacks` give, the image's reference and its most probable classes (of each image that was run).
        `against` is a sample's number or the text of a reference.
        """
        wanted = body()
        card, names, parameters = _image(wanted)
        parameters["side"] = wanted.get("side", SIDE)
        if wanted.get("mean"):
            found = services.engine.ask("mean_maps", parameters)
            return envelope({"layers": found.pop("layers")}, **found)
        question = "layer_stacks" if "stacks" in wanted else "feature_maps"
        if question == "layer_stacks":
            parameters["layers"] = wanted["stacks"]
        elif card.layers and card.layer(str(wanted.get("layer"))) is None:
            raise NotFound.among("layer", wanted.get("layer"), [layer.name for layer in card.layers])
        else:
            against = wanted.get("against")
            parameters |= {
                "layer": str(wanted.get("layer")),
                "against": None if against is None else Reference.read(against).plain,
                "channels": wanted.get("channels"),
                "pair": bool(wanted.get("pair")),
            }
        found = services.engine.ask(question, parameters)
        header = found.pop("header")
        header["reference"] = parameters["image"]
        header["answers"] = [_most_probable(names, np.asarray(one)) for one in header.pop("probabilities")]
        return envelope(header, **found)

    @routes.post("/network/weights")
    @answers
    def weights() -> flask.Response:
        """The weights of ``{"model", "layer"}`` as images, in an envelope: what the question `layer_weights` gives."""
        wanted = body()
        card = services.workspace.model(str(wanted.get("model")))
        found = services.engine.ask("layer_weights", {"model": card.fingerprint, "layer": str(wanted.get("layer"))})
        return envelope({"layer": found.pop("layer")}, **found)

    @routes.post("/network/compare")
    @answers
    def compare() -> dict[str, Any]:
        """How far apart the layers are for an image and another, ``{.., "against": reference or null}``.

        Null stands for the image before its edits, or for what a derived one was made of. Answers with both images'
        references and most probable classes, layers as ``[name, kind, distance]`` and where they part.
        """
        wanted = body()
        _, names, parameters = _image(wanted)
        first = Reference.read(parameters["image"])
        given = wanted.get("against")
        second = services.before(first) if given is None else Reference.read(given)
        if second is None:
            raise ParameterError(
                "There is no second image",
                "Type a sample's number, edit or attack the tested image, or shift-click one.",
            )
        if second == first:
            raise ParameterError("Both inputs are the same image", "Choose another one to compare it with.")
        parameters["against"] = second.plain
        found = services.engine.ask("compare", parameters)
        rows = zip(found["layers"], found["kinds"], np.asarray(found["distance"]).tolist(), strict=True)
        return {
            "layers": [list(row) for row in rows],
            "parts_at": found["parts_at"],
            "said": found["said"],
            "pixels": found["pixels"],
            "images": [
                {"reference": one.plain, "name": _named(services, one), "answers": _most_probable(names, said)}
                for one, said in zip((first, second), np.asarray(found["probabilities"]), strict=True)
            ],
        }

    def _image(wanted: dict[str, Any]) -> tuple[ModelCard, tuple[str, ...], dict[str, Any]]:
        """Return the classifier's card, the names of its classes, and what all questions about an image take."""
        card = services.workspace.model(str(wanted.get("model")))
        dataset = services.workspace.dataset(str(wanted.get("dataset"))).card
        reference = Reference.wanted(wanted)
        if reference is None:
            raise ParameterError("No image is tested", "Click a point on the map.")
        frozen = read_ranges(card, wanted.get("frozen") or {})
        return (
            card,
            services.class_names(dataset, card),
            {
                "dataset": dataset.fingerprint,
                "model": card.fingerprint,
                "image": reference.plain,
                "frozen": {layer: list(units) for layer, units in frozen.items()},
            },
        )

    return routes


def _most_probable(names: tuple[str, ...], probabilities: Any) -> list[dict[str, Any]]:
    """Return the most probable classes with their probabilities and colours."""
    colours = theme.class_colours(len(names))
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    return [
        {"index": int(one), "name": names[one], "probability": float(probabilities[one]), "colour": colours[one]}
        for one in order
    ]


def _named(services: Services, reference: Reference) -> str:
    """Return how the page calls an image."""
    derived = reference.derived
    name = services.workspace.derived.get(derived).name if derived else f"#{reference.sample}"
    return f"{name}, edited" if reference.edits else name
