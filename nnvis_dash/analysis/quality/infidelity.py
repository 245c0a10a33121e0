"""Infidelity: how wrong a heatmap is about what the score loses with random squares."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.attribution.baselines import BASELINES
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.parts import OUTPUTS, Parts, falls, sums
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats


@dataclass(frozen=True)
class Infidelity:
    """Parameters of infidelity."""

    squares: int = field(default=96, metadata={"help": "random squares", "low": 1, "high": 100_000})
    smallest: float = field(
        default=0.1, metadata={"help": "side of a square, of the image's shorter one", "low": 0.0, "high": 1.0}
    )
    largest: float = field(default=0.5, metadata={"help": "likewise", "low": 0.0, "high": 1.0})
    scaled: bool = field(
        default=True,
        metadata={
            "help": "multiply each heatmap by the best number of 0 or more, and divide the error by the mean squared "
            "fall of the score; off: as in the paper, in squared units of the score"
        },
    )
    filling: str = field(default="mean", metadata={"help": "what stands where the square was", "choices": BASELINES})
    output: str = field(default="explained", metadata={"help": "the score", "choices": OUTPUTS})


@MEASURES.register(
    "infidelity",
    title="Infidelity",
    reference='Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019, arXiv:1901.09392, '
    "definition 2.1, with the removal of squares of section 2.3",
    parameters=Infidelity,
    traits=("lower is better", "faithfulness"),
)
def infidelity(case: Case, parameters: Infidelity) -> Floats:
    """Mean squared error of the heatmap's sum over a random square as the fall of the score without it.

    Parameters
    ----------
    case : Case
        A heatmap's value counts as what the pixel adds to the score beyond the filling.
    parameters : Infidelity

    Returns
    -------
    (N,) float32
        Scaled: 0..1, the share of the mean squared fall that the heatmap leaves unexplained; 1 also for one of the
        wrong sign. NaN where the heatmap is the same everywhere or isn't finite; scaled, also where the score doesn't
        change.

    Raises
    ------
    ParameterError
        The smallest square is larger than the largest.

    References
    ----------
    Yeh et al., "On the (in)fidelity and sensitivity of explanations", NeurIPS 2019, arXiv:1901.09392, definition 2.1.
    """
    if parameters.smallest > parameters.largest:
        raise ParameterError(
            f"The squares are to go from {parameters.smallest:g} to {parameters.largest:g} of the image's side",
            "Let smallest be no more than largest.",
        )
    height, width, _ = case.classifier.card.input_shape
    sides = [max(1, round(share * min(height, width))) for share in (parameters.smallest, parameters.largest)]
    parts = drawn_squares((height, width), (sides[0], sides[1]), parameters.squares, case.seed)
    fallen, said = falls(case, parts, parameters.filling, parameters.output), sums(case.heatmaps, parts)
    if not parameters.scaled:
        return ((said - fallen) ** 2).mean(axis=1).astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        # With the best factor, b = (s·f) / (s·s), the error |b s − f|² is |f|² − (s·f)² / (s·s).
        both, own, all_of_it = (said * fallen).sum(axis=1), (said**2).sum(axis=1), (fallen**2).sum(axis=1)
        explained = np.where(own > 0, np.maximum(both, 0) ** 2 / own, 0) / all_of_it
    return np.clip(1 - explained, 0, 1).astype(np.float32)


def drawn_squares(size: tuple[int, int], sides: tuple[int, int], count: int, seed: int) -> Parts:
    """Return random squares inside an image of (height, width), each side from the first to the second of `sides`."""

    def hidden(number: int) -> npt.NDArray[np.bool_]:
        rng = np.random.default_rng([seed, number])
        side = int(rng.integers(sides[0], sides[1] + 1))
        top, left = (int(rng.integers(0, length - side + 1)) for length in size)
        found = np.zeros(size, bool)
        found[top : top + side, left : left + side] = True
        return found

    return Parts(("squares", size, sides, count, seed), count, hidden)
