"""The real handwritten digits that come with scikit-learn, enlarged so that pictures and heatmaps of them can be read.

The source (E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
1998, https://doi.org/10.24432/C50P49) has 8 × 8 pixels with values 0..16. Both are too coarse for a heatmap, a rotation
or a drawn line, so each image is enlarged four times, bilinearly, to 32 × 32 and its values to 0..255. That adds no
detail: every stored image is a linear function of its 64 source values. The arithmetic is in whole numbers, so the
bytes are the same on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnvis_dash.demo.contents import HELD_OUT, TRAIN, DemoDataset

ENLARGEMENT = 4
HELD_OUT_EVERY = 5  # of the samples of a class, in the source's order, each fifth is held out


def load_digits() -> DemoDataset:
    """Read scikit-learn's digits: 1,797 grey images of 32 × 32, a fifth of each class held out.

    Returns
    -------
    DemoDataset
        images (1797, 32, 32, 1) uint8, 0 is paper and 255 full ink; extras "split" and "source_pixels"
        (1797, 8, 8) uint8, 0..16.
    """
    from sklearn.datasets import load_digits as read

    bunch = read()
    source = bunch.images.astype(np.uint8)
    labels = bunch.target.astype(np.int32)
    split = np.full(len(labels), TRAIN, np.uint8)
    for label in range(10):
        split[np.flatnonzero(labels == label)[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]] = HELD_OUT
    return DemoDataset(
        name="digits",
        images=enlarge(source)[..., None],
        labels=labels,
        class_names=tuple(str(digit) for digit in range(10)),
        extras={"split": split, "source_pixels": source},
        notes={
            "source": "Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, "
            "doi.org/10.24432/C50P49, CC BY 4.0, as distributed with scikit-learn",
            "converted": "8 × 8 pixels of 0..16 enlarged bilinearly to 32 × 32 pixels of 0..255",
            "split": f"extra 'split': {TRAIN} trained on, {HELD_OUT} held out (a fifth of each class)",
        },
    )


def enlarge(source: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Enlarge four times, bilinearly with the edge pixel repeated, and scale 0..16 to 0..255.

    Parameters
    ----------
    source : (N, h, w) uint8, 0..16

    Returns
    -------
    (N, 4 h, 4 w) uint8, 0..255, halves rounded up. The centre of source pixel i falls between pixels 4 i + 1 and
    4 i + 2; weights are eighths, hence exact.
    """
    values = _enlarge_axis(_enlarge_axis(source.astype(np.int64), 1), 2)  # in 64ths
    return ((values * 255 * 2 + 16 * 64) // (2 * 16 * 64)).astype(np.uint8)


def _enlarge_axis(values: npt.NDArray[np.int64], axis: int) -> npt.NDArray[np.int64]:
    """Enlarge one axis; the result is in eighths of the unit of `values`."""
    size = values.shape[axis]
    eighths = 8 * np.arange(size * ENLARGEMENT) // ENLARGEMENT - 3  # of the source's pixels, from its first centre
    below, weight = eighths // 8, eighths % 8
    first = np.take(values, np.clip(below, 0, size - 1), axis)
    second = np.take(values, np.clip(below + 1, 0, size - 1), axis)
    shape = [1] * values.ndim
    shape[axis] = -1
    weight = weight.reshape(shape)
    return first * (8 - weight) + second * weight
