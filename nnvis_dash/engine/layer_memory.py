"""What the layers put out for the images that were looked at last, kept in the worker: another layer costs nothing.

One pass records every layer where those of an image fit into `ONE`, else those with units, else only what is asked
for. Which images are kept is bounded in bytes; the one asked for last always stays.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from nnvis_dash.types import Floats, Layer, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.engine.desk import Desk

ONE = 2**28  # bytes of one image's layers that are recorded in one pass
KEPT = 2**29  # bytes of all images' layers that are kept

Key: TypeAlias = tuple[Any, ...]


@dataclass
class Outputs:
    """Of one image: each layer's own output without the batch axis, and the probabilities (K,)."""

    layers: dict[str, Floats] = field(default_factory=dict)
    probabilities: Floats | None = None
    means: dict[int, dict[str, Floats]] = field(default_factory=dict)  # by side: of each layer's channels, (h, w)

    @property
    def size(self) -> int:
        """Bytes."""
        kept = [self.layers, *self.means.values()]
        return sum(array.nbytes for arrays in kept for array in arrays.values())


class LayerMemory:
    """The last images' outputs by key, the least recently used out first; safe to use from several threads.

    Parameters
    ----------
    limit : int
        Bytes of all outputs together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: OrderedDict[Key, Outputs] = OrderedDict()
        self._busy: dict[Key, tuple[threading.Lock, int]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def of(self, key: Key) -> Iterator[Outputs]:
        """Give what is held for a key, to be read and added to by one thread at a time; what was added is kept."""
        with self._lock:
            alone, waiting = self._busy.get(key, (threading.Lock(), 0))
            self._busy[key] = (alone, waiting + 1)
        try:
            with alone:
                with self._lock:
                    outputs = self._held.get(key) or Outputs()
                yield outputs
                with self._lock:
                    self._held[key] = outputs
                    self._held.move_to_end(key)
                    while len(self._held) > 1 and sum(one.size for one in self._held.values()) > self.limit:
                        self._held.popitem(last=False)
        finally:
            with self._lock:
                _, waiting = self._busy[key]
                if waiting > 1:
                    self._busy[key] = (alone, waiting - 1)
                else:
                    del self._busy[key]

    def keys(self) -> tuple[Key, ...]:
        """Return what is held, the least recently used first."""
        with self._lock:
            return tuple(self._held)


MEMORY = LayerMemory(KEPT)


def outputs_of(
    desk: Desk,
    model: str,
    dataset: str,
    image: int | str,
    layers: Sequence[str],
    frozen: Mapping[str, Iterable[int]] | None = None,
) -> Outputs:
    """Return what layers put out for one image, `layers` among them.

    Parameters
    ----------
    desk : Desk
    model, dataset : str
        Fingerprints.
    image : int or str
        As `state.references.Reference.plain` writes it.
    layers : sequence of str
    frozen : mapping of a layer's name to the numbers of its units, optional

    Raises
    ------
    NotFound, ParameterError
        No such layer or image, units that can't be frozen, a TensorFlow graph without layers.
    """
    from nnvis_dash.analysis.mutation.recording import known_layers

    clf = desk.classifier(model)
    names = known_layers(clf.card, list(layers))
    with _held(desk, clf, dataset, image, frozen) as (held, units):
        missing = [name for name in names if name not in held.layers]
        if missing or held.probabilities is None:
            _record(desk, clf, dataset, image, units, recorded_together(clf.card, missing), held)
        return Outputs(dict(held.layers), held.probabilities)


def means_of(
    desk: Desk,
    model: str,
    dataset: str,
    image: int | str,
    side: int,
    frozen: Mapping[str, Iterable[int]] | None = None,
) -> dict[str, Floats]:
    """Return (h, w) the mean over the channels of every layer with maps, averaged down to `side` positions at most.

    Outputs that don't fit into `ONE` are let go once their means are known. Raises as `outputs_of` does.
    """
    from nnvis_dash.analysis.map_tiles import shrunk
    from nnvis_dash.analysis.mutation.recording import known_layers

    clf = desk.classifier(model)
    known_layers(clf.card, None)  # a graph without layers is refused in words
    names = [layer.name for layer in clf.card.layers if layer.is_map]
    with _held(desk, clf, dataset, image, frozen) as (held, units):
        if side not in held.means:
            seen = held
            if any(name not in held.layers for name in names):
                if _bytes(layer for layer in clf.card.layers if layer.is_map) > ONE:
                    seen = Outputs()
                _record(desk, clf, dataset, image, units, recorded_together(clf.card, names), seen)
            held.means[side] = {
                name: shrunk(seen.layers[name].mean(axis=-1)[:, :, None], side)[:, :, 0] for name in names
            }
        return dict(held.means[side])


def recorded_together(card: ModelCard, asked: Sequence[str], room: int = ONE) -> tuple[str, ...]:
    """Return the layers that one pass for `asked` records: all if they fit, else those with units, else these alone."""
    every = card.layers
    with_units = tuple(layer for layer in card.layers if layer.n_units or layer.name in asked)
    for layers in (every, with_units):
        if _bytes(layers) <= room:
            return tuple(layer.name for layer in layers)
    return tuple(asked)


@contextmanager
def _held(
    desk: Desk, clf: Classifier, dataset: str, image: int | str, frozen: Mapping[str, Iterable[int]] | None
) -> Iterator[tuple[Outputs, dict[str, tuple[int, ...]]]]:
    """Give what is kept of an image with units frozen, and those units as the classifier knows them."""
    from nnvis_dash.analysis.mutation.frozen import frozen_units

    units = frozen_units(clf.card, frozen or {})
    with MEMORY.of((desk.path, clf.card.fingerprint, dataset, image, tuple(units.items()))) as held:
        yield held, units


def _record(
    desk: Desk,
    clf: Classifier,
    dataset: str,
    image: int | str,
    units: Mapping[str, Iterable[int]],
    layers: Sequence[str],
    into: Outputs,
) -> None:
    from nnvis_dash.analysis.mutation.recording import record
    from nnvis_dash.analysis.references import batch_of

    card = clf.card
    pixels = batch_of([image], desk.dataset(dataset), desk.workspace.derived, card.input_shape, card.resize)
    found = record(clf, pixels, layers, units)
    into.layers.update({name: output[0] for name, output in found.outputs.items()})
    into.probabilities = found.probabilities[0]


def _bytes(layers: Iterable[Layer]) -> int:
    return sum(4 * math.prod(size or 1 for size in layer.output_shape) for layer in layers)
