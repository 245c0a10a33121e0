"""The classes of several classifiers and a dataset as one list: matched by name, and what matches nothing shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.classes import Key, class_keys
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Ints


@dataclass(frozen=True, eq=False)
class CommonClasses:
    """Every class that a dataset or one of several classifiers has, each once.

    Attributes
    ----------
    names : tuple of str
        The dataset's first, by label; then those that only classifiers have.
    outputs : tuple of (K,) int32
        For each classifier the number, in `names`, of each of its outputs.
    n_labels : int
        The first so many of `names` are the dataset's.
    by_number : tuple of bool
        For each classifier whether its outputs were matched by their numbers, because their names say nothing.
    """

    names: tuple[str, ...]
    outputs: tuple[Ints, ...]
    n_labels: int
    by_number: tuple[bool, ...]

    def alone(self, classifier: int) -> tuple[str, ...]:
        """Return the names of the classes that neither the dataset nor another classifier has."""
        others = set(range(self.n_labels)).union(
            *(outputs.tolist() for number, outputs in enumerate(self.outputs) if number != classifier)
        )
        return tuple(self.names[number] for number in self.outputs[classifier].tolist() if number not in others)

    def unknown_to(self, classifier: int) -> tuple[str, ...]:
        """Return the names of the classes that a classifier can't answer."""
        own = set(self.outputs[classifier].tolist())
        return tuple(name for number, name in enumerate(self.names) if number not in own)


def common_classes(
    n_outputs: Sequence[int], class_names: Sequence[Sequence[str]] = (), label_names: Sequence[str] = ()
) -> CommonClasses:
    """Bring the outputs of several classifiers, and a dataset's labels, to one list of classes.

    Names are the same whatever their case and whether blanks, underscores or hyphens part their words; of a name that
    one list has several times, as ImageNet's "crane", the first meets the first, the second the second.

    Parameters
    ----------
    n_outputs : sequence of int
        Classes of each classifier.
    class_names : sequence of sequences of str
        Their names, by output; empty for a classifier that has none. Left out: no classifier has names.
    label_names : sequence of str
        The dataset's, by label.

    Returns
    -------
    CommonClasses
        A classifier none of whose names is the dataset's, or without names, is matched by number where it has as many
        classes as the dataset has. Without names, and with another number, its classes are called "class 0" and so on.

    Raises
    ------
    ParameterError
        No classifier, or names that aren't one for each output.
    """
    if not n_outputs:
        raise ParameterError("No classifier is named", "Give at least one.")
    given = [tuple(names) for names in class_names] or [()] * len(n_outputs)
    if len(given) != len(n_outputs):
        raise ParameterError(
            f"There are class names of {len(given)} classifiers and {len(n_outputs)} classifiers",
            "Give names for each, empty for one that has none.",
        )
    numbers: dict[Key, int] = {key: number for number, key in enumerate(class_keys(label_names))}
    names = list(label_names)
    outputs, by_number = [], []
    for size, own in zip(n_outputs, given, strict=True):
        if own and len(own) != size:
            raise ParameterError(f"There are {len(own)} class names for {size} outputs", "Give one name an output.")
        keys = class_keys(own)
        alike = size == len(label_names) and not any(key in numbers and numbers[key] < len(label_names) for key in keys)
        by_number.append(alike or not own)
        if alike:
            outputs.append(np.arange(size, dtype=np.int32))
            continue
        shown = own or tuple(f"class {number}" for number in range(size))
        for key, name in zip(class_keys(shown), shown, strict=True):
            if key not in numbers:
                numbers[key] = len(names)
                names.append(name)
        outputs.append(np.array([numbers[key] for key in class_keys(shown)], np.int32))
    return CommonClasses(tuple(names), tuple(outputs), len(label_names), tuple(by_number))
