"""How it is drawn and explained: which projection, which colours, which attribution, how strong an overlay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Colour: TypeAlias = Literal["label", "prediction", "confidence", "correct", "entropy"]
COLOURS: tuple[str, ...] = get_args(Colour)
Output: TypeAlias = Literal["logits", "probabilities"]
OUTPUTS: tuple[str, ...] = get_args(Output)
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
    attribution : str
        Name of the attribution method.
    attribution_parameters : tuple of (name, value)
        Its parameters that were changed, ascending by name.
    output : "logits" or "probabilities"
        What is explained of a class.
    explained : str or None
        Layer whose units are explained instead of a class.
    unit : int or None
        Channel of that layer; None: the mean of them all.
    clip : float
        Percentile of a heatmap's absolute values that gets the strongest colour, 50..100.
    smooth : bool
        Whether a heatmap is drawn smoothly; else in its own pixels.
    grid : tuple of str
        Attribution methods that are shown side by side; empty: only the one above.
    """

    features: str = "features"
    method: str = "tsne"
    n_samples: int = 1000
    seed: int = 0
    parameters: tuple[tuple[str, Scalar], ...] = ()
    colour: Colour = "label"
    opacity: float = 0.5
    attribution: str = "grad_cam"
    attribution_parameters: tuple[tuple[str, Scalar], ...] = ()
    output: Output = "logits"
    explained: str | None = None
    unit: int | None = None
    clip: float = 100.0
    smooth: bool = True
    grid: tuple[str, ...] = ()
