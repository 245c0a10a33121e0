"""The one scale of all corruptions: severities 0..5, with the published constants at the whole ones.

Two sets of constants are published, for images of 224 pixels (ImageNet-C) and of 32 (CIFAR-10-C). An image of one of
these sizes gets its own set; sizes between get what lies between (by the logarithm of the shorter side), others the
nearer set. Constants that are lengths in pixels grow with the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nnvis_dash.analysis.fields import seed
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, Transform, degree

Row = tuple[float, ...]

PAPER = 'Hendrycks and Dietterich, "Benchmarking neural network robustness", ICLR 2019, arXiv:1903.12261'
IMAGENET_SIDE, CIFAR_SIDE = 224, 32
SEVERITIES = np.arange(6)


@dataclass(frozen=True)
class Severity:
    """The parameters of a corruption without chance."""

    degree: float = degree(3.0, 0.0, 5.0, 0.0, "severity; whole ones are those of ImageNet-C and CIFAR-10-C")


@dataclass(frozen=True)
class DrawnSeverity:
    """The parameters of a corruption that is drawn at random."""

    degree: float = degree(3.0, 0.0, 5.0, 0.0, "severity; whole ones are those of ImageNet-C and CIFAR-10-C")
    seed: int = seed()


def corruption(name: str, title: str, parameters: type = Severity) -> Callable[[Transform], Transform]:
    """Register the decorated function as a transformation of the group of corruptions."""
    return TRANSFORMATIONS.register(name, title=title, reference=PAPER, parameters=parameters, traits=("corruption",))


@dataclass(frozen=True)
class Published:
    """A corruption's constants.

    Attributes
    ----------
    imagenet, cifar : five rows
        For the severities 1..5 at 224 and at 32 pixels.
    harmless : row
        What leaves an image as it is, for severity 0; None: as at severity 1.
    lengths : tuple of int
        The columns that are lengths in pixels.
    """

    imagenet: tuple[Row, ...]
    cifar: tuple[Row, ...]
    harmless: tuple[float | None, ...]
    lengths: tuple[int, ...] = ()

    def at(self, severity: float, height: int, width: int) -> Row:
        """Return the constants for a severity 0..5 and an image's size; between whole severities they are linear."""
        side = min(height, width)
        share = math.log(side / CIFAR_SIDE) / math.log(IMAGENET_SIDE / CIFAR_SIDE)
        share = min(max(share, 0.0), 1.0)
        found = []
        for column, harmless in enumerate(self.harmless):
            large, small = (
                float(np.interp(severity, SEVERITIES, [rows[0][column] if harmless is None else harmless, *values]))
                for rows in (self.imagenet, self.cifar)
                for values in ([row[column] for row in rows],)
            )
            if column in self.lengths:
                large, small = large * side / IMAGENET_SIDE, small * side / CIFAR_SIDE
            found.append(share * large + (1 - share) * small)
        return tuple(found)


def column(*values: float) -> tuple[Row, ...]:
    """Return the rows of constants that have one column."""
    return tuple((value,) for value in values)
