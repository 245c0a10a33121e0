"""Transformations: what can be done to an image, by one number each. One file a transformation, found by the registry.

A transformation is one function over a batch of 8-bit images of any size, grey or RGB. Its parameters begin with
`degree`: how much; at the `identity` that its metadata names, the image comes back as it is. What all share is done
here, once: reading parameters, checking the images, stacking several edits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError
from nnvis_dash.registry import Entry, Parameter, Registry
from nnvis_dash.state.edits import Edit
from nnvis_dash.types import Images

Transform: TypeAlias = Callable[[npt.NDArray[np.uint8], Any], npt.NDArray[np.uint8]]
Lookup: TypeAlias = Callable[[int], npt.NDArray[np.uint8]]  # the image of a sample's number
TRANSFORMATIONS: Registry[Transform] = Registry("transformation", "nnvis_dash.analysis.transformations")

# The first trait of a transformation is its group, in the order in which menus show them.
GROUPS = ("geometry", "colour", "blur and noise", "region", "corruption")


def degree(default: float, low: float, high: float, identity: float, help: str, unit: str = "", step: float = 0) -> Any:
    """Return the dataclass field `degree` of a transformation: a number from `low` to `high`.

    `default` is where a new edit begins, `identity` where nothing changes; `step` is a slider's, 0: a hundredth of the
    range.
    """
    metadata = {"help": help, "low": low, "high": high, "identity": identity, "unit": unit, "step": step}
    return field(default=default, metadata=metadata)


def identity_of(entry: Entry[Transform]) -> float:
    """Return the degree at which a transformation changes nothing."""
    found = next(known for known in fields(entry.parameters) if known.name == "degree")
    return float(found.metadata["identity"])


def transform(images: Any, name: str, degree: float | None = None, **parameters: Any) -> npt.NDArray[np.uint8]:
    """Change images in one way.

    Parameters
    ----------
    images : (N, H, W, C) or (H, W, C) uint8
        Raw pixels, grey (C = 1) or RGB (C = 3).
    name : str
        One of `transformations()`.
    degree : float, optional
        How much, in the transformation's own unit; its default where none is given.
    **parameters
        The transformation's others.

    Returns
    -------
    uint8 array of the same shape
        New, or the given one where nothing changes.

    Raises
    ------
    NotFound
        No such transformation.
    ParameterError
        Images or a parameter that it can't take; says what it can.
    """
    entry = TRANSFORMATIONS[name]
    given = parameters if degree is None else {"degree": degree, **parameters}
    read = entry.read(given)
    batch = _checked(images)
    whole = batch if batch.ndim == 4 else batch[None]
    changed = whole if read.degree == identity_of(entry) or not len(whole) else entry.function(whole, read)
    return changed if batch.ndim == 4 else changed[0]


def edited(images: Any, edits: Sequence[Edit], lookup: Lookup | None = None) -> npt.NDArray[np.uint8]:
    """Apply a stack of edits, the first one first.

    Parameters
    ----------
    images : (N, H, W, C) or (H, W, C) uint8
    edits : sequence of Edit
    lookup : callable, optional
        Gives the image that an edit names by its number (`other`), (h, w, c) uint8, to fill a region with; it is
        called where the filling is "image".

    Raises
    ------
    NotFound, ParameterError
        As `transform`.
    """
    changed = _checked(images)
    for edit in edits:
        given: dict[str, Any] = dict(edit.parameters)
        if given.get("other") is not None:
            checked_edits([edit])
            given["other"] = _found(int(given["other"]), lookup) if given.get("filling") == "image" else None
        changed = transform(changed, edit.name, **given)
    return changed


def checked_edits(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return the edits if every name and parameter can be read; raises as `transform` does."""
    for edit in edits:
        TRANSFORMATIONS[edit.name].read(dict(edit.parameters))
    return tuple(edits)


def _found(number: int, lookup: Lookup | None) -> npt.NDArray[np.uint8]:
    """Return the image of a sample's number."""
    if lookup is None:
        raise ParameterError(f"An edit names image {number}, and there is none to take", "Choose another filling.")
    return lookup(number)


@dataclass(frozen=True)
class Description:
    """A registered transformation as a user sees it."""

    title: str
    summary: str
    reference: str
    group: str
    identity: float
    parameters: tuple[Parameter, ...]


def transformations() -> dict[str, Description]:
    """Return the registered transformations by name, with their parameters."""
    return {
        name: Description(
            entry.title, entry.summary, entry.reference, group_of(entry), identity_of(entry), entry.form()
        )
        for name, entry in TRANSFORMATIONS.items()
    }


def group_of(entry: Entry[Transform]) -> str:
    """Return the group of menus that a transformation belongs to."""
    return next(group for group in GROUPS if group in entry.traits)


def _checked(images: Any) -> Images:
    """Return images as a contiguous array, which OpenCV needs; ParameterError for what isn't grey or RGB uint8."""
    array = np.asarray(images)
    if array.dtype != np.uint8:
        raise ParameterError(f"The images are of type {array.dtype}", "Give raw pixels 0..255 as uint8.")
    if array.ndim not in (3, 4) or array.shape[-1] not in (1, 3) or 0 in array.shape[-3:]:
        raise ParameterError(
            f"The images have the shape {array.shape}", "Give (N, height, width, 1 or 3), or one image without N."
        )
    return np.ascontiguousarray(array)
