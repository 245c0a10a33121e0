"""The way from an image to what was made of it, as a few images between: what a map shows as a path.

Edits grow together, each from the degree where it changes nothing to its own. A perturbation grows as a blend of the
pixels before and after it, which is that perturbation with a smaller epsilon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.references import image_of
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, checked_edits, identity_of
from nnvis_dash.errors import ParameterError
from nnvis_dash.state import checks
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.references import Reference
from nnvis_dash.types import Floats
from nnvis_dash.workspace.datasets import Dataset
from nnvis_dash.workspace.derived import DerivedSample, DerivedSamples

STEPS = 9
MOST_STEPS = 64
GROWN = ("edited", "adversarial")  # kinds of derived samples that are their parent, changed by degrees

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Images on the way from an original to what was made of it.

    Attributes
    ----------
    shares : (S,) float32, 0..1
        How much of the change each has, ascending from 0; only 1 where there is no original.
    images : tuple of S arrays (H, W, C) uint8
        The last one is the image that was asked for, the first one the original; sizes may differ.
    origin : Reference or None
        The original; None where there is none.
    """

    shares: Floats
    images: tuple[Pixels, ...]
    origin: Reference | None


def trajectory_of(
    reference: Reference,
    dataset: Dataset,
    derived: DerivedSamples,
    fitted: Callable[[Pixels], Pixels],
    steps: int = STEPS,
) -> Trajectory:
    """Return the images between an original and what was made of it.

    Parameters
    ----------
    reference : Reference
        With edits: the way from the image before them. A derived sample without edits: the way from its parent. A
        sample of the dataset as it is: itself alone.
    dataset : Dataset
        In which samples are looked up.
    derived : DerivedSamples
    fitted : callable
        Gives an image the size in which images are compared; pixels of unlike sizes are blended there.
    steps : int
        How many images, 2 to 64, both ends included.

    Returns
    -------
    Trajectory
        Of two images where a derived sample isn't its parent changed by degrees, of one where it has no parent (or one
        in another dataset).

    Raises
    ------
    ParameterError
        Another number of steps, no such sample, or an edit that can't be made.
    NotFound
        No such derived sample or transformation.
    """
    if not 2 <= steps <= MOST_STEPS:
        raise ParameterError(f"A path of {steps} images was asked for", f"Give a number from 2 to {MOST_STEPS}.")
    shares = np.linspace(0, 1, steps, dtype=np.float32)
    if reference.edits:
        images = _growing(reference.unedited, reference.edits, shares, dataset, derived)
        return Trajectory(shares, images, reference.unedited)
    last = image_of(reference, dataset, derived)
    sample = derived.get(reference.derived) if reference.derived else None
    origin = None if sample is None else _parent(sample, dataset)
    if sample is None or origin is None:
        return Trajectory(np.ones(1, np.float32), (last,), None)
    if sample.kind not in GROWN:
        return Trajectory(shares[[0, -1]], (image_of(origin, dataset, derived), last), origin)
    edits = _recorded(sample)
    if edits and not origin.edits:
        images = _growing(origin, edits, shares, dataset, derived)
        if np.array_equal(images[-1], last):
            return Trajectory(shares, images, origin)
    first = image_of(origin, dataset, derived)
    ends = (first, last) if first.shape == last.shape else (fitted(first), fitted(last))
    return Trajectory(shares, (first, *blends(*ends, shares[1:-1]), last), origin)


def edits_at(edits: Sequence[Edit], share: float) -> tuple[Edit, ...]:
    """Return the edits with a share 0..1 of their degree, counted from where each changes nothing.

    A degree that is a whole number takes the nearest one, so that a switch turns half-way.

    Raises
    ------
    NotFound, ParameterError
        No such transformation, or a parameter that it can't take.
    """
    checked_edits(edits)
    return tuple(edits) if share >= 1 else tuple(_at(edit, share) for edit in edits)


def blends(first: Pixels, last: Pixels, shares: npt.ArrayLike) -> tuple[Pixels, ...]:
    """Return (1 - share)·first + share·last for every share, rounded to 8 bits.

    Parameters
    ----------
    first, last : (H, W, C) uint8
        Of one shape.
    shares : (S,) numbers, 0..1
    """
    before, change = first.astype(np.float32), last.astype(np.float32) - first
    return tuple(np.rint(before + np.float32(share) * change).astype(np.uint8) for share in np.asarray(shares))


def _at(edit: Edit, share: float) -> Edit:
    entry = TRANSFORMATIONS[edit.name]
    field = next(parameter for parameter in entry.form() if parameter.name == "degree")
    given = dict(edit.parameters)
    identity = identity_of(entry)
    degree = identity + share * (float(given.get("degree", field.default)) - identity)
    given["degree"] = math.floor(degree + 0.5) if field.type is int else degree
    return replace(edit, parameters=tuple(sorted(given.items())))


def _growing(
    origin: Reference, edits: tuple[Edit, ...], shares: Floats, dataset: Dataset, derived: DerivedSamples
) -> tuple[Pixels, ...]:
    """Return the image with growing edits; equal ones (of a switch) are made once."""
    made: dict[tuple[Edit, ...], Pixels] = {}
    images = [image_of(origin, dataset, derived)]
    for share in shares[1:]:
        stack = edits_at(edits, float(share))
        if stack not in made:
            made[stack] = image_of(replace(origin, edits=stack), dataset, derived)
        images.append(made[stack])
    return tuple(images)


def _parent(sample: DerivedSample, dataset: Dataset) -> Reference | None:
    """Return what a derived sample was made of, where that can be looked up beside this dataset."""
    if sample.parent is None or sample.dataset not in ("", dataset.card.fingerprint):
        return None
    return Reference.read(sample.parent)


def _recorded(sample: DerivedSample) -> tuple[Edit, ...]:
    """Return the edits that a derived sample's recipe tells of."""
    recorded = sample.recipe.get("edits")
    return checks.edits("The edits of a derived sample", recorded) if recorded else ()
