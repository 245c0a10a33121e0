"""Which heatmaps say something, and the images of those in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.quality import Case
from nnvis_dash.types import Floats, Images, Ints


class Some(NamedTuple):
    """Some images of a case, n of its N."""

    rows: npt.NDArray[np.intp]  # (n,) which of the case
    images: Images  # (n, H, W, C), prepared for the classifier
    heatmaps: Floats  # (n, H, W)
    targets: Ints  # (n,)


def tells(heatmaps: Floats) -> npt.NDArray[np.bool_]:
    """Return which heatmaps (N, H, W) are finite and not the same everywhere: no other orders an image's pixels."""
    flat = heatmaps.reshape(len(heatmaps), -1)
    return np.asarray(np.isfinite(flat).all(axis=1) & (flat != flat[:, :1]).any(axis=1))


def batches(case: Case) -> Iterator[Some]:
    """Yield the images whose heatmaps tell something, in batches that suit the classifier; the rest costs nothing.

    Progress told inside is of the batch.
    """
    rows = np.flatnonzero(tells(case.heatmaps))
    start = 0
    for images in case.classifier.batches(case.images[rows]):
        chosen = rows[start : start + len(images)]
        with progress.part(start, len(images), len(rows)):
            yield Some(chosen, images, case.heatmaps[chosen], case.targets[chosen])
        start += len(images)
