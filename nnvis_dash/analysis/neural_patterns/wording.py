"""What a neural pattern says of the classes: how much more frequent they are among its images, and that in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnvis_dash.types import Ints

MOSTLY = 0.8  # share of a pattern's images that its classes have together, for it to be called theirs
NOTABLE = 1.25  # lift from which a class is more frequent than in the dataset
_NAMED = 3  # classes, and the rest as a number

Doubles = npt.NDArray[np.float64]


def said(support: int, counts: Ints | None, totals: Ints, class_names: Sequence[str] = ()) -> str:
    """Say whether a pattern belongs to one class or is shared by several; see `NeuralPattern.said`.

    Parameters
    ----------
    support : int
        Its images.
    counts : (K,) whole numbers, or None without labels
        Of them, by class.
    totals : (K,) whole numbers
        Of all images, by class.
    class_names : sequence of str
    """
    if counts is None or not counts.any():
        return f"{_images(support)} without labels"
    order = np.argsort(-counts, kind="stable")
    known = int(counts.sum())
    together = np.cumsum(counts[order])
    n_shared = int(np.searchsorted(together, MOSTLY * known - 1e-9)) + 1
    names = [_name(label, class_names) for label in order[:n_shared].tolist()]
    more = "" if known == support else " with a label"
    covered = int(together[n_shared - 1])
    of = f"all its {_images(known)}{more}" if covered == known else f"{covered} of its {_images(known)}{more}"
    if n_shared > 1:
        return f"shared by {_listed(names)}: {of}"
    if lift(counts[None], totals, order[:1].astype(np.int32))[0] < NOTABLE:
        return f"mostly {names[0]}, as all images are: {of}"
    return f"specific to {names[0]}: {of}"


def lift(counts: Ints, totals: Ints, classes: Ints) -> Doubles:
    """Return how many times as frequent a class is among the images of a pattern as among all.

    Parameters
    ----------
    counts : (P, K) whole numbers
        Images of each class, of each pattern.
    totals : (K,) whole numbers
        Of all images.
    classes : (P,) whole numbers
        The class that is asked for, of each pattern.

    Returns
    -------
    (P,) float64
        1: as frequent; 0 where a pattern, or all images, have none of the class.
    """
    share = counts[np.arange(len(counts)), classes] / np.maximum(counts.sum(axis=1), 1)
    usual = totals[classes] / max(int(totals.sum()), 1)
    return np.divide(share, usual, out=np.zeros(len(counts)), where=usual > 0)


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _name(label: int, class_names: Sequence[str]) -> str:
    return class_names[label] if label < len(class_names) else f"class {label}"


def _listed(names: list[str]) -> str:
    """Return "a and b", "a, b and c", "a, b, c and 2 more classes"."""
    if len(names) > _NAMED:
        rest = len(names) - _NAMED
        names = [*names[:_NAMED], "1 more class" if rest == 1 else f"{rest} more classes"]
    return f"{', '.join(names[:-1])} and {names[-1]}"
