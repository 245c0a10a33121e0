"""The images that the what-if lens speaks of: the tested one, or those of the selection under the same edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnvis_dash.services import Services
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import Selection


def subjects(services: Services, wanted: Mapping[str, Any], most: int) -> tuple[list[Reference], int]:
    """Return which images a request means, the first `most` of them, and how many there are in all.

    `wanted` has the tested image as `Reference.wanted` reads it and its dataset; where it has `samples`, a selection
    as the state writes it, those are meant.

    Raises
    ------
    StateError, NotFound
        A value that can't be one, or a selection that isn't kept any more.
    """
    reference = Reference.wanted(dict(wanted))
    if not wanted.get("samples"):
        return ([], 0) if reference is None else ([reference], 1)
    edits = reference.edits if reference is not None else ()
    chosen = services.chosen(Selection(samples=str(wanted["samples"])))
    return [Reference(int(sample), "", edits) for sample in chosen[:most]], len(chosen)


def translated(target: int | None, names: tuple[str, ...], others: tuple[str, ...]) -> int | None:
    """Return a class of one classifier as another one numbers it, by name; None where it doesn't know it."""
    if target is None or names == others:
        return target
    if target >= len(names) or names[target] not in others:
        return None
    return others.index(names[target])
