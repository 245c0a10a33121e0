"""The smallest epsilon that flips an image, found by trying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import ATTACKS, attack
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Whole = npt.NDArray[np.int64]  # epsilons in pixel values
_NONE = -1


@dataclass(frozen=True, eq=False)
class MinimalEpsilon:
    """How far each image is from being taken for something else.

    Attributes
    ----------
    epsilon : (N,) float32
        The smallest that was found, in fractions of the pixels' range (a whole number of 1/255); NaN where none was.
    images : (N, h, w, c) uint8
        The image that this epsilon gave, as a file would hold it; the original where none was found.
    found : (N,) bool
    """

    epsilon: Floats
    images: npt.NDArray[np.uint8]
    found: npt.NDArray[np.bool_]


def minimal_epsilon(
    clf: Classifier,
    images: Any,
    labels: int | npt.ArrayLike | None = None,
    method: str = "fgsm",
    target: int | npt.ArrayLike | None = None,
    low: float = 0.0,
    high: float = 64 / 255,
    **parameters: Any,
) -> MinimalEpsilon:
    """Find the smallest epsilon at which an attack succeeds, for each image.

    Epsilons are tried upwards from `low`, each step twice the one before; once one succeeds, bisection finds the
    smallest between it and the last that failed. Every trial is an attack whose images are rounded and verified. Where
    success comes and goes as epsilon grows, it is the end of one stretch of failures and need not be the very first.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255
    labels : int or (N,) int, optional
        The classes to be left; the predictions by default.
    method : str
        An attack that keeps within epsilon: those of `attacks()` with "bounded" in their traits.
    target : int or (N,) int, optional
    low, high : float
        Fractions of the pixels' range between which is searched, in whole 255ths. In L2 they are lengths of the whole
        change.
    **parameters
        The attack's others.

    Returns
    -------
    MinimalEpsilon

    Raises
    ------
    NotFound, ParameterError
        As `attack`; an attack without epsilon; a range that isn't one.
    """
    entry = ATTACKS[method]
    if "bounded" not in entry.traits:
        able = ", ".join(name for name, known in ATTACKS.items() if "bounded" in known.traits)
        raise ParameterError(
            f"{entry.title} has no epsilon: it looks for the smallest change by itself", f"Use one of: {able}."
        )
    if "epsilon" in parameters:
        raise ParameterError("The epsilon is what is searched for", "Give low and high instead.")
    lowest, highest = _whole(low, high)
    entry.read({**parameters, "epsilon": high})
    clean, said = _prepared(clf, images)
    before = said if labels is None else labels

    def trial(rows: Any, epsilon: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint8]]:
        n = len(clean)
        tried = attack(
            clf,
            clean[rows],
            _of_rows(before, rows, n),
            method,
            _of_rows(target, rows, n),
            epsilon=epsilon / 255,
            **parameters,
        )
        return tried.success, tried.images

    ladder = _ladder(lowest, highest)
    rounds = len(ladder) + (highest - lowest).bit_length()
    failed: Whole = np.full(len(clean), lowest - 1)  # the greatest that failed before one succeeded
    reached: Whole = np.full(len(clean), _NONE)  # the smallest that succeeded
    best = clean.copy()
    for number in range(rounds):
        climbing = number < len(ladder)
        open_ = reached == _NONE if climbing else (reached != _NONE) & (reached - failed > 1)
        here = np.full(len(clean), ladder[number]) if climbing else (reached + failed) // 2
        values = np.unique(here[open_])
        for part, epsilon in enumerate(values):
            rows = np.flatnonzero(open_ & (here == epsilon))
            with progress.part(number * len(values) + part, 1, rounds * len(values)):
                success, changed = trial(rows, int(epsilon))
            best[rows[success]], reached[rows[success]] = changed[success], epsilon
            failed[rows[~success]] = epsilon
    found = reached != _NONE
    return MinimalEpsilon(np.where(found, reached / 255, np.nan).astype(np.float32), best, found)


def _ladder(lowest: int, highest: int) -> list[int]:
    """Return the epsilons that are tried in turn until one succeeds: 0, 1, 2, 4, 8, ... above the lowest."""
    span = highest - lowest
    doubled = [2**power for power in range(span.bit_length())]
    return [lowest + step for step in (0, *(step for step in doubled if step < span), *((span,) if span else ()))]


def _whole(low: float, high: float) -> tuple[int, int]:
    """Return the ends of the search in pixel values; ParameterError for a range that isn't one."""
    ends = 255 * np.asarray([low, high], np.float64)
    if not np.isfinite(ends).all() or not 0 <= ends[0] <= ends[1]:
        raise ParameterError(f"The search goes from {low!r} to {high!r}", "Give fractions 0 <= low <= high, as 64/255.")
    lowest, highest = int(np.ceil(ends[0] - 1e-6)), int(np.floor(ends[1] + 1e-6))
    if lowest > highest:
        raise ParameterError(f"There is no whole 255th from {low!r} to {high!r}", "Give a wider range, as 0 to 64/255.")
    return lowest, highest


def _prepared(clf: Classifier, images: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return images as an attack sees them, and what the classifier takes them for."""
    if not len(images):
        raise ParameterError("There are no images to attack", "Give at least one.")
    clean = np.concatenate([np.clip(np.rint(batch), 0, 255).astype(np.uint8) for batch in clf.batches(images)])
    return clean, clf.predict(clean).argmax(axis=1).astype(np.int32)


def _of_rows(classes: int | npt.ArrayLike | None, rows: Any, n: int) -> int | npt.ArrayLike | None:
    """Return the classes of some of n images; what isn't one each is left for `attack` to judge."""
    values = np.asarray(classes)
    return values[rows] if values.ndim == 1 and len(values) == n else classes
