"""A table of paths small enough to work out by hand."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.neural_patterns import NeuralPatterns, Sequences

LAYERS = ("conv1", "conv2", "dense")
TABLE = np.array(
    [
        [3, 1, 0],
        [3, 1, 0],
        [3, 1, 1],
        [2, 1, 1],
        [2, 0, 1],
        [-1, 0, 1],
    ],
    np.int16,
)
LABELS = np.array([0, 0, 0, 1, 1, -1])
PATHS = Sequences(TABLE, LAYERS, n_classes=2)


def listed(patterns: NeuralPatterns) -> list[tuple[dict[str, int], list[int]]]:
    """Return each pattern's channels by layer, and its images."""
    return [({unit.layer: unit.channel for unit in pattern.units}, pattern.sample_ids.tolist()) for pattern in patterns]
