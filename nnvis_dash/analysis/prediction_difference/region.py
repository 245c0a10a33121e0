"""A region of any shape taken away: what could stand there, given what lies around it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel, grouped, ungrouped
from nnvis_dash.analysis.prediction_difference.question import TOP, Question
from nnvis_dash.analysis.prediction_difference.samplers import check_enough
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Mask = npt.NDArray[np.bool_]


class Erased(NamedTuple):
    """What a classifier says when a region isn't known, for T classes."""

    evidence: Floats  # (T,) weight of evidence of the region, in bits
    error: Floats  # (T,) its standard error
    probability: Floats  # (T,) of the unchanged image
    without: Floats  # (T,) mean over the samples
    targets: Ints  # (T,)
    filled: Floats  # (S, h, w, C) the samples, raw pixels


def erase(
    clf: Classifier, image: Images, mask: Mask, source: PatchModel | Images, targets: Sequence[int], question: Question
) -> Erased:
    """Marginalise a region of a prepared image.

    Parameters
    ----------
    clf : Classifier
    image : (h, w, C) array of raw pixels
    mask : (h, w) bool
        The region.
    source : PatchModel, or (N, h, w, C) other images
    targets : sequence of int
        Classes; empty: the most probable ones.
    question : Question
        Its samples, seed and Laplace correction count.

    Raises
    ------
    ParameterError
        A region or a class that doesn't fit, or too few images.
    """
    mask = checked_region(mask, image.shape[:2])
    if question.samples < 2:
        raise ParameterError("The region has 1 sample, which says nothing of its error", "Give 2 samples or more.")
    n_samples, seed = question.whole_samples, question.seed
    if isinstance(source, PatchModel):
        filled = region_given_surroundings(source, image, mask, n_samples, seed)
    else:
        filled = region_from_other_images(source, image, mask, n_samples, seed)
    logits = clf.logits(np.concatenate([np.asarray(image, np.float32)[None], filled])).astype(np.float64)
    p, q = _probabilities(clf, logits)
    if not len(targets):
        targets = np.argsort(-p[0], kind="stable")[:TOP].tolist()
    for target in targets:
        if isinstance(target, bool) or not isinstance(target, (int, np.integer)) or not 0 <= target < p.shape[1]:
            raise ParameterError(f"There is no class {target!r}", f"Give numbers from 0 to {p.shape[1] - 1}.")
    chosen = np.asarray(targets, np.int32)
    columns = np.concatenate([p[:, chosen], q[:, chosen], logits[:, chosen]], axis=1)
    scale = question.scale(clf.card)
    draws = columns[1:].reshape(-1, question.step, columns.shape[1]).mean(axis=1)
    without = draws.mean(axis=0)
    if len(draws) == 1:  # a pair, taken for two independent samples: rather too large an error than too small a one
        draws = columns[1:]
    variance = draws.var(axis=0, ddof=1) / len(draws)
    n = len(chosen)
    return Erased(
        evidence=scale.evidence(columns[0], without)[:n].astype(np.float32),
        error=np.sqrt(scale.variance(without, variance)[:n]).astype(np.float32),
        probability=columns[0][:n].astype(np.float32),
        without=without[:n].astype(np.float32),
        targets=chosen,
        filled=filled,
    )


def _probabilities(clf: Classifier, logits: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return p and 1 − p (N, K), both exact near 0."""
    from scipy.special import expit, logsumexp

    if clf.card.output == "sigmoid" or clf.graph.output_shape[-1] == 1:
        return expit(logits), expit(-logits)
    total = logsumexp(logits, axis=1, keepdims=True)
    n_classes = logits.shape[1]
    others = [logsumexp(np.delete(logits, number, axis=1), axis=1) for number in range(n_classes)]
    return np.exp(logits - total), np.exp(np.stack(others, axis=1) - total)


def checked_region(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return a region (height, width) as bool.

    Raises
    ------
    ParameterError
        Another shape, nothing in it, or the whole image.
    """
    mask = np.asarray(mask)
    if mask.shape != size or mask.dtype != bool:
        raise ParameterError(
            f"The region has the shape {mask.shape} and the type {mask.dtype}",
            f"Give {size[0]} × {size[1]} values, true or false.",
        )
    if not mask.any() or mask.all():
        what = "nothing" if not mask.any() else "the whole image"
        raise ParameterError(f"The region holds {what}", "Choose a part of the image.")
    return mask


def region_from_other_images(images: Images, image: Images, mask: Mask, samples: int, seed: int) -> Floats:
    """Return the image (S, h, w, C) float32 with the region as it is in S other images, drawn at random."""
    check_enough(images, samples)
    chosen = np.random.default_rng([seed, 1]).integers(0, len(images), samples)
    return np.where(mask[None, :, :, None], images[chosen], image[None]).astype(np.float32)


def region_given_surroundings(model: PatchModel, image: Images, mask: Mask, samples: int, seed: int) -> Floats:
    """Return the image (S, h, w, C) float32 with the region drawn from a patch model, from its border inwards.

    A region smaller than a patch is drawn at once, from the conditional distribution itself. A larger one is drawn in
    tiles of half a patch, those first that have most known pixels around them; each tile given the patch around it,
    where tiles that were drawn before count as known. Samples are pairs mean ± deviation of the same random numbers.
    """
    size, side = mask.shape, model.outer
    pairs = -(-samples // 2)
    made = np.repeat(np.asarray(image, np.float32)[None], 2 * pairs, axis=0)
    rng = np.random.default_rng([seed, 2])
    hidden = mask.copy()
    corners, extent = _tiles(mask, side)
    while corners:
        begins = [_begin(corner, extent, side, size) for corner in corners]
        known = [(~hidden[top : top + side, left : left + side]).sum() for top, left in begins]
        best = int(np.argmax(known))
        (top, left), (row, column) = begins.pop(best), corners.pop(best)
        patch = np.s_[top : top + side, left : left + side]
        wanted = np.zeros(size, bool)
        tile = np.s_[row : row + extent[0], column : column + extent[1]]
        wanted[tile] = hidden[tile]
        if wanted.any():
            _draw(model, made, patch, hidden[patch], wanted[patch], pairs, rng)
            hidden[wanted] = False
    return made[:samples]


def _tiles(mask: Mask, side: int) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return what is drawn at once, corners and extent: all where that is smaller than a patch, else half patches."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    extent = (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    if max(extent) >= side:
        extent = (max(1, side // 2), max(1, side // 2))
    down, across = (
        range(int(some[0]), int(some[-1]) + 1, length) for some, length in zip((rows, columns), extent, strict=True)
    )
    return list(itertools.product(down, across)), extent


def _begin(corner: tuple[int, int], extent: tuple[int, int], side: int, size: tuple[int, ...]) -> tuple[int, int]:
    """Return where the patch begins that has a tile in its middle, or is shifted inside the image."""
    first, second = (
        int(np.clip(at - (side - length) // 2, 0, whole - side))
        for at, length, whole in zip(corner, extent, size, strict=True)
    )
    return first, second


def _draw(
    model: PatchModel,
    made: Floats,
    patch: tuple[slice, slice],
    hidden: Mask,
    wanted: Mask,
    pairs: int,
    rng: np.random.Generator,
) -> None:
    """Draw the wanted pixels of a patch in all images, given those that aren't hidden."""
    channels, groups = model.mean.shape[2], len(model.cholesky)
    known = model.given(hidden, wanted)
    away = grouped(made[:, patch[0], patch[1]] - model.mean, model.per_channel)[:, :, known.others]
    mean = away @ known.weights.transpose(0, 2, 1) + grouped(model.mean[None], model.per_channel)[:, :, known.hidden]
    noise = rng.standard_normal((groups, pairs, len(known.hidden)), np.float32)
    moved = noise @ known.spread.transpose(0, 2, 1)
    values = mean + np.stack([moved, -moved], axis=2).reshape(groups, 2 * pairs, -1)
    inside = made[:, patch[0], patch[1]]  # a view
    inside[:, wanted] = np.clip(ungrouped(values, int(wanted.sum()), channels), model.low, model.high)
