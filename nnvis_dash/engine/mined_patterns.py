"""Neural patterns as questions read them: paths are read once a worker, the patterns mined last are kept.

A slider comes back to where it was, and every other setting (order, selection, class) asks about the same patterns: so
what was mined stays, within a limit of bytes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.sequences import NO_UNIT
from nnvis_dash.engine.indexes import finished_index
from nnvis_dash.errors import ParameterError
from nnvis_dash.state import checks
from nnvis_dash.types import Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.neural_patterns import ErrorEnriched, NeuralPatterns, Sequences
    from nnvis_dash.engine.desk import Desk

MOST_BYTES = 256 * 2**20  # of patterns that are kept
MOST_PATTERNS = 50_000  # that a page may ask for at once
MOST_COUNTS = 20_000_000  # of classes, over all patterns


@dataclass(frozen=True, eq=False)
class Mined:
    """The patterns of one classifier over one dataset, with what is known of its images.

    Attributes
    ----------
    patterns : NeuralPatterns
    predictions : (N,) int32
    labels : (N,) int32, or None
        As outputs of the classifier, -1 where unknown.
    """

    patterns: NeuralPatterns
    predictions: Ints
    labels: Ints | None

    @cached_property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Whether each image is misclassified (N,); not, where its label isn't known."""
        if self.labels is None:
            return np.zeros(len(self.predictions), np.bool_)
        return np.asarray((self.labels >= 0) & (self.labels != self.predictions))

    @cached_property
    def enriched(self) -> ErrorEnriched:
        """The patterns with more misclassified images than chance explains."""
        from nnvis_dash.analysis.neural_patterns import error_enriched_patterns

        return error_enriched_patterns(self.patterns, self.wrong)

    @property
    def n_bytes(self) -> int:
        """About what it holds."""
        members = sum(part.rows.nbytes + part.patterns.nbytes for part in self.patterns.members)
        return int(members + self.patterns.channels.nbytes + 4 * len(self.patterns) * (self.patterns.n_classes + 4))


class KeptPatterns:
    """What was mined last, by key; the least recently used go when all together exceed a limit of bytes.

    The last one always stays. Safe to use from several threads.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: OrderedDict[Any, tuple[Mined, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Mined]) -> Mined:
        """Return what is kept under a key, mined now if it isn't there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        made = make()
        with self._lock:
            self._kept[key] = (made, made.n_bytes)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self.limit:
                self._kept.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._kept)


KEPT = KeptPatterns(MOST_BYTES)


def mined(desk: Desk, model: str, dataset: str, by: str, support: int, length: int, gaps: bool) -> Mined:
    """Return the patterns of a classifier over a dataset, by their fingerprints.

    Raises
    ------
    NotFound
        There is no index yet.
    ParameterError
        The classifier has no units, or there are too many patterns; says which support would do.
    """
    from nnvis_dash.analysis.neural_patterns import neural_patterns

    paths = paths_of(desk, model, dataset, by)

    def make() -> Mined:
        known = labels_of(desk, model, dataset)
        limit = max(1, min(MOST_PATTERNS, MOST_COUNTS // max(1, paths.n_classes)))
        found = neural_patterns(paths, known, support, length, gaps=gaps, limit=limit)
        return Mined(found, _predictions(desk.path, model, dataset), known)

    return KEPT.get((desk.path, model, dataset, by, support, length, gaps), make)


def paths_of(desk: Desk, model: str, dataset: str, by: str) -> Sequences:
    """Return the most active unit of every layer for every image; read once a worker."""
    return _paths(desk.path, model, dataset, by)


def channels_of(text: str, paths: Sequences) -> npt.NDArray[Any]:
    """Return the unit of each layer (L,) that a pattern's text names, -1 where it names none.

    Raises
    ------
    StateError
        It isn't a pattern's text.
    ParameterError
        The classifier has fewer layers.
    """
    channels = np.full(len(paths.layers), NO_UNIT, paths.channels.dtype)
    for part in checks.pattern("The pattern", text).split("."):
        layer, channel = (int(number) for number in part.split(":"))
        if layer >= len(channels):
            raise ParameterError(
                f"The pattern names a layer {layer}, and the classifier has {len(channels)} with units",
                "Choose a pattern of this classifier.",
            )
        channels[layer] = min(channel, np.iinfo(channels.dtype).max)
    return channels


def samples_of(channels: npt.NDArray[Any], paths: Sequences) -> npt.NDArray[np.intp]:
    """Return the images, ascending, whose paths go through the units of a pattern (L,), -1 for any."""
    ids = np.arange(len(paths))
    for column in np.flatnonzero(channels != NO_UNIT):
        ids = ids[paths.channels[ids, column] == channels[column]]
    return ids


def labels_of(desk: Desk, model: str, dataset: str) -> Ints | None:
    """Return the labels of a dataset as outputs of a classifier (N,), -1 where unknown; None without any."""
    from nnvis_dash.analysis.classes import as_outputs

    data = desk.dataset(dataset)
    if data.labels is None:
        return None
    return np.asarray(as_outputs(data.labels, data.card.class_names, desk.workspace.model(model).class_names))


@lru_cache(maxsize=8)
def _paths(path: str, model: str, dataset: str, by: str) -> Sequences:
    from nnvis_dash.analysis.neural_patterns import unit_sequences
    from nnvis_dash.engine.desk import Desk

    return unit_sequences(finished_index(Desk(path), model, dataset), by)


@lru_cache(maxsize=8)
def _predictions(path: str, model: str, dataset: str) -> Ints:
    from nnvis_dash.engine.desk import Desk

    index = finished_index(Desk(path), model, dataset)
    return np.asarray(index.probabilities).argmax(axis=1).astype(np.int32)
