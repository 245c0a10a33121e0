"""Random fields: drawn from a seed and a shape alone, so that every image of a batch meets the same one."""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np

from nnvis_dash.types import Floats

HIGHEST_SEED = 2**32 - 1


def seed() -> Any:
    """Return the dataclass field `seed` of a transformation that draws."""
    return field(
        default=0, metadata={"help": "Another number draws another pattern.", "low": 0, "high": HIGHEST_SEED, "step": 1}
    )


def normal(shape: tuple[int, ...], number: int) -> Floats:
    """Return standard normal numbers of a shape, the same for the same seed."""
    return np.random.default_rng(number).standard_normal(shape, np.float32)


def uniform(shape: tuple[int, ...], number: int) -> Floats:
    """Return numbers from 0 to below 1 of a shape, the same for the same seed."""
    return np.random.default_rng(number).random(shape, np.float32)
