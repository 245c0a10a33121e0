"""Maps that several tests look at, computed once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.projections import Projection, project
from nnvis_dash.types import Floats

Frame = tuple[int, int, Floats]


@pytest.fixture(scope="session")
def digits() -> tuple[Any, Any]:
    """300 real digits as features (300, 64) float32, 0..16, and 60 more; labels of both."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data[:360].astype(np.float32), data.target[:360]


@pytest.fixture(scope="session")
def run(digits: tuple[Any, Any]) -> tuple[Projection, list[Frame]]:
    """The t-SNE of the 300 digits, and its frames."""
    frames: list[Frame] = []
    found = project(digits[0][:300], seed=3, on_frame=lambda *frame: frames.append(frame))
    return found, frames
