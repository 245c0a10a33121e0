"""What sweeps and breaking points have in common: images under one change, each counting for a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy.typing as npt

from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.types import Ints

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class ChangedImages:
    """n images under a change; `ROWS` are the names of the arrays with a row an image, some of which may be None."""

    ROWS: ClassVar[tuple[str, ...]] = ("ids", "labels")

    change: Change
    ids: npt.NDArray[Any]
    labels: Ints
    against: str
    note: str
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def identity(self) -> float:
        """The degree that changes nothing, whether it is among the degrees or not."""
        return self.change.identity

    @property
    def arrays(self) -> Arrays:
        """What has a row an image, by name."""
        return {name: getattr(self, name) for name in self.ROWS if getattr(self, name) is not None}

    @property
    def head(self) -> dict[str, Any]:
        """What is the same for all images, as JSON can hold it; `read_head` reads it."""
        names = list(self.class_names)
        return {"change": self.change.plain(), "against": self.against, "note": self.note, "class_names": names}

    def take(self, rows: npt.NDArray[Any] | slice) -> Self:
        """Return some of the images, by their positions or a mask."""
        taken: dict[str, Any] = {name: array[rows] for name, array in self.arrays.items()}
        return replace(self, **taken)


def read_head(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that `ChangedImages.head` wrote."""
    return {
        "change": Change.read(card["change"]),
        "against": card["against"],
        "note": card["note"],
        "class_names": tuple(card["class_names"]),
    }
