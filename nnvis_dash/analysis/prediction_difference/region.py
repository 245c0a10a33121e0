"""A region of any shape taken away: what could stand there, given what lies around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel, grouped
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images

Mask = npt.NDArray[np.bool_]


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
    if len(images) < max(2, samples):
        raise ParameterError(
            f"There are {len(images)} images to draw {samples} samples from",
            f"Give {max(2, samples)} images or more, or fewer samples.",
        )
    chosen = np.random.default_rng([seed, 1]).integers(0, len(images), samples)
    return np.where(mask[None, :, :, None], images[chosen], image[None]).astype(np.float32)


def region_given_surroundings(model: PatchModel, image: Images, mask: Mask, samples: int, seed: int) -> Floats:
    """Return the image (S, h, w, C) float32 with the region drawn from a patch model, from its border inwards.

    The region is drawn in tiles of half a patch, those first that have most known pixels around them; each tile given
    the patch around it, where tiles that were drawn before count as known. Samples are pairs mean ± deviation of the
    same random numbers. For a region that fits into one tile this is the conditional distribution itself, else its
    approximation by patches.
    """
    size, side = mask.shape, model.outer
    height, width = size
    tile = max(1, side // 2)
    pairs = -(-samples // 2)
    made = np.repeat(np.asarray(image, np.float32)[None], 2 * pairs, axis=0)
    rng = np.random.default_rng([seed, 2])
    hidden = mask.copy()
    while hidden.any():
        top, left = _next_tile(hidden, tile)
        tops, lefts = (
            int(np.clip(at - (side - tile) // 2, 0, extent - side))
            for at, extent in zip((top, left), (height, width), strict=True)
        )
        patch = np.s_[tops : tops + side, lefts : lefts + side]
        wanted = np.zeros(size, bool)
        wanted[top : top + tile, left : left + tile] = hidden[top : top + tile, left : left + tile]
        _draw(model, made, patch, hidden[patch], wanted[patch], pairs, rng)
        hidden[wanted] = False
    return made[:samples]


def _next_tile(hidden: Mask, tile: int) -> tuple[int, int]:
    """Return the corner of the tile around the hidden pixel whose neighbourhood is known best."""
    from scipy import ndimage

    height, width = hidden.shape
    rows, columns = (min(tile, extent) for extent in (height, width))
    unknown = ndimage.uniform_filter(hidden.astype(float), 2 * tile + 1, mode="nearest")
    at = int(np.argmin(np.where(hidden, unknown, np.inf)))
    row, column = divmod(at, width)
    return (
        int(np.clip(row - rows // 2, 0, height - rows)),
        int(np.clip(column - columns // 2, 0, width - columns)),
    )


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
    import scipy.linalg

    side, channels = model.outer, model.mean.shape[2]
    values = grouped(made[:, patch[0], patch[1]] - model.mean, model.per_channel)  # (G, 2 pairs, D)
    by_channel = 1 if model.per_channel else channels
    known, drawn = (np.flatnonzero(np.repeat(mask.ravel(), by_channel)) for mask in (~hidden, wanted))
    for group, factor in enumerate(model.cholesky):
        covariance = factor @ factor.T
        rest = covariance[np.ix_(drawn, drawn)]
        mean = np.zeros((2 * pairs, len(drawn)))
        if len(known):
            weights = scipy.linalg.solve(
                covariance[np.ix_(known, known)], covariance[np.ix_(known, drawn)], assume_a="pos"
            )
            mean = values[group][:, known] @ weights
            rest = rest - covariance[np.ix_(drawn, known)] @ weights
        rest = 0.5 * (rest + rest.T) + 1e-8 * np.eye(len(drawn))
        noise = rng.standard_normal((pairs, len(drawn))) @ np.linalg.cholesky(rest).T
        deviation = np.stack([noise, -noise], axis=1).reshape(2 * pairs, -1)
        values[group][:, drawn] = mean + deviation
    flat = values.transpose(1, 0, 2)
    if model.per_channel:
        whole = flat.transpose(0, 2, 1).reshape(-1, side, side, channels)
    else:
        whole = flat.reshape(-1, side, side, channels)
    pixels = np.clip(whole + model.mean, model.low, model.high)
    target = made[:, patch[0], patch[1]]
    made[:, patch[0], patch[1]] = np.where(wanted[None, :, :, None], pixels, target)
