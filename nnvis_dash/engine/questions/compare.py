"""`compare`: how far apart a classifier's layers are for two images, and where they part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class CompareParameters:
    """Images are named as `state.references.Reference.plain` writes them."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    image: int | str = ""
    against: int | str = ""
    frozen: dict = field(default_factory=dict)  # type: ignore[type-arg]  # layer -> units that pass zeros on, in both


@QUESTIONS.register("compare", title="Two inputs", reference="", parameters=CompareParameters)
def compare(desk: Desk, parameters: CompareParameters) -> dict[str, Any]:
    """Return what `compare_inputs` finds of two images, from the outputs that feature maps are drawn of.

    layers, distance (L,) float64, pixels (float), parts_at (a layer's name or None), said (in words), kinds (of the
    layers) and probabilities (2, K) float32. What needs no second look is not computed twice.
    """
    from nnvis_dash.analysis.compare_inputs import normalised_distance, parting_layer, parting_said
    from nnvis_dash.analysis.mutation.recording import known_layers
    from nnvis_dash.analysis.references import batch_of
    from nnvis_dash.engine.layer_memory import outputs_of

    p = parameters
    clf = desk.classifier(p.model)
    card = clf.card
    layers = known_layers(card, None)
    a, b = (outputs_of(desk, p.model, p.dataset, image, layers, p.frozen) for image in (p.image, p.against))
    distance = np.array([normalised_distance(a.layers[name][None], b.layers[name][None])[0] for name in layers])
    references = [p.image, p.against]
    pixels = batch_of(references, desk.dataset(p.dataset), desk.workspace.derived, card.input_shape, card.resize)
    parts_at = parting_layer(card, layers, distance)
    return {
        "layers": list(layers),
        "kinds": [layer.kind for layer in card.layers if layer.name in layers],
        "distance": distance,
        "pixels": float(normalised_distance(pixels[:1], pixels[1:])[0]),
        "parts_at": parts_at,
        "said": parting_said(parts_at),
        "probabilities": np.stack([np.asarray(one.probabilities) for one in (a, b)]),
    }
