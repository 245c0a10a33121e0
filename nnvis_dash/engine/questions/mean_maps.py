"""`mean_maps`: of every layer with maps the mean over its channels, as one small picture each, for an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class MeanMapsParameters:
    """The image is named as `state.references.Reference.plain` writes it."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    image: int | str = ""
    frozen: dict = field(default_factory=dict)  # type: ignore[type-arg]  # layer -> units that pass zeros on
    side: int = field(default=56, metadata={"low": 1, "high": 1024})  # positions of a picture's longer side at most


@QUESTIONS.register("mean_maps", title="Mean feature maps", reference="", parameters=MeanMapsParameters)
def mean_maps(desk: Desk, parameters: MeanMapsParameters) -> dict[str, Any]:
    """Return layers, a list of {layer, kind, shape, height, width, unit_layer} in the classifier's order, and arrays.

    mean_<i> (h, w) uint8 of the i-th layer stands for low[i] to high[i], (L,) float32 both.
    """
    from nnvis_dash.analysis import map_tiles
    from nnvis_dash.engine.layer_memory import means_of

    p = parameters
    means = means_of(desk, p.model, p.dataset, p.image, p.side, p.frozen)
    clf = desk.classifier(p.model)
    layers: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    lows, highs = [], []
    for layer in clf.card.layers:
        if layer.name not in means:
            continue
        tile = map_tiles.tiles_of(means[layer.name][:, :, None])
        low, high = map_tiles.extremes(tile)
        arrays[f"mean_{len(layers)}"] = map_tiles.quantised(tile, low, high)[0]
        lows.append(low[0])
        highs.append(high[0])
        layers.append(
            {
                "layer": layer.name,
                "kind": layer.kind,
                "shape": list(layer.output_shape),
                "height": tile.shape[1],
                "width": tile.shape[2],
                "unit_layer": map_tiles.unit_layer(clf.graph, layer.name),
            }
        )
    return {"layers": layers, "low": np.array(lows, np.float32), "high": np.array(highs, np.float32), **arrays}
