"""How far heatmaps move when an image changes so little that its prediction stays: what the sensitivities share."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.quality import Case
from nnvis_dash.types import Floats, Images

ATTEMPTS = 3  # at a change that keeps the prediction
BLOCK_BYTES = 64 << 20  # of changed images that are explained in one call
REFERENCE = 'Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019, arXiv:1901.09392'


@dataclass(frozen=True)
class SmallChanges:
    """Parameters of both sensitivities."""

    radius: float = field(
        default=0.02, metadata={"help": "largest change of a pixel, a share of 255", "low": 0.001, "high": 1.0}
    )
    draws: int = field(default=8, metadata={"help": "changes of each image", "low": 1, "high": 1000})


def distances(case: Case, parameters: SmallChanges) -> Floats:
    """Say how far each image's heatmap moves under small random changes.

    Parameters
    ----------
    case : Case
    parameters : SmallChanges

    Returns
    -------
    (N, draws) float32, >= 0
        ‖map of the changed image − map‖ / ‖map‖ (Frobenius). NaN for changes that change the prediction in each of
        `ATTEMPTS` draws, and where the map is 0 everywhere or holds NaN or infinity. Both measures ask for it; it is
        computed once a case.
    """
    with _lock:
        known = _known.setdefault(case, {})
    found = known.get(parameters)
    if found is None:
        found = known[parameters] = _distances(case, parameters)
    return found


_known: weakref.WeakKeyDictionary[Case, dict[SmallChanges, Floats]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _distances(case: Case, parameters: SmallChanges) -> Floats:
    assert case.explain is not None
    clf, draws = case.classifier, parameters.draws
    images = clf.prepare(case.images)
    lengths = np.linalg.norm(case.heatmaps.reshape(len(images), -1).astype(np.float64), axis=1)
    found = np.full((len(images), draws), np.nan, np.float64)
    numbers = _kept(case, images, parameters)
    pairs = np.argwhere(numbers >= 0)
    size = max(batch_size(clf.card), BLOCK_BYTES // max(1, 4 * images[0].size))
    for start in range(0, len(pairs), size):
        rows, columns = pairs[start : start + size].T
        changed = _changed(images[rows], numbers[rows, columns], parameters.radius, case.seed)
        with progress.part(start, len(rows), len(pairs)):
            maps = case.explain(clf, changed, case.targets[rows]).heatmap()
        apart = (maps.astype(np.float64) - case.heatmaps[rows]).reshape(len(rows), -1)
        found[rows, columns] = np.linalg.norm(apart, axis=1)
    lengths = np.where(np.isfinite(lengths) & (lengths > 0), lengths, np.nan)
    return (found / lengths[:, None]).astype(np.float32)


def _kept(case: Case, images: Images, parameters: SmallChanges) -> npt.NDArray[np.int64]:
    """Return the number (N, draws) of the first change that keeps the prediction, draw by draw; −1 for none."""
    clf, draws = case.classifier, parameters.draws
    predictions = clf.predict(images).argmax(axis=1)
    numbers = np.full((len(images), draws), -1, np.int64)
    size = max(batch_size(clf.card), BLOCK_BYTES // max(1, 4 * images[0].size))
    for attempt in range(ATTEMPTS):
        pairs = np.argwhere(numbers < 0)
        for start in range(0, len(pairs), size):
            rows, columns = pairs[start : start + size].T
            tried = attempt * draws + columns
            changed = _changed(images[rows], tried, parameters.radius, case.seed)
            same = clf.predict(changed).argmax(axis=1) == predictions[rows]
            numbers[rows[same], columns[same]] = tried[same]
    return numbers


def _changed(images: Images, numbers: npt.NDArray[np.int64], radius: float, seed: int) -> Images:
    """Return images, each with the uniform noise of that number; within 0..255, and whole where they were."""
    changed = np.empty(images.shape, np.float32)
    for number in np.unique(numbers):
        noise = np.random.default_rng([seed, int(number)]).uniform(-radius, radius, images.shape[1:]) * 255
        here = numbers == number
        changed[here] = np.clip(images[here] + noise.astype(np.float32), 0, 255)
    return np.rint(changed).astype(images.dtype) if np.issubdtype(images.dtype, np.integer) else changed
