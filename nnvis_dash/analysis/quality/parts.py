"""How far a score falls when parts of an image are taken out, beside what a heatmap says of these parts.

The same parts are drawn for every image, and the falls don't depend on the heatmap: they are kept, so that a second
method's heatmaps of the same images cost no pass at all.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.attribution import Question
from nnvis_dash.analysis.attribution.baselines import baseline
from nnvis_dash.analysis.perturbation.masked import Masks, masked_scores
from nnvis_dash.analysis.quality import Case
from nnvis_dash.analysis.quality.maps import Some, batches, tells
from nnvis_dash.types import Floats, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

OUTPUTS = ("explained", "logits", "probabilities")
_KEPT = 2**21  # numbers that are kept for a classifier: 16 MiB
_ADDED = 2**23  # pixels of parts that are added up together: 64 MiB of float64

Doubles: TypeAlias = npt.NDArray[np.float64]
Key: TypeAlias = tuple[object, ...]


@dataclass(frozen=True)
class Parts:
    """Parts of an image of one size.

    Attributes
    ----------
    key : tuple
        All that `hidden` depends on.
    count : int
        How many, M.
    hidden : function (number) -> (H, W) bool
        What part `number` takes out.
    """

    key: Key
    count: int
    hidden: Callable[[int], npt.NDArray[np.bool_]]


def drawn_regions(numbers: Ints, taken: tuple[int, ...], seed: int) -> Parts:
    """Return parts of regions that are drawn at random.

    Parameters
    ----------
    numbers : (H, W) int32
        Each pixel's region, as `perturbation.regions` gives them.
    taken : tuple of M int
        How many regions each part takes.
    seed : int
    """
    n_regions = int(numbers.max()) + 1

    def hidden(number: int) -> npt.NDArray[np.bool_]:
        chosen = np.zeros(n_regions, bool)
        rng = np.random.default_rng([seed, number])
        chosen[rng.choice(n_regions, taken[number], replace=False, shuffle=False)] = True
        return chosen[numbers]

    place = hashlib.blake2b(np.ascontiguousarray(numbers).tobytes(), digest_size=16).digest()
    return Parts(("regions", numbers.shape, place, taken, seed), len(taken), hidden)


def explained(case: Case, output: str) -> str:
    """Return "logits" or "probabilities": what is asked for, or what the heatmaps explain (if unknown, logits)."""
    if output != "explained":
        return output
    return case.attribution.output if case.attribution is not None else "logits"


def falls(case: Case, parts: Parts, filling: str, output: str) -> Doubles:
    """Return how far the score falls without each part.

    Parameters
    ----------
    case : Case
    parts : Parts
    filling : str
        One of `baselines.BASELINES`: what stands in place of a part.
    output : {"explained", "logits", "probabilities"}

    Returns
    -------
    (N, M) float64
        Score of the image minus that of the image without the part; NaN where the heatmap tells nothing.
    """
    output = explained(case, output)
    height, width, _ = case.classifier.card.input_shape
    found = np.full((len(case.images), parts.count), np.nan)

    def masks(start: int, stop: int) -> Masks:
        kept = np.ones((stop - start, height, width), bool)
        for mask, number in zip(kept, range(start - 1, stop - 1), strict=True):
            if number >= 0:  # before the first part: the image as it is
                np.logical_not(parts.hidden(number), out=mask)
        return kept

    kept = _kept_of(case.classifier)
    for some in batches(case):
        keys = [(*_key(some, place), output, filling, parts.key) for place in range(len(some.rows))]
        rows = [kept.get(key) for key in keys]
        new = [place for place, row in enumerate(rows) if row is None]
        if new:
            images = some.images[new]
            question = Question(None, None, output)
            fill = baseline(images, filling)
            scores = masked_scores(
                case.classifier, images, some.targets[new], question, fill, parts.count + 1, masks
            ).astype(np.float64)
            for place, row in zip(new, scores[:, :1] - scores[:, 1:], strict=True):
                kept.put(keys[place], row)
                rows[place] = row
        found[some.rows] = rows
    return found


def sums(heatmaps: Floats, parts: Parts) -> Doubles:
    """Return what heatmaps (N, H, W) add up to over each part: (N, M) float64, zeros for one that tells nothing."""
    flat = np.where(tells(heatmaps)[:, None], heatmaps.reshape(len(heatmaps), -1), 0).astype(np.float64)
    found = np.empty((len(heatmaps), parts.count))
    step = max(1, _ADDED // flat.shape[1])
    for start in range(0, parts.count, step):
        stop = min(start + step, parts.count)
        hidden = np.stack([parts.hidden(number).ravel() for number in range(start, stop)])
        found[:, start:stop] = flat @ hidden.T.astype(np.float64)
    return found


def correlations(a: Doubles, b: Doubles) -> Doubles:
    """Return Pearson's correlation of each row of two (N, M) arrays; NaN where either doesn't vary, or is NaN."""
    varies = (a != a[:, :1]).any(axis=1) & (b != b[:, :1]).any(axis=1)
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (a, b))
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in (a, b))
    return np.where(varies, np.clip((a * b).sum(axis=1), -1, 1), np.nan)


def _key(some: Some, place: int) -> Key:
    image = some.images[place]
    return image.dtype.name, hashlib.blake2b(image.tobytes(), digest_size=16).digest(), int(some.targets[place])


class _Kept:
    """The falls (M,) of the images that were asked for last."""

    def __init__(self) -> None:
        self._rows: OrderedDict[Key, Doubles] = OrderedDict()
        self._numbers = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Doubles | None:
        with self._lock:
            if key in self._rows:
                self._rows.move_to_end(key)
            return self._rows.get(key)

    def put(self, key: Key, row: Doubles) -> None:
        with self._lock:
            if key not in self._rows:
                self._numbers += len(row)
            self._rows[key] = row
            while self._numbers > _KEPT:
                self._numbers -= len(self._rows.popitem(last=False)[1])


_kept: weakref.WeakKeyDictionary[Classifier, _Kept] = weakref.WeakKeyDictionary()
_kept_lock = threading.Lock()


def _kept_of(clf: Classifier) -> _Kept:
    with _kept_lock:
        return _kept.setdefault(clf, _Kept())
