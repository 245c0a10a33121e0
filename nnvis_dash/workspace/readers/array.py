"""Arrays in memory: one (N, H, W[, C]) array, or a list of images of any sizes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.npy import in_blocks
from nnvis_dash.workspace.pixels import encode_png
from nnvis_dash.workspace.readers import READERS, Given, Reading, ReadOptions, array_reading


@READERS.register("array", title="an array", reference="numpy.ndarray, (N, H, W) or (N, H, W, C)")
def read_array(source: Given, options: ReadOptions) -> Reading | None:
    """Images in memory; a list of images of different sizes is kept as PNG files."""
    if isinstance(source, np.ndarray):
        array = source
        return array_reading("array", lambda: in_blocks(array), array.shape, array.dtype, options.max_pixels)
    if not isinstance(source, (list, tuple)):
        return None
    images = []
    for position, given in enumerate(source):
        try:
            images.append(np.asarray(given))
        except ValueError:
            raise DatasetError(
                f"Image {position} is not an array", "Give (height, width) or (height, width, 1 or 3) uint8."
            ) from None
    if not images:
        raise DatasetError("The list of images is empty", "Give one image or more.")
    if len({image.shape for image in images}) == 1 and len({image.dtype for image in images}) == 1:
        stacked = np.stack(images)
        return array_reading("array", lambda: in_blocks(stacked), stacked.shape, stacked.dtype, options.max_pixels)
    for position, image in enumerate(images):
        plain = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))
        if not plain or image.dtype != np.uint8 or 0 in image.shape:
            raise DatasetError(
                f"Image {position} has the shape {image.shape} and the type {image.dtype}",
                "Give (height, width) or (height, width, 1 or 3) uint8.",
            )

    def files() -> Iterator[tuple[str, bytes]]:
        for position, image in enumerate(images):
            yield f"image {position}", encode_png(image)

    return Reading(source="array", n_images=len(images), files=files)
