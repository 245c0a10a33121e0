"""What neural patterns are, whoever found them: arrays for all, and an object for one when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.neural_patterns.counting import counted
from nnvis_dash.analysis.neural_patterns.mining import Members, Mined
from nnvis_dash.analysis.neural_patterns.sequences import NO_UNIT, Sequences, Table
from nnvis_dash.analysis.neural_patterns.wording import said
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Ints, Unit

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class NeuralPattern:
    """Units of different layers that several images excite most, and those images.

    Attributes
    ----------
    among : NeuralPatterns
        Which it belongs to.
    number : int
        Its place among them.
    """

    among: NeuralPatterns
    number: int

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units, one of a layer, in the order of the layers."""
        channels = self.among.channels[self.number]
        layers = self.among.sequences.layers
        return tuple(Unit(layers[column], int(channels[column])) for column in np.flatnonzero(channels != NO_UNIT))

    @property
    def support(self) -> int:
        """How many images it has."""
        return int(self.among.support[self.number])

    @property
    def sample_ids(self) -> npt.NDArray[np.intp]:
        """Its images, ascending."""
        ids = self.among.samples
        channels = self.among.channels[self.number]
        for column in np.flatnonzero(channels != NO_UNIT):
            ids = ids[self.among.sequences.channels[ids, column] == channels[column]]
        return ids

    @property
    def class_counts(self) -> Ints | None:
        """How many of its images have each label (K,), without those whose label isn't known; None without labels."""
        counts = self.among.class_counts
        return None if counts is None else counts[self.number]

    def said(self, class_names: Sequence[str] = ()) -> str:
        """Say whether the pattern belongs to one class or is shared by several.

        Parameters
        ----------
        class_names : sequence of str
            By label; classes without a name are numbered.

        Returns
        -------
        str
            "specific to triangle: 92 of its 100 images", "shared by circle and square: 95 of its 100 images". Classes
            are named, the most frequent first, until they have four fifths of the images. A class that has so many
            among all images isn't a pattern's own: "mostly circle, as all images are: ...".
        """
        return said(self.support, self.class_counts, self.among.class_totals, class_names)


@dataclass(frozen=True, eq=False)
class NeuralPatterns(Sequence[NeuralPattern]):
    """Neural patterns, the one with the highest support first; of equal ones the longest.

    Attributes
    ----------
    sequences : Sequences
        In which they were found.
    samples : (n,) intp
        The images that were looked at, ascending.
    channels : (P, L) as `sequences.channels`
        The unit of each layer; -1 where a pattern has none.
    support : (P,) int32
        Images of each pattern.
    labels : (N,) int32, or None
        Of every image; negative where unknown.
    n_classes : int
        K.
    members : tuple of Members
        Which of `samples` take part in which pattern. Where there are none, `sequences` tell when it is asked for.
    """

    sequences: Sequences
    samples: npt.NDArray[np.intp]
    channels: Table
    support: Ints
    labels: Ints | None
    n_classes: int
    members: tuple[Members, ...]

    def __len__(self) -> int:
        return len(self.support)

    @overload
    def __getitem__(self, number: int) -> NeuralPattern: ...
    @overload
    def __getitem__(self, number: slice) -> NeuralPatterns: ...
    def __getitem__(self, number: int | slice) -> NeuralPattern | NeuralPatterns:
        if isinstance(number, slice):
            return self.take(np.arange(len(self))[number])
        place = int(number)
        if not -len(self) <= place < len(self):
            raise IndexError(f"There is no neural pattern {place}: there are {len(self)}")
        return NeuralPattern(self, place % len(self))

    @cached_property
    def lengths(self) -> Ints:
        """How many units each pattern has (P,)."""
        return np.count_nonzero(self.channels != NO_UNIT, axis=1).astype(np.int32)

    @cached_property
    def class_counts(self) -> Ints | None:
        """How many images of each pattern have each label (P, K) int32; None without labels."""
        if self.labels is None:
            return None
        labels = self.labels[self.samples]
        if not self.members:
            return counted(self.sequences.channels[self.samples], self.channels, labels.astype(np.intp), self.n_classes)
        counts = np.zeros((len(self), self.n_classes), np.int32)
        for part in self.members:
            mine = labels[part.rows]
            known = np.flatnonzero(mine >= 0)
            places = part.patterns[known].astype(np.int64) * self.n_classes + mine[known]
            each = np.bincount(places, minlength=len(part.numbers) * self.n_classes)
            counts[part.numbers[part.numbers >= 0]] = each.reshape(len(part.numbers), self.n_classes)[part.numbers >= 0]
        return counts

    @cached_property
    def class_totals(self) -> Ints:
        """How many of all images that were looked at have each label (K,) int32; none without labels."""
        if self.labels is None:
            return np.zeros(self.n_classes, np.int32)
        labels = self.labels[self.samples]
        return np.bincount(labels[labels >= 0], minlength=self.n_classes).astype(np.int32)

    def inside(self, chosen: Flags) -> Ints:
        """Count each pattern's images among those chosen: (N,) bool to (P,) int32."""
        selected = chosen[self.samples]
        if not self.members:
            return counted(self.sequences.channels[self.samples], self.channels, selected.astype(np.intp) - 1, 1)[:, 0]
        counts = np.zeros(len(self), np.int32)
        for part in self.members:
            each = np.bincount(part.patterns[selected[part.rows]], minlength=len(part.numbers))
            counts[part.numbers[part.numbers >= 0]] = each[part.numbers >= 0]
        return counts

    def holding(self, units: Iterable[Unit]) -> Ints:
        """Count how many of some units each pattern holds (P,) int32."""
        held = np.zeros(len(self), np.int32)
        for unit in set(units):
            if unit.layer in self.sequences.layers and unit.channel >= 0:
                held += self.channels[:, self.sequences.layers.index(unit.layer)] == unit.channel
        return held

    def take(self, numbers: npt.NDArray[np.integer]) -> NeuralPatterns:
        """Return some of the patterns, each at most once, in the order given."""
        taken = replace(
            self, channels=self.channels[numbers], support=self.support[numbers], members=_moved(self.members, numbers)
        )
        if "class_counts" in self.__dict__ and self.class_counts is not None:  # they are known already
            taken.__dict__["class_counts"] = self.class_counts[numbers]
        return taken


def _moved(members: tuple[Members, ...], numbers: npt.NDArray[np.integer]) -> tuple[Members, ...]:
    """Return the members of some patterns in another order; what none of them needs is left out."""
    if not members:
        return members
    place = np.full(sum(np.count_nonzero(part.numbers >= 0) for part in members) + 1, -1, np.int32)
    place[numbers] = np.arange(len(numbers), dtype=np.int32)
    place[-1] = -1  # of what is left out already
    moved = (Members(place[part.numbers], part.patterns, part.rows) for part in members)
    return tuple(part for part in moved if (part.numbers >= 0).any())


def sorted_patterns(
    mined: Mined, sequences: Sequences, samples: npt.NDArray[np.intp], labels: Ints | None
) -> NeuralPatterns:
    """Return what was mined in `samples` of some sequences, the highest support first."""
    lengths = np.count_nonzero(mined.channels != NO_UNIT, axis=1)
    order = np.argsort(-(mined.support.astype(np.int64) * (mined.channels.shape[1] + 1) + lengths), kind="stable")
    n_classes = sequences.n_classes if labels is None else max(sequences.n_classes, int(labels.max(initial=-1)) + 1)
    return NeuralPatterns(
        sequences,
        samples,
        mined.channels[order],
        mined.support[order],
        labels,
        n_classes,
        _moved(mined.members, order),
    )


def checked_labels(labels: npt.ArrayLike | None, n_samples: int) -> Ints | None:
    """Return labels as (N,) int32, None for none.

    Raises
    ------
    ParameterError
        Another number of labels, or labels that aren't whole numbers.
    """
    if labels is None:
        return None
    given = np.asarray(labels)
    if given.shape != (n_samples,) or not np.issubdtype(given.dtype, np.integer):
        raise ParameterError(
            f"The labels are {given.shape} {given.dtype} for {n_samples} images",
            "Give one whole number for each image, -1 where it isn't known.",
        )
    return given.astype(np.int32)


def checked_samples(samples: npt.ArrayLike | None, n_samples: int, what: str = "samples") -> npt.NDArray[np.intp]:
    """Return sample ids, ascending and each once; all of them for None.

    Parameters
    ----------
    samples : ids, or (N,) bool, or None
    n_samples : int
    what : str
        As the message calls them.

    Raises
    ------
    ParameterError
        No whole numbers, or an id that isn't there.
    """
    if samples is None:
        return np.arange(n_samples)
    given = np.asarray(samples)
    if given.dtype == np.bool_ and given.shape == (n_samples,):
        return np.flatnonzero(given)
    if given.size == 0:
        return np.zeros(0, np.intp)
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        raise ParameterError(
            f"The {what} are {given.shape} {given.dtype}", f"Give ids below {n_samples}, or a yes or no for each image."
        )
    ids = np.unique(given)
    if ids[0] < 0 or ids[-1] >= n_samples:
        wrong = ids[0] if ids[0] < 0 else ids[-1]
        raise ParameterError(f"There is no sample {wrong}", f"Give ids from 0 to {n_samples - 1}.")
    return ids.astype(np.intp)
