"""Attributions: which parts of an image carry a classifier's decision. One file a method, found by the registry.

A method is one function over one prepared batch. What all share is done here, once: reading parameters, checking the
class and the layer, batching, and the heatmap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.errors import ParameterError
from nnvis_dash.registry import Entry, Parameter, Registry
from nnvis_dash.types import Floats, Images, Ints, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

OWN_PREDICTION = -1  # in a target array: explain the image's own argmax


@dataclass(frozen=True)
class Question:
    """What a method is asked, besides its own parameters."""

    layer: str | None  # None: the method's default
    unit: Unit | None  # explain this unit instead of a class
    output: str  # "logits" or "probabilities"


class Answer(NamedTuple):
    """What a method says of one batch."""

    values: Floats  # (n, H, W, C), or (n, h, w) for methods without channels
    target: Ints  # (n,)
    probability: Floats  # (n,)
    layer: str | None  # the layer that was explained through


Method: TypeAlias = Callable[["Classifier", Images, Ints, Question, Any], Answer]
METHODS: Registry[Method] = Registry("attribution method", "nnvis_dash.analysis.attribution")


@dataclass(frozen=True, eq=False)
class Attribution:
    """Signed values that say what speaks for (positive) or against the target.

    Attributes
    ----------
    values : (N, H, W, C) float32 per input channel, or (N, h, w) float32 for methods without channels
    method : str
    target : (N,) int32
        The class explained for each image.
    layer : str or None
        The layer that was explained through.
    output : {"logits", "probabilities"}
    probability : (N,) float32, 0..1
        Of the target.
    size : (height, width)
        Of the classifier's input, in pixels.
    """

    values: Floats
    method: str
    target: Ints
    layer: str | None
    output: str
    probability: Floats
    size: tuple[int, int]

    def heatmap(self) -> Floats:
        """Return one value a pixel of the classifier's input.

        Returns
        -------
        (N, height, width) float32
            Values per channel are added up; smaller maps are stretched bilinearly (pixel centres aligned, edges
            held). Not normalised: that belongs to drawing.
        """
        values = self.values.sum(axis=-1, dtype=np.float32) if self.values.ndim == 4 else self.values
        return stretch(values, self.size)


def attribute(
    clf: Classifier,
    images: Any,
    method: str,
    target: int | npt.ArrayLike | None = None,
    layer: str | None = None,
    unit: Unit | None = None,
    output: str = "logits",
    **params: Any,
) -> Attribution:
    """Explain a classifier's decisions on images.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255
    method : str
        One of `methods()`.
    target : int or (N,) int, optional
        The class to explain, for all images or for each; None explains each image's own prediction.
    layer : str, optional
        For methods that explain through a layer.
    unit : Unit, optional
        Explain this unit instead of a class, where the method can.
    output : {"logits", "probabilities"}
        What is explained: the value before the last softmax or sigmoid, or after it.
    **params
        The method's own parameters, see `methods()`.

    Returns
    -------
    Attribution

    Raises
    ------
    NotFound
        No such method.
    ParameterError
        A parameter, class, layer or shape that doesn't fit; says what does.
    """
    entry = METHODS[method]
    parameters = entry.read(params)
    if output not in ("logits", "probabilities"):
        raise ParameterError(f"There is no output {output!r} to explain", "Use logits or probabilities.")
    targets = _targets(target, len(images), clf.card.n_classes)
    question = Question(layer, unit, output)
    answers: list[Answer] = []
    start = 0
    for batch in clf.batches(images):
        stop = start + len(batch)
        with progress.part(start, len(batch), len(images)):
            answers.append(entry.function(clf, batch, targets[start:stop], question, parameters))
            progress.step(1, 1)
        start = stop
    if not answers:
        raise ParameterError("There are no images to explain", "Give at least one.")
    return Attribution(
        values=np.concatenate([answer.values for answer in answers]),
        method=method,
        target=np.concatenate([answer.target for answer in answers]),
        layer=answers[0].layer,
        output=output,
        probability=np.concatenate([answer.probability for answer in answers]),
        size=clf.card.input_shape[:2],
    )


@dataclass(frozen=True)
class Description:
    """A registered method as a user sees it."""

    title: str
    summary: str
    reference: str
    parameters: tuple[Parameter, ...]


def methods() -> dict[str, Description]:
    """Return the registered attribution methods by name, with their parameters."""

    def describe(entry: Entry[Method]) -> Description:
        return Description(entry.title, entry.summary, entry.reference, entry.form())

    return {name: describe(entry) for name, entry in METHODS.items()}


def stretch(values: Floats, size: tuple[int, int]) -> Floats:
    """Resize maps bilinearly, pixel centres aligned and edges held.

    Parameters
    ----------
    values : (N, h, w) float
    size : (height, width)

    Returns
    -------
    (N, height, width) float32
    """
    if values.shape[1:] == tuple(size):
        return values.astype(np.float32, copy=False)
    rows, columns = (_interpolation(n, wanted) for n, wanted in zip(values.shape[1:], size, strict=True))
    return np.einsum("Hh,nhw,Ww->nHW", rows, values, columns, optimize=True).astype(np.float32, copy=False)


def _interpolation(n: int, wanted: int) -> Floats:
    """Return the (wanted, n) matrix of linear interpolation; every row adds up to 1."""
    positions = np.clip((np.arange(wanted) + 0.5) * n / wanted - 0.5, 0, n - 1)
    low = np.minimum(positions.astype(int), max(n - 2, 0))
    share = (positions - low).astype(np.float32)
    matrix = np.zeros((wanted, n), dtype=np.float32)
    matrix[np.arange(wanted), low] = 1 - share
    matrix[np.arange(wanted), np.minimum(low + 1, n - 1)] += share
    return matrix


def _targets(target: int | npt.ArrayLike | None, n_images: int, n_classes: int) -> Ints:
    """Return (N,) int32 of classes, OWN_PREDICTION for none given; ParameterError names the classes there are."""
    if target is None:
        return np.full(n_images, OWN_PREDICTION, dtype=np.int32)
    given = np.asarray(target)
    if not np.issubdtype(given.dtype, np.integer):
        raise ParameterError(f"The target is {target!r}", f"Give class numbers from 0 to {n_classes - 1}.")
    if given.ndim > 1 or (given.ndim == 1 and len(given) != n_images):
        raise ParameterError(
            f"The targets have the shape {given.shape} for {n_images} images", "Give one class, or one an image."
        )
    bad = given[(given < 0) | (given >= n_classes)] if given.ndim else given[None][(given < 0) | (given >= n_classes)]
    if bad.size:
        raise ParameterError(
            f"There is no class {int(bad.ravel()[0])} in a classifier with {n_classes} classes",
            f"Give class numbers from 0 to {n_classes - 1}.",
        )
    return np.broadcast_to(given, (n_images,)).astype(np.int32)
