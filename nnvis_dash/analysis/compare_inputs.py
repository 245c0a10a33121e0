"""Two inputs: how far apart one classifier's layers are for two images, and in which channels.

The key case is an image and its adversarial twin: equal to the eye, apart at the output; somewhere between they part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.layer_outputs import distances, feature_maps
from nnvis_dash.analysis.mutation.frozen import frozen_units
from nnvis_dash.analysis.mutation.recording import known_layers, recorded
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

SHARE = 0.5  # of the greatest distance: the first layer that reaches it is where two inputs part


@dataclass(frozen=True, eq=False)
class InputComparison:
    """How far apart a classifier's layers are for two images, or for several pairs.

    Attributes
    ----------
    layers : tuple of str
        In the classifier's order.
    distance : (L,) float64, 0..2
        For each layer ‖a − b‖ / (½ (‖a‖ + ‖b‖)) of its outputs, L2 over positions and channels; the mean of all pairs.
        0 for equal outputs, also where both are 0 everywhere; 2 for opposite ones, or where one is 0 everywhere.
    distances : (N, L) float64
        Of each pair.
    pixels : (N,) float64
        The same for the images themselves, as the classifier takes them: raw pixels in its own size.
    channel_distances : dict of layer -> (C,) float64
        L2 norm of each channel's difference, over positions and pairs.
    probabilities_a, probabilities_b : (N, K) float32
    frozen : dict of layer -> tuple of int
        Units that pass zeros on in both.
    """

    layers: tuple[str, ...]
    distance: npt.NDArray[np.float64]
    distances: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.float64]
    channel_distances: dict[str, npt.NDArray[np.float64]]
    probabilities_a: Floats
    probabilities_b: Floats
    frozen: dict[str, tuple[int, ...]]
    _clf: Classifier = field(repr=False)
    _a: Any = field(repr=False)
    _b: Any = field(repr=False)

    @property
    def ranked(self) -> dict[str, npt.NDArray[np.int64]]:
        """Each layer's channels (C,), the one that differs most first; equal ones as they are numbered."""
        return {name: np.argsort(-found, kind="stable") for name, found in self.channel_distances.items()}

    @property
    def parts_at(self) -> str | None:
        """The first layer whose distance is at least half of the greatest; None where no layer differs.

        The layer that gives the classes, and what follows it, counts only where no other differs: a softmax that
        decides otherwise is nearly as far apart as can be, whatever led to it.
        """
        return parting_layer(self._clf.card, self.layers, self.distance)

    def said(self) -> str:
        """Return in words where the inputs part."""
        return parting_said(self.parts_at)

    def maps_a(self, layer: str) -> Floats:
        """Return a layer's output (N, h, w, C) for the first images, computed now; raises as `feature_maps` does."""
        return feature_maps(self._clf, self._a, layer, self.frozen)[layer]

    def maps_b(self, layer: str) -> Floats:
        """Return a layer's output (N, h, w, C) for the second images, computed now; raises as `feature_maps` does."""
        return feature_maps(self._clf, self._b, layer, self.frozen)[layer]


def compare_inputs(
    clf: Classifier,
    a: Any,
    b: Any,
    layers: str | Sequence[str] | None = None,
    frozen: Mapping[str, Iterable[int]] | None = None,
) -> InputComparison:
    """Say at which layers two inputs differ, how much, and in which channels.

    Parameters
    ----------
    clf : Classifier
    a, b : (H, W, C) or (N, H, W, C) arrays of raw pixels, 0..255
        One image each or pairs of them, fitted to the classifier's size.
    layers : str or sequence of str, optional
        All with units by default; compared in the classifier's order.
    frozen : mapping of a layer's name to the numbers of its units, optional
        Units that pass zeros on in both.

    Returns
    -------
    InputComparison

    Raises
    ------
    NotFound
        No such layer; names those there are.
    ParameterError
        Unlike numbers of images, none at all, a TensorFlow graph without layers, images or units that don't fit.
    """
    chosen = known_layers(clf.card, layers)
    names = tuple(layer.name for layer in clf.card.layers if layer.name in chosen)
    if not names:
        raise ParameterError("There are no layers to compare", "Name one, or leave them out.")
    units = frozen_units(clf.card, frozen or {})
    first, second = _images(clf, a), _images(clf, b)
    if len(first) != len(second):
        raise ParameterError(
            f"There are {len(first)} and {len(second)} images", "Give pairs: as many of one as of the other."
        )
    if not len(first):
        raise ParameterError("There are no images to compare", "Give two.")
    far: list[npt.NDArray[np.float64]] = []
    squares: dict[str, Any] = dict.fromkeys(names, 0.0)
    probabilities: list[tuple[Floats, Floats]] = []
    both = zip(recorded(clf, first, names, units), recorded(clf, second, names, units), strict=True)
    for one, other in both:
        probabilities.append((one.probabilities, other.probabilities))
        far.append(np.stack([normalised_distance(one.outputs[name], other.outputs[name]) for name in names], axis=1))
        for name in names:
            squares[name] = squares[name] + distances(one.outputs[name], other.outputs[name]) ** 2
    apart = np.concatenate(far)
    return InputComparison(
        layers=names,
        distance=apart.mean(axis=0),
        distances=apart,
        pixels=normalised_distance(first, second),
        channel_distances={name: np.sqrt(found) for name, found in squares.items()},
        probabilities_a=np.concatenate([found for found, _ in probabilities]),
        probabilities_b=np.concatenate([found for _, found in probabilities]),
        frozen=units,
        _clf=clf,
        _a=first,
        _b=second,
    )


def parting_layer(card: ModelCard, layers: Sequence[str], distance: npt.NDArray[np.float64]) -> str | None:
    """Return where two inputs part, as `InputComparison.parts_at` does, for layers in the classifier's order."""
    order = [layer.name for layer in card.layers]
    classes = max(place for place, layer in enumerate(card.layers) if layer.n_units)
    inner = np.array([order.index(name) < classes for name in layers])
    for counted in (distance * inner, distance):
        if counted.any():
            return layers[int(np.argmax(counted >= SHARE * counted.max()))]
    return None


def parting_said(layer: str | None) -> str:
    """Say where two inputs part."""
    return "no layer tells them apart" if layer is None else f"they part at {layer}"


def _images(clf: Classifier, images: Any) -> Images:
    """Return one image or several as (N, h, w, c), fitted to the classifier."""
    if isinstance(images, np.ndarray) and (images.ndim == 2 or (images.ndim == 3 and images.shape[2] in (1, 3))):
        images = images[None] if images.ndim == 3 else images[None, ..., None]
    return clf.prepare(images)


def normalised_distance(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return (N,) ‖a − b‖ / (½ (‖a‖ + ‖b‖)) of rows of any shape, 0 where both are 0."""
    a, b = (values.reshape(len(values), -1).astype(np.float64) for values in (one, other))
    scale = 0.5 * (np.linalg.norm(a, axis=1) + np.linalg.norm(b, axis=1))
    return np.divide(np.linalg.norm(a - b, axis=1), scale, out=np.zeros(len(a)), where=scale > 0)
