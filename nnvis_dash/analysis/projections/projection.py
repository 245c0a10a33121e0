"""A finished map: coordinates, and all that is needed to place further samples on it.

Invariant: it is saved and loaded as plain arrays; what a method needs for placing is rebuilt from them, never pickled.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.projections.honesty import NEIGHBOURS, Honesty, honesty, neighbours_of
from nnvis_dash.analysis.projections.reduction import Reduction, checked_features
from nnvis_dash.types import Floats, Ints

OnFrame: TypeAlias = Callable[[int, int, Floats], None]  # iteration, total, (N, 2) float32


class Stored(Protocol):
    """Arrays by name, as an artifact of the workspace holds them."""

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return one array."""
        ...


@dataclass(frozen=True, eq=False)
class Projection:
    """Samples in two dimensions.

    Parameters
    ----------
    coordinates : (N, 2) float32
        In the order of the features. Scale, rotation and reflection of a map mean nothing in t-SNE and UMAP.
    method : str
        The method that made it, a name in `PROJECTIONS`.
    seed : int
    parameters : dataclass
        The method's parameters as they were given.
    reference : (N, d) float32
        The reduced features, which new samples are compared with and the map is held against.
    reduction : Reduction
        From features to reduced features.
    notes : str
        What a reader of the map has to know: parameters that were lowered, a method that was replaced. May be empty.
    """

    coordinates: Floats
    method: str
    seed: int
    parameters: Any
    reference: Floats
    reduction: Reduction
    notes: str = ""

    def noted(self, note: str) -> Projection:
        """Return the projection with a further note, in front."""
        return replace(self, notes=f"{note} {self.notes}".strip())

    def place(self, features: npt.ArrayLike) -> Floats:
        """Place further samples on the map, which stays as it is.

        Parameters
        ----------
        features : (M, D) numbers
            Of the same kind as those that made the map; M may be 0.

        Returns
        -------
        (M, 2) float32
            Each sample is placed by itself, so its place doesn't depend on the others.

        Raises
        ------
        ParameterError
            Another D, or features that are not finite.
        """
        checked = checked_features(features, len(self.reduction.mean))
        if not len(checked):
            return np.zeros((0, 2), np.float32)
        from nnvis_dash.analysis.projections import PROJECTIONS

        entry = PROJECTIONS[self.method]
        return np.asarray(_PLACERS[entry.name](self, self.reduction.apply(checked)), np.float32)

    def honesty(self, n_neighbours: int = NEIGHBOURS) -> Honesty:
        """Return how well each sample's neighbours were kept: see `honesty.honesty`."""
        return honesty(self.reference, self.coordinates, n_neighbours)

    def neighbours(self, row: int, n_neighbours: int = NEIGHBOURS) -> Ints:
        """Return the rows (k,) int32 of a sample's nearest among the reduced features, the nearest first."""
        return neighbours_of(self.reference, row, n_neighbours)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything as arrays by name, for `from_artifact`."""
        settings = {
            "method": self.method,
            "seed": self.seed,
            "parameters": asdict(self.parameters),
            "notes": self.notes,
            "unit_length": self.reduction.unit_length,
        }
        return {
            "coordinates": self.coordinates,
            "reference": self.reference,
            "mean": self.reduction.mean,
            "components": self.reduction.components,
            "explained": self.reduction.explained,
            "settings": np.frombuffer(json.dumps(settings).encode(), np.uint8),
        }

    @classmethod
    def from_artifact(cls, stored: Stored) -> Projection:
        """Read what `arrays` gave."""
        from nnvis_dash.analysis.projections import PROJECTIONS

        settings = json.loads(np.asarray(stored.array("settings"), np.uint8).tobytes())
        mean, components, explained = (stored.array(name) for name in ("mean", "components", "explained"))
        return cls(
            coordinates=stored.array("coordinates"),
            method=settings["method"],
            seed=settings["seed"],
            parameters=PROJECTIONS[settings["method"]].parameters(**settings["parameters"]),
            reference=stored.array("reference"),
            reduction=Reduction(settings["unit_length"], mean, components, explained),
            notes=settings["notes"],
        )


Place: TypeAlias = Callable[[Projection, Floats], npt.NDArray[Any]]
_PLACERS: dict[str, Place] = {}


def placer(method: str) -> Callable[[Place], Place]:
    """Register how reduced features (M, d), M at least 1, are placed on a map of `method`: (M, 2)."""

    def register(function: Place) -> Place:
        _PLACERS[method] = function
        return function

    return register
