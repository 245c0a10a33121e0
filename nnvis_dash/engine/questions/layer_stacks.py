"""`layer_stacks`: of many layers at once the channels that answer most to an image, as small pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk
    from nnvis_dash.types import Floats


@dataclass(frozen=True)
class LayerStacksParameters:
    """The image is named as `state.references.Reference.plain` writes it."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    image: int | str = ""
    layers: list = field(default_factory=list)  # type: ignore[type-arg]  # names; what has no channels is left out
    frozen: dict = field(default_factory=dict)  # type: ignore[type-arg]  # layer -> units that pass zeros on
    cards: int = field(default=8, metadata={"low": 1, "high": 64})  # channels of a layer at most
    side: int = field(default=32, metadata={"low": 1, "high": 256})  # positions of a picture's longer side at most


@QUESTIONS.register("layer_stacks", title="Stacks of feature maps", reference="", parameters=LayerStacksParameters)
def layer_stacks(desk: Desk, parameters: LayerStacksParameters) -> dict[str, Any]:
    """Return a header and arrays, `i` counting the layers of the header.

    header holds layers, a list of {layer, height, width (of the pictures), least, most (of the whole layer), mean}, and
    probabilities (of one image). `mean`: the only picture is the mean over the channels, because the outputs of all
    these layers are too large to be kept.

    tiles_<i> (k, h, w) uint8 stand for low_<i> to high_<i> (k,) float32; channels_<i> (k,) int32 are their numbers, the
    one with the greatest mean over its map first; -1 for a mean over channels. Of a layer without positions all
    channels are given, (C, 1, 1), in their own order.
    """
    from nnvis_dash.analysis import map_tiles
    from nnvis_dash.analysis.layer_outputs import ranked
    from nnvis_dash.engine.layer_memory import ONE, means_of, outputs_of
    from nnvis_dash.errors import ParameterError

    p = parameters
    clf = desk.classifier(p.model)
    known = {layer.name: layer for layer in clf.card.layers}
    names = [str(name) for name in p.layers if name in known]
    if not names:
        raise ParameterError(
            "No layers of this classifier are named", f"Name some of: {', '.join([*known][:8]) or 'none'}."
        )
    whole = 4 * sum(math.prod(size or 1 for size in known[name].output_shape) for name in names) <= ONE
    kept = names if whole else [name for name in names if not known[name].is_map] or [clf.card.layers[-1].name]
    seen = outputs_of(desk, p.model, p.dataset, p.image, kept, p.frozen)
    means = {} if whole else means_of(desk, p.model, p.dataset, p.image, p.side, p.frozen)
    layers: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    for name in names:
        only_mean = not whole and name in means
        try:
            maps = means[name][:, :, None] if only_mean else map_tiles.as_maps(seen.layers[name], clf.graph, name)
        except ParameterError:
            continue  # no channels: nothing to stack
        positions = maps.shape[0] * maps.shape[1] > 1
        chosen = ranked(maps)[: p.cards] if positions else np.arange(maps.shape[2])
        tiles = map_tiles.tiles_of(map_tiles.shrunk(np.ascontiguousarray(maps[:, :, chosen]), p.side))
        low, high = map_tiles.extremes(tiles)
        i = len(layers)
        arrays[f"tiles_{i}"] = map_tiles.quantised(tiles, low, high)
        arrays[f"low_{i}"], arrays[f"high_{i}"] = low, high
        arrays[f"channels_{i}"] = (np.full(1, -1) if only_mean else chosen).astype(np.int32)
        least, most = _ends(maps)
        layers.append(
            {
                "layer": name,
                "height": tiles.shape[1],
                "width": tiles.shape[2],
                "least": least,
                "most": most,
                "mean": only_mean,
            }
        )
    said = [] if seen.probabilities is None else [seen.probabilities.tolist()]
    return {"header": {"layers": layers, "probabilities": said}, **arrays}


def _ends(maps: Floats) -> tuple[float, float]:
    """Return the least and the greatest value, without NaN and infinities."""
    least, most = float(maps.min()), float(maps.max())
    if not np.isfinite(least + most):
        finite = np.nan_to_num(maps)
        return float(finite.min()), float(finite.max())
    return least, most
