"""`layer_weights`: what a layer's units multiply the pixels around a position by, as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class LayerWeightsParameters:
    """Of a layer that sees one or three channels."""

    model: str = ""  # fingerprint
    layer: str = ""


@QUESTIONS.register("layer_weights", title="Weights as images", reference="", parameters=LayerWeightsParameters)
def layer_weights(desk: Desk, parameters: LayerWeightsParameters) -> dict[str, Any]:
    """Return tiles (units, h, w, 1 or 3) uint8, each on its own scale: 128 for 0, 255 for `reach` (units,) float32."""
    from nnvis_dash.analysis.layer_outputs import kernels, weights_are_images
    from nnvis_dash.analysis.map_tiles import signed
    from nnvis_dash.errors import ParameterError

    clf = desk.classifier(parameters.model)
    if clf.card.layer(parameters.layer) is not None and not weights_are_images(clf, parameters.layer):
        shown = [layer.name for layer in clf.card.layers if weights_are_images(clf, layer.name)][:12]
        raise ParameterError(
            f"The weights of the layer {parameters.layer!r} are no images of one or three channels",
            f"Choose one of: {', '.join(shown)}." if shown else "This classifier has no layer with such weights.",
        )
    images = np.nan_to_num(kernels(clf, parameters.layer))
    reach = np.abs(images).max(axis=(1, 2, 3))
    tiles = signed(images.reshape(len(images), images.shape[1], -1), reach).reshape(images.shape)
    return {"layer": parameters.layer, "tiles": tiles, "reach": reach}
