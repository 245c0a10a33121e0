"""What a demo dataset consists of before it is added to a workspace: plain arrays, names and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

TRAIN, HELD_OUT = 0, 1  # the codes of the extra "split"


@dataclass(frozen=True)
class DemoDataset:
    """One dataset that the project brings along.

    `images` is (N, H, W, C) uint8, `labels` (N,) int32 as a user sees them (with the planted mistakes), `extras` what
    else is known of each sample, first axis N; the extra ``"split"`` holds `TRAIN` or `HELD_OUT`.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    class_names: tuple[str, ...]
    extras: Mapping[str, npt.NDArray[Any]]
    notes: Mapping[str, str]

    def ids(self, split: int) -> npt.NDArray[np.intp]:
        """Return the sample ids of one split, ascending."""
        return np.flatnonzero(self.extras["split"] == split)
