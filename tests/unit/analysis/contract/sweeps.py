"""Sweeps written by hand: what a classifier of three classes says, without a classifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnvis_dash.analysis.simulation.change import change
from nnvis_dash.analysis.simulation.sweep import Sweep

NAMES = ("cat", "dog", "fox")


def swept(
    predictions: Sequence[Sequence[int]],
    labels: Sequence[int],
    degrees: Sequence[float] = (-15.0, 0.0, 15.0),
    name: str = "rotation",
    sure: float = 0.8,
    ids: Sequence[int] | None = None,
    against: str = "labels",
) -> Sweep:
    """Return a sweep of these predictions (n, D); the one that is predicted has the probability `sure`."""
    prediction = np.array(predictions, np.int32).reshape(len(labels), len(degrees))
    known = np.array(labels, np.int32)
    what = change(name, list(degrees))
    probabilities = np.full((*prediction.shape, len(NAMES)), (1 - sure) / 2, np.float32)
    np.put_along_axis(probabilities, prediction[..., None].astype(np.int64), np.float32(sure), axis=2)
    true = np.take_along_axis(probabilities, np.maximum(known, 0)[:, None, None].astype(np.int64), axis=2)[..., 0]
    n = len(known)
    identity = what.degrees.index(what.identity)
    return Sweep(
        change=what,
        ids=np.arange(n) if ids is None else np.array(ids, np.int64),
        labels=known,
        against=against,
        note="there are no labels" if against == "predictions" else "",
        class_names=NAMES,
        total=n,
        prediction=prediction,
        true_probability=np.where(known[:, None] < 0, np.float32(np.nan), true),
        probabilities=probabilities,
        clean_prediction=prediction[:, identity],
        deep_gini=np.zeros(n, np.float32),
        margin=np.zeros(n, np.float32),
    )
