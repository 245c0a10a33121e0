"""Whether a model is broken before anything is asked of it: weights that aren't numbers, answers that never change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ModelError

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

WARNING = "warning"  # the card's note
N_PROBES = 4
_LARGEST = 1 << 28  # numbers that all layers put out for one image (1 GB), beyond which a model isn't probed
_SAME = 1e-6  # scores that differ by less, as a share of the largest, are equal


def check_weights(model: Any) -> None:
    """Refuse a model whose weights hold NaN or infinity.

    Parameters
    ----------
    model : keras.Model

    Raises
    ------
    ModelError
        Names the first such layer, how many of its values are bad, and how many layers more there are.
    """
    bad: dict[str, list[int]] = {}
    for weight in model.weights:
        values = np.asarray(weight.numpy())
        if values.dtype.kind not in "fc" and values.dtype.name != "bfloat16":
            continue
        n_bad = int(values.size - np.isfinite(values.astype(np.float32, copy=False)).sum())
        if n_bad:
            path = str(getattr(weight, "path", weight.name))
            counts = bad.setdefault(path.rpartition("/")[0] or path, [0, 0])
            counts[0] += n_bad
            counts[1] += values.size
    if not bad:
        return
    layer, (count, total) = next(iter(bad.items()))
    n_more = len(bad) - 1
    more = f", and those of {n_more} more layer{'s' * (n_more > 1)}" if n_more else ""
    raise ModelError(
        f"The weights of the layer {layer!r} hold NaN or infinity ({count:,} of {total:,} values){more}: the model's "
        f"training failed, and it can't classify",
        "Use the weights from before the loss became NaN, or train it again with a lower learning rate.",
    )


def probe(clf: Classifier) -> str:
    """Return a warning about a classifier whose answers never change or aren't numbers; empty where all is well.

    It is asked about a few very different images: black, white, a gradient, noise. A classifier that answers all of
    them alike is broken, or gets its pixels at a scale at which it sees no difference.
    """
    card = clf.card
    if sum(math.prod(size or 1 for size in layer.output_shape) for layer in card.layers) > _LARGEST:
        return ""
    rows, layers = [], []
    for image in probes(card.input_shape):
        try:
            rows.append(clf.logits(image[None])[0])
        except ModelError:
            layers.append(clf.first_not_finite(image[None]))
    if layers:
        where = f", first in the layer {layers[0]!r}" if layers[0] else ""
        return (
            f"gives NaN or infinity for {len(layers)} of {N_PROBES} test images (black, white, gradient, noise){where}"
        )
    scores = np.stack(rows)
    spread = float(np.ptp(scores, axis=0).max())
    if spread <= _SAME * max(1.0, float(np.abs(scores).max())):
        return (
            f"gives the same answer for every one of {N_PROBES} test images (black, white, gradient, noise): its "
            f"training may have failed, or its pixels are to be scaled in another way"
        )
    return ""


def probes(shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Return four images that have little in common, (4, height, width, channels) uint8."""
    height, width, channels = shape
    images = np.zeros((N_PROBES, height, width, channels), np.uint8)
    images[1] = 255
    images[2] = np.linspace(0, 255, max(width, 1)).astype(np.uint8)[None, :, None]
    images[3] = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return images
