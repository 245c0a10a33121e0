"""How it is drawn: which projection, which colours, how strong an overlay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Colour: TypeAlias = Literal["label", "prediction", "confidence", "correct", "entropy"]
COLOURS: tuple[str, ...] = get_args(Colour)
Scalar: TypeAlias = str | int | float | bool


@dataclass(frozen=True)
class View:
    """What is drawn but not selected.

    Parameters
    ----------
    features : str
        What is projected: ``features`` (the layer before the last), ``pixels`` or ``layer:<name>``.
    method : str
        Name of a projection.
    n_samples : int
        How many samples are projected; 0: all.
    seed : int
    parameters : tuple of (name, value)
        The method's parameters that were changed, ascending by name; the others have their defaults.
    colour : "label", "prediction", "confidence", "correct" or "entropy"
        What a point's colour says.
    opacity : float
        Of the heatmap over the image, 0..1.
    """

    features: str = "features"
    method: str = "tsne"
    n_samples: int = 1000
    seed: int = 0
    parameters: tuple[tuple[str, Scalar], ...] = ()
    colour: Colour = "label"
    opacity: float = 0.5
