"""Response curves: the probabilities of every class over the degree of one transformation, or of an attack.

Invariant: what a curve says at a degree is what the classifier says of the image changed to that degree, so at the
degree that changes nothing it is the prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.card import chunk_size
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, Lookup, edited, identity_of, transform
from nnvis_dash.errors import ParameterError
from nnvis_dash.state.edits import Edit
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

ADVERSARIAL = "adversarial"  # stands among the transformations: FGSM, its degree epsilon in pixel values
STRONGEST = 16  # largest epsilon of the default degrees, pixel values
DEGREES = 41
MEMORY = 1 << 26  # bytes of changed images that are held at once

Degrees = npt.NDArray[np.float64]
Change = Callable[[Bytes], Bytes]  # images (n, H, W, C) to images
ImageAt = Callable[[float], Images]  # (n, H, W, C) at a degree


@dataclass(frozen=True, eq=False)
class Response:
    """What a classifier says of images over the degree of a change.

    Attributes
    ----------
    name : str
        The transformation, or "adversarial".
    degrees : (D,) float64
        In the transformation's unit; of "adversarial" epsilon in pixel values, 0..255.
    identity : float
        The degree that changes nothing.
    probabilities : (N, D, K) float32
    prediction : (N, D) int32
    first_flip : (N,) float64
        Of the given degrees the nearest to the identity at which the prediction is another than at the identity; of two
        as near the first. NaN where it never is.
    """

    name: str
    degrees: Degrees
    identity: float
    probabilities: Floats
    prediction: Ints
    first_flip: Degrees

    def mean(self) -> Floats:
        """Return the mean over the images, (D, K) float32."""
        return np.asarray(self.probabilities.mean(axis=0), np.float32)

    def band(self, low: float = 0.1, high: float = 0.9) -> tuple[Floats, Floats]:
        """Return two quantiles over the images, each (D, K) float32; of one image they are its curve."""
        lower, upper = np.quantile(self.probabilities, (low, high), axis=0)
        return lower.astype(np.float32), upper.astype(np.float32)


def default_degrees(name: str, count: int = DEGREES) -> Degrees:
    """Return degrees spread evenly over a transformation's range, the one that changes nothing among them.

    Parameters
    ----------
    name : str
        A transformation, or "adversarial": epsilon from 0 to 16.
    count : int
        2 or more; of transformations that go by whole numbers there may be fewer.

    Returns
    -------
    (D,) float64, ascending

    Raises
    ------
    NotFound, ParameterError
        No such transformation, or no such count.
    """
    if count < 2:
        raise ParameterError(f"There are to be {count} degrees", "Ask for 2 or more.")
    if name == ADVERSARIAL:
        return np.linspace(0, STRONGEST, count).round(9)
    entry = TRANSFORMATIONS[name]
    form = next(parameter for parameter in entry.form() if parameter.name == "degree")
    found = np.linspace(form.low or 0, form.high or 0, count).round(0 if form.type is int else 9)
    identity = identity_degree(name)
    found[np.abs(found - identity).argmin()] = identity
    return np.unique(found)


def identity_degree(name: str) -> float:
    """Return the degree at which a change leaves an image as it is."""
    return 0.0 if name == ADVERSARIAL else identity_of(TRANSFORMATIONS[name])


def response(
    clf: Classifier,
    image: Any,
    name: str,
    degrees: npt.ArrayLike | None = None,
    *,
    edits: Sequence[Edit] = (),
    lookup: Lookup | None = None,
    then: Change | None = None,
    **parameters: Any,
) -> Floats:
    """Return the probabilities of every class of one image over the degree of a change.

    Parameters
    ----------
    clf : Classifier
    image : (H, W, C) or (H, W) uint8
        Raw pixels of any size.
    name, degrees, edits, lookup, then, **parameters
        As `respond` takes them.

    Returns
    -------
    (D, K) float32

    Raises
    ------
    NotFound, ParameterError
        As `respond`.
    """
    return respond(clf, [image], name, degrees, edits=edits, lookup=lookup, then=then, **parameters).probabilities[0]


def respond(
    clf: Classifier,
    images: Any,
    name: str,
    degrees: npt.ArrayLike | None = None,
    *,
    edits: Sequence[Edit] = (),
    lookup: Lookup | None = None,
    then: Change | None = None,
    **parameters: Any,
) -> Response:
    """Ask a classifier about images at many degrees of one change.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8, or a sequence of (H, W, C) or (H, W) uint8 of any sizes
        Raw pixels. They are changed in their own size and then fitted to the classifier, as
        ``clf.predict(transform(images, name, degree))`` does.
    name : str
        A transformation, or "adversarial": every value moved by epsilon up or down, away from the prediction, by the
        signs of the gradient at the image itself (FGSM), rounded to 8 bits within epsilon; in the classifier's size.
    degrees : (D,) array, optional
        `default_degrees(name)` where none are given.
    edits : sequence of Edit
        Made first, at every degree.
    lookup : callable, optional
        As `edited` takes it; gives the image that the change itself names by a number (`other`), too.
    then : callable, optional
        Is given the changed images (n, H, W, C) uint8 of every degree and returns what is shown to the classifier:
        edits that are made behind the change.
    **parameters
        The transformation's others.

    Returns
    -------
    Response

    Raises
    ------
    NotFound
        No such transformation.
    ParameterError
        Images, degrees or a parameter that it can't take; says what it can.
    """
    wanted = default_degrees(name) if degrees is None else _degrees(degrees)
    check_change(name, wanted, parameters)
    if not len(images):
        raise ParameterError("There are no images to change", "Give at least one.")
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise ParameterError(
            f"The images have the shape {images.shape}",
            "Give (N, height, width, channels); for one image: image[None].",
        )
    if lookup is not None and isinstance(parameters.get("other"), int):
        parameters["other"] = lookup(parameters["other"])
    identity = identity_degree(name)
    probabilities = np.empty((len(images), len(wanted), clf.card.n_classes), np.float32)
    unchanged = np.empty(len(images), np.int32)
    at_once = chunk_size(clf.card)
    shown = then or (lambda changed: changed)
    for rows, group in _groups(images, max(1, at_once // len(wanted))):
        clean = edited(group, edits, lookup)
        image_at = _attacked(clf, clean) if name == ADVERSARIAL else _transformed(clean, name, parameters)
        step = max(1, min(at_once // len(clean), MEMORY // clean.nbytes))
        for start in range(0, len(wanted), step):
            frames = np.stack([shown(image_at(float(degree))) for degree in wanted[start : start + step]])
            probabilities[rows, start : start + step] = _predicted(clf, frames).swapaxes(0, 1)
            done = rows.start * len(wanted) + len(clean) * (start + len(frames))
            progress.step(done, len(images) * len(wanted))
        here = np.flatnonzero(wanted == identity)
        known = probabilities[rows, here[0]] if len(here) else clf.predict(shown(clean))
        unchanged[rows] = known.argmax(axis=1)
    prediction = probabilities.argmax(axis=2).astype(np.int32)
    return Response(
        name=name,
        degrees=wanted,
        identity=identity,
        probabilities=probabilities,
        prediction=prediction,
        first_flip=_first_flip(wanted, identity, prediction != unchanged[:, None]),
    )


def adversarial_direction(clf: Classifier, images: Any) -> tuple[Bytes, npt.NDArray[np.int8]]:
    """Return which way each value goes in an adversarial response.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8, or a sequence of (H, W, C) uint8
        No more than the classifier takes at once.

    Returns
    -------
    (N, h, w, c) uint8
        The images in the classifier's size.
    (N, h, w, c) int8
        −1, 0 or 1: the sign of the gradient that leads away from the prediction.

    Raises
    ------
    ParameterError
        A classifier through which no gradient flows.
    """
    from nnvis_dash.analysis.attacks import Goal
    from nnvis_dash.analysis.attacks.gradients import gradients

    fitted = clf.prepare(images)
    labels = clf.predict(fitted).argmax(axis=1).astype(np.int32)
    found = gradients(clf, fitted.astype(np.float32), Goal(labels, None, float("inf")))
    return fitted, np.sign(found).astype(np.int8)


def at_epsilon(images: Bytes, direction: npt.NDArray[np.int8], epsilon: float) -> Bytes:
    """Return the images of an adversarial response at a degree.

    Parameters
    ----------
    images, direction : (N, h, w, c) uint8 and int8
        As `adversarial_direction` gives them.
    epsilon : float
        In pixel values.

    Returns
    -------
    (N, h, w, c) uint8
        Rounded within epsilon.
    """
    from nnvis_dash.analysis.attacks.rounding import rounded_within

    return rounded_within(images, images + np.float32(epsilon) * direction, epsilon, "linf")


def check_change(name: str, degrees: Degrees, parameters: dict[str, Any]) -> None:
    """Raise NotFound or ParameterError for a change that `respond` can't make; asks no classifier."""
    if name != ADVERSARIAL:
        for degree in degrees:
            TRANSFORMATIONS[name].read({**parameters, "degree": float(degree)})
        return
    if parameters:
        raise ParameterError(f"An adversarial response has no parameter {next(iter(parameters))!r}", "Leave it out.")
    if degrees.min() < 0 or degrees.max() > 255:
        raise ParameterError(
            f"Epsilon goes from {degrees.min():g} to {degrees.max():g}", "Give pixel values from 0 to 255."
        )


def _degrees(given: npt.ArrayLike) -> Degrees:
    try:
        found = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not len(found) or not np.isfinite(found).all():
        raise ParameterError(f"The degrees are {given!r}", "Give a list of one or more numbers.")
    return found


def _groups(images: Any, most: int) -> Iterator[tuple[slice, Bytes]]:
    """Yield images of one shape that follow each other, at most `most` and `MEMORY` of them, and their rows."""
    start = 0
    while start < len(images):
        first = one_image(images[start])
        limit = min(most, max(1, MEMORY // max(1, first.nbytes)))
        group = [first]
        while len(group) < min(limit, len(images) - start):
            following = one_image(images[start + len(group)])
            if following.shape != first.shape:
                break
            group.append(following)
        yield slice(start, start + len(group)), np.stack(group)
        start += len(group)


def one_image(image: Any) -> Images:
    """Return one image as (H, W, C); ParameterError for what can't be that."""
    found = np.asarray(image)
    if found.ndim == 4 and len(found) == 1:
        found = found[0]
    if found.ndim not in (2, 3):
        raise ParameterError(
            f"The image has the shape {found.shape}", "Give one image: height × width × channels of raw pixels."
        )
    return found[..., None] if found.ndim == 2 else found


def _transformed(clean: Bytes, name: str, parameters: dict[str, Any]) -> ImageAt:
    return lambda degree: transform(clean, name, degree, **parameters)


def _attacked(clf: Classifier, clean: Bytes) -> ImageAt:
    fitted, direction = adversarial_direction(clf, clean)
    return lambda epsilon: at_epsilon(fitted, direction, epsilon)


def _predicted(clf: Classifier, frames: Images) -> Floats:
    """Return the probabilities (d, n, K) of frames (d, n, H, W, C); those equal to the one before are asked once."""
    new = np.ones(frames.shape[:2], bool)
    new[1:] = (frames[1:] != frames[:-1]).any(axis=(2, 3, 4))
    number = np.zeros(new.shape, np.int64)
    number[new] = np.arange(new.sum())
    return clf.predict(frames[new])[np.maximum.accumulate(number, axis=0)]


def _first_flip(degrees: Degrees, identity: float, flipped: npt.NDArray[np.bool_]) -> Degrees:
    """Return (N,) the degree nearest to the identity of those that flip (N, D), NaN where none does."""
    away = np.where(flipped, np.abs(degrees - identity), np.inf)
    nearest = away.argmin(axis=1)
    return np.where(flipped.any(axis=1), degrees[nearest], np.nan)
