"""Feature maps: what any layer puts out for images, its channels in order, and a layer's weights as images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.mutation.recording import known_layers, record
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.graph import Graph, Step

Order = Literal["activation", "difference", "index"]
ORDERS: tuple[Order, ...] = ("activation", "difference", "index")
_FLATTENS = frozenset({"Flatten", "Reshape"})


def feature_maps(
    clf: Classifier,
    images: Any,
    layers: str | Sequence[str],
    frozen: Mapping[str, Iterable[int]] | None = None,
) -> dict[str, Floats]:
    """Return what layers put out.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255, or a sequence of images
    layers : str or sequence of str
        Any layers of `clf.card.layers`.
    frozen : mapping of a layer's name to the numbers of its units, optional
        Units that pass zeros on. A layer's own output is recorded before it is masked.

    Returns
    -------
    dict of layer -> (N, h, w, C) float32
        (N, units) for layers without positions; as the layer's output is shaped for any other.

    Raises
    ------
    NotFound
        No such layer; names those there are.
    ParameterError
        A TensorFlow graph without layers, units that can't be frozen, images that don't fit.
    """
    return record(clf, images, known_layers(clf.card, layers), frozen).outputs


def ranked(maps: npt.ArrayLike, by: Order = "activation", other: npt.ArrayLike | None = None) -> npt.NDArray[np.int64]:
    """Return a layer's channels in order, the first to be shown first.

    Parameters
    ----------
    maps : (..., C) array
        One layer's output, for one image or several.
    by : {"activation", "difference", "index"}
        The greatest mean over all images and positions first; the greatest distance (L2) from `other` first; as they
        are numbered. Equal ones as they are numbered.
    other : (..., C) array, optional
        Of the same shape: the same layer for other images, or with frozen units.

    Returns
    -------
    (C,) int

    Raises
    ------
    ParameterError
        No such order, or another array that is missing or of another shape.
    """
    values = np.asarray(maps)
    if values.ndim == 0:
        raise ParameterError("The maps have no channels", "Give one layer's output, channels last.")
    if by == "index":
        return np.arange(values.shape[-1])
    if by == "activation":
        measure = _over_positions(values).mean(axis=0, dtype=np.float64) if values.size else np.zeros(values.shape[-1])
    elif by == "difference":
        shape = None if other is None else np.shape(other)
        if shape != values.shape:
            raise ParameterError(
                f"The maps are {values.shape} and those to compare them with {shape}",
                "Give two outputs of one layer for equally many images.",
            )
        measure = distances(values, np.asarray(other))
    else:
        raise ParameterError(f"There is no order {by!r}", f"Use one of: {', '.join(ORDERS)}.")
    return np.argsort(-measure, kind="stable")


def distances(maps: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return (C,) how far apart two outputs (..., C) of a layer are in each channel: the L2 norm of the difference."""
    difference = _over_positions(maps.astype(np.float64) - other)
    return np.sqrt(np.square(difference).sum(axis=0))


def kernels(clf: Classifier, layer: str | None = None) -> Floats:
    """Return a layer's weights as images, one for each unit.

    Parameters
    ----------
    clf : Classifier
    layer : str, optional
        A convolution over maps, or a dense layer that gets a flattened map. The first layer with units by default.

    Returns
    -------
    (units, kernel height, kernel width, channels) float32
        Signed, in the layer's own scale; what a unit multiplies each input of a position by. A depthwise convolution
        gives one channel for each unit, a separable one the product of its two steps. Where the layer sees the pixels
        themselves the channels are those of the images (red, green, blue) also if the model takes them the other way.

    Raises
    ------
    NotFound
        No such layer.
    ParameterError
        A layer whose weights are no images; names those that have such.
    """
    known = known_layers(clf.card, None if layer is None else layer)
    if not known:
        raise ParameterError(f"The classifier {clf.card.name!r} has no layer with weights", "Choose another one.")
    step = clf.graph.step(known[0])
    images = _as_images(clf.graph, step)
    if images is None:
        shown = [name for name in known_layers(clf.card, None) if _has_images(clf.graph, clf.graph.step(name))]
        raise ParameterError(
            f"The weights of the layer {step.name!r} ({step.kind}) are no images",
            f"Choose one of: {', '.join(shown[:12])}." if shown else "This classifier has no layer with such weights.",
        )
    if clf.card.preprocessing.bgr and images.shape[3] == 3 and _sees_pixels(clf.graph, step):
        images = images[..., ::-1]
    return np.ascontiguousarray(images, np.float32)


def weights_are_images(clf: Classifier, layer: str) -> bool:
    """Whether `kernels` gives images of one or three channels for a layer; nothing is computed."""
    step = clf.graph.step(layer)
    if step.kind in _KERNELS:
        channels = _CHANNELS[step.kind](step.operation)
    else:
        shape = _flattened(clf.graph, step) if step.kind == "Dense" else None
        channels = 0 if shape is None else shape[2]
    return channels in (1, 3)


def _over_positions(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return values (..., C) as (positions, C)."""
    return values.reshape(-1, values.shape[-1])


def _has_images(graph: Graph, step: Step) -> bool:
    return step.kind in _KERNELS or (step.kind == "Dense" and _flattened(graph, step) is not None)


def _as_images(graph: Graph, step: Step) -> npt.NDArray[Any] | None:
    """Return a step's weights as (units, kernel height, kernel width, channels); None where they are no images."""
    layer = step.operation
    if step.kind in _KERNELS:
        return _KERNELS[step.kind](layer)
    shape = _flattened(graph, step) if step.kind == "Dense" else None
    return None if shape is None else _array(layer.kernel).T.reshape(-1, *shape)


def _flattened(graph: Graph, step: Step) -> tuple[int, ...] | None:
    """Return the shape (h, w, c) of the map that a dense layer gets flattened; None where it gets no map."""
    before = graph.before(step)
    while before is not None and before.kind in ("Dropout", "Identity"):
        before = graph.before(before)
    if before is None or before.kind not in _FLATTENS or len(before.shapes[0]) != 1:
        return None
    inner = graph.before(before)
    shape = tuple(size for size in (graph.input_shape if inner is None else inner.shapes[0]) if size is not None)
    return shape if len(shape) == 3 else None


def _sees_pixels(graph: Graph, step: Step) -> bool:
    """Whether nothing with weights lies between the pixels and a step."""
    before = graph.before(step)
    while before is not None and not (before.n_units or len(before.inputs) != 1):
        before = graph.before(before)
    return before is None


def _array(weight: Any) -> npt.NDArray[Any]:
    return np.asarray(weight, np.float32)


def _conv(layer: Any) -> npt.NDArray[Any]:
    return np.moveaxis(_array(layer.kernel), -1, 0)


def _transposed(layer: Any) -> npt.NDArray[Any]:
    return np.moveaxis(_array(layer.kernel), -2, 0)


def _depthwise(layer: Any) -> npt.NDArray[Any]:
    kernel = _array(layer.kernel)
    return kernel.reshape(*kernel.shape[:2], -1).transpose(2, 0, 1)[..., None]


def _separable(layer: Any) -> npt.NDArray[Any]:
    deep, flat = _array(layer.depthwise_kernel), _array(layer.pointwise_kernel)
    flat = flat.reshape(deep.shape[2], deep.shape[3], -1)  # channel, multiplier, unit
    return np.einsum("hwcm,cmu->uhwc", deep, flat)


_KERNELS = {
    "Conv2D": _conv,
    "Conv2DTranspose": _transposed,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
}
# How many channels the images of a layer's weights have.
_CHANNELS: dict[str, Callable[[Any], int]] = {
    "Conv2D": lambda layer: int(layer.kernel.shape[2]),
    "Conv2DTranspose": lambda layer: int(layer.kernel.shape[3]),
    "DepthwiseConv2D": lambda layer: 1,
    "SeparableConv2D": lambda layer: int(layer.depthwise_kernel.shape[2]),
}
