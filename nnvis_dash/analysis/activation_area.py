"""Where in images a unit is active: its map laid over the image, and what its strongest position sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.receptive_field import ReceptiveField, receptive_field
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True, eq=False)
class ActivationArea:
    """Where images activate a unit, in the classifier's size.

    Attributes
    ----------
    mask : (N, h, w) bool
        Where the unit's activation, laid over the image, has at least a share of its maximum. All of it for a neuron,
        which is nowhere in the image; nothing of it where the unit is silent.
    boxes : (N, 4) int64
        Top, left, bottom, right of what the position of the maximum sees; zeros where the unit is silent.
    positions : (N, 2) int64
        Row and column of the maximum in the layer's map; −1 where the unit is silent.
    values : (N,) float32
        The maximum.
    """

    mask: npt.NDArray[np.bool_]
    boxes: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    values: Floats


def activation_area(clf: Classifier, images: Any, unit: Unit, share: float = 0.5) -> ActivationArea:
    """Find where in images a unit is active.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255
        Also a sequence of images of mixed size; see `Classifier.prepare`.
    unit : Unit
        Of any layer with a map, or a neuron.
    share : float, above 0, at most 1
        Of the image's own maximum.

    Returns
    -------
    ActivationArea
        A map's values stand at the middles of what the positions see, with straight lines between them. A unit that is
        nowhere above 0 is silent.

    Raises
    ------
    ParameterError
        No such layer or unit, a share outside its range, images that don't fit.

    References
    ----------
    Zhou et al., "Object detectors emerge in deep scene CNNs", ICLR 2015, arXiv:1412.6856, section 3.2 (the area that a
    unit's activation covers above a threshold).
    """
    from nnvis_dash.analysis.attribution import Question, scores

    if not 0 < share <= 1:
        raise ParameterError(f"The share of the maximum is {share}", "Give one above 0, at most 1.")
    scores.subject(clf.card, Question(unit=unit, layer=None, output="logits"))
    found = [_maps(clf, batch, unit) for batch in clf.batches(images)]
    height, width = clf.card.input_shape[:2]
    if not found:
        none = np.zeros(0, np.int64)
        return ActivationArea(
            np.zeros((0, height, width), bool), none.reshape(0, 4), none.reshape(0, 2), none.astype(np.float32)
        )
    maps = np.concatenate(found)
    field = receptive_field(clf, unit.layer)
    n = len(maps)
    flat = maps.reshape(n, -1)
    places = flat.argmax(axis=1)
    values = np.take_along_axis(flat, places[:, None], axis=1)[:, 0].astype(np.float32)
    active = values > 0
    positions = np.stack(np.divmod(places, maps.shape[2]), axis=1).astype(np.int64)
    boxes = np.array([field.box((row, column)) for row, column in positions], np.int64).reshape(n, 4)
    rows, columns = (_between(field, axis, extent) for axis, extent in enumerate((height, width)))
    over = np.matmul(np.matmul(rows, maps), columns.T)
    # the interpolation may not reach the maximum between pixels, so its own one counts
    edge = share * over.reshape(n, -1).max(axis=1, initial=0)
    mask = (over >= edge[:, None, None]) & (over > 0)
    boxes[~active], positions[~active], mask[~active] = 0, -1, False
    return ActivationArea(mask, boxes, positions, values)


def _maps(clf: Classifier, images: npt.NDArray[Any], unit: Unit) -> Floats:
    """Return (N, h, w) of a unit for prepared images; (N, 1, 1) where it has no map."""
    import tensorflow as tf

    from nnvis_dash.analysis.attribution import scores

    def look(raw: Any, channel: Any) -> tuple[Any]:
        seen, visit = scores.keeping(unit.layer)
        clf.scores(raw, visit)
        values = tf.gather(tf.cast(seen[0], tf.float32), channel, axis=-1)
        if values.shape.rank != 3:
            values = tf.reduce_max(tf.reshape(values, (tf.shape(values)[0], -1)), axis=1)[:, None, None]
        return (values,)

    specs = clf.signature(images.dtype), tf.TensorSpec((), tf.int32)
    traced = scores.traced(clf, ("unit map", unit.layer, images.dtype.name), look, *specs)
    return traced(images, np.int32(unit.channel))[0]


def _between(field: ReceptiveField, axis: int, extent: int) -> Floats:
    """Return (extent, n): the share that each position of a map has in each pixel along an axis."""
    centres = field.centres(axis)
    pixels = np.arange(extent)
    return np.stack([np.interp(pixels, centres, row) for row in np.eye(len(centres))], axis=1).astype(np.float32)
