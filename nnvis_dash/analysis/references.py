"""The pixels behind a reference: a sample or a derived one, after its edits.

An image that is edited has at most `WORKING_SIDE` pixels on its longer side; a larger one is made smaller first, so
that an edit of a photograph is as quick as a slider.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from nnvis_dash.analysis.transformations import edited
from nnvis_dash.errors import ParameterError
from nnvis_dash.state.references import Reference
from nnvis_dash.types import Resize
from nnvis_dash.workspace.datasets import Dataset
from nnvis_dash.workspace.derived import DerivedSamples
from nnvis_dash.workspace.pixels import fit

WORKING_SIDE = 1024

Pixels = npt.NDArray[np.uint8]


def image_of(reference: Reference, dataset: Dataset | None, derived: DerivedSamples) -> Pixels:
    """Return the image (H, W, C) uint8 that a reference means, in its own size.

    Raises
    ------
    ParameterError
        No such sample, or an edit that can't be made.
    NotFound
        No such derived sample or transformation.
    """
    image = derived.image(reference.derived) if reference.derived else _sample(dataset, reference.sample)
    if not reference.edits:
        return image

    def lookup(sample: int) -> Pixels:
        return _sample(dataset, sample)

    return edited(working(image), reference.edits, lookup)


def batch_of(
    references: Sequence[Any],
    dataset: Dataset,
    derived: DerivedSamples,
    size: tuple[int, int, int],
    resize: Resize = "squash",
) -> Pixels:
    """Return the images that references mean (as `Reference.plain` writes them), fitted to a classifier's input.

    Returns
    -------
    (n, height, width, channels) uint8

    Raises
    ------
    As `image_of`, and StateError for what is no reference.
    """
    read = [Reference.read(reference) for reference in references]
    plain = [place for place in (reference.plain for reference in read) if isinstance(place, int)]
    if len(plain) == len(read):
        for sample in plain:
            _check(dataset, sample)
        return dataset.batch(plain, size, resize)
    return np.stack([fit(image_of(reference, dataset, derived), *size, resize) for reference in read])


def _sample(dataset: Dataset | None, sample: int | None) -> Pixels:
    if dataset is None or sample is None:
        raise ParameterError("The image names no sample", "Choose the image again.")
    _check(dataset, sample)
    return dataset.image(sample)


def _check(dataset: Dataset, sample: int) -> None:
    if not 0 <= sample < len(dataset):
        raise ParameterError(
            f"There is no sample {sample} in {dataset.card.name}", f"It has samples 0 to {len(dataset) - 1}."
        )


def working(image: Pixels) -> Pixels:
    """Return an image (H, W, C) uint8 with `WORKING_SIDE` pixels at most on its longer side; a small one as it is."""
    if max(image.shape[:2]) <= WORKING_SIDE:
        return image
    grey = image.shape[-1] == 1
    picture = Image.fromarray(image[..., 0] if grey else image)
    picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BILINEAR)
    small = np.asarray(picture)
    return small[..., None] if grey else small
