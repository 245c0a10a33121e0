"""`feature_maps`: a layer's channels for an image as small pictures, also beside those of another image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.engine.desk import Desk

MOST = 2**23  # bytes of pictures in one answer; of more they are made smaller


@dataclass(frozen=True)
class FeatureMapsParameters:
    """Images are named as `state.references.Reference.plain` writes them."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    image: int | str = ""
    layer: str = ""
    frozen: dict = field(default_factory=dict)  # type: ignore[type-arg]  # layer -> units that pass zeros on
    against: int | str | None = None  # another image, with the same units frozen; None: this one with none frozen
    pair: bool = False  # also what it is held against, and the difference
    side: int = field(default=56, metadata={"low": 1, "high": 1024})  # positions of a picture's longer side at most
    channels: list | None = None  # type: ignore[type-arg]  # None: all


@QUESTIONS.register("feature_maps", title="Feature maps", reference="", parameters=FeatureMapsParameters)
def feature_maps(desk: Desk, parameters: FeatureMapsParameters) -> dict[str, Any]:
    """Return the tiles of a layer's channels, their values and their order.

    header holds layer, kind, shape (as the layer's output is), full ([h, w] of a map), height and width (of the tiles),
    n (channels in all), channels (None: all), unit_layer (whose units they are, or None), weights (whether
    `layer_weights` has pictures of them), classes (whether the channels are the classes), difference ("image", "frozen"
    or None) and probabilities (of one or both).

    tiles (C, h, w) uint8 stand for `low` (C,) to `high` (C,) float32; least, most and mean (C,) are those of the maps
    before they are averaged down. order_activation and order_difference (n,) int32 are all channels of the layer, the
    first to be shown first; difference (C,) is the L2 distance of each, 0 where there is nothing to hold against.

    With `pair` and something to hold against: other (C, h, w) uint8 on the same scale, and apart (C, h, w) uint8, the
    first minus the other, 128 for 0 and 255 for `reach` (C,).
    """
    from nnvis_dash.analysis import map_tiles
    from nnvis_dash.analysis.layer_outputs import distances, ranked, weights_are_images
    from nnvis_dash.engine.layer_memory import outputs_of

    wanted = (desk, parameters.model, parameters.dataset)
    layer = parameters.layer
    own = outputs_of(*wanted, parameters.image, [layer], parameters.frozen)
    clf = desk.classifier(parameters.model)
    output = own.layers[layer]
    maps = map_tiles.as_maps(output, clf.graph, layer)
    other = None
    if parameters.against is not None:
        other = outputs_of(*wanted, parameters.against, [layer], parameters.frozen)
    elif parameters.frozen:
        other = outputs_of(*wanted, parameters.image, [layer])
    height, width, n = maps.shape
    chosen = _channels(parameters.channels, layer, n)
    theirs = None if other is None else map_tiles.as_maps(other.layers[layer], clf.graph, layer)
    order = {"order_activation": ranked(maps).astype(np.int32)}
    order["order_difference"] = order["order_activation"]
    if theirs is not None:
        order["order_difference"] = ranked(maps, "difference", theirs).astype(np.int32)
    if chosen is not None:
        maps = np.ascontiguousarray(maps[:, :, chosen])
        theirs = None if theirs is None else np.ascontiguousarray(theirs[:, :, chosen])
    three = parameters.pair and theirs is not None
    side = _side(parameters.side, maps.shape, 3 if three else 1)
    tiles = map_tiles.tiles_of(map_tiles.shrunk(maps, side))
    full = np.nan_to_num(maps.reshape(-1, maps.shape[-1]))
    found: dict[str, Any] = {
        "least": full.min(axis=0),
        "most": full.max(axis=0),
        "mean": full.mean(axis=0),
        "difference": np.zeros(maps.shape[-1], np.float32)
        if theirs is None
        else np.nan_to_num(distances(maps, theirs)).astype(np.float32),
        **order,
    }
    if three and theirs is not None:
        others = map_tiles.tiles_of(map_tiles.shrunk(theirs, side))
        low, high = map_tiles.extremes(tiles, others)
        apart = tiles - others
        reach = np.abs(apart).max(axis=(1, 2))
        found |= {
            "other": map_tiles.quantised(others, low, high),
            "apart": map_tiles.signed(apart, reach),
            "reach": reach,
        }
    else:
        low, high = map_tiles.extremes(tiles)
    said = [one.probabilities for one in (own, other) if one is not None and one.probabilities is not None]
    header = {
        "layer": layer,
        "kind": clf.graph.step(layer).kind,
        "shape": list(output.shape),
        "full": [height, width],
        "height": tiles.shape[1],
        "width": tiles.shape[2],
        "n": n,
        "channels": chosen,
        "unit_layer": map_tiles.unit_layer(clf.graph, layer),
        "weights": weights_are_images(clf, layer),
        "classes": layer in _of_classes(clf) and n == clf.card.n_classes,
        "difference": None if other is None else "frozen" if parameters.against is None else "image",
        "probabilities": [one.tolist() for one in said],
    }
    return {"header": header, "tiles": map_tiles.quantised(tiles, low, high), "low": low, "high": high, **found}


def _channels(wanted: list[Any] | None, layer: str, n: int) -> list[int] | None:
    """Return the channels asked for, None for all; ParameterError for one that isn't there."""
    from nnvis_dash.errors import ParameterError

    if wanted is None:
        return None
    for channel in wanted:
        if not isinstance(channel, int) or isinstance(channel, bool) or not 0 <= channel < n:
            raise ParameterError(f"The layer {layer!r} has no channel {channel!r}", f"Give numbers from 0 to {n - 1}.")
    if not wanted:
        raise ParameterError(f"No channels of the layer {layer!r} are named", "Name one, or leave them out for all.")
    return [int(channel) for channel in wanted]


def _of_classes(clf: Classifier) -> tuple[str, ...]:
    """Return the last layer with units and those behind it."""
    names = [layer.name for layer in clf.card.layers]
    return tuple(names[max((place for place, layer in enumerate(clf.card.layers) if layer.n_units), default=0) :])


def _side(side: int, shape: tuple[int, ...], pictures: int) -> int:
    """Return how many positions a side may have, so that all pictures fit into `MOST` bytes."""
    height, width, channels = shape
    while side > 1:
        k = -(-max(height, width) // side)
        if pictures * channels * -(-height // k) * -(-width // k) <= MOST:
            return side
        side = max(1, side * 3 // 4)
    return side
