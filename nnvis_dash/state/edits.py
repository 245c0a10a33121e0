"""What is done to an image before it is shown to a classifier: an ordered stack of edits, as plain values.

The names and parameters are those of `nnvis_dash.analysis.transformations`; here they are only text and numbers, so
that links and requests can hold them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Scalar: TypeAlias = str | int | float | bool


@dataclass(frozen=True)
class Edit:
    """One transformation and the parameters that were set, ascending by name; the others have their defaults."""

    name: str
    parameters: tuple[tuple[str, Scalar], ...] = ()

    def to_json(self) -> list[Any]:
        """Return ``[name, {parameter: value}]``."""
        return [self.name, dict(self.parameters)]

    @classmethod
    def from_json(cls, record: Any) -> Edit:
        """Read what `to_json` wrote, its values unchecked; ValueError for anything of another shape."""
        name, parameters = record
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise ValueError("an edit is [name, {parameter: value}]")
        return cls(name, tuple(sorted(parameters.items())))


def place_of(edits: Sequence[Edit], name: str) -> int:
    """Return where a transformation's degree is set in a stack: its last edit, or behind them all."""
    return next((place for place in range(len(edits) - 1, -1, -1) if edits[place].name == name), len(edits))


def with_degree(
    edits: Sequence[Edit], name: str, degree: Scalar, parameters: Mapping[str, Scalar] | None = None
) -> tuple[Edit, ...]:
    """Return a stack in which a transformation has another degree: the last one of that name, or one more at the end.

    `parameters` are others of the transformation that are set with it.
    """
    place = place_of(edits, name)
    before = dict(edits[place].parameters) if place < len(edits) else {}
    changed = Edit(name, tuple(sorted({**before, **(parameters or {}), "degree": degree}.items())))
    return (*edits[:place], changed, *edits[place + 1 :])
