"""The spatial attack: every rotation and translation of a grid, none of which changes what an image shows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import ATTACKS, Goal, proposals
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.warping import border, warped
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Move: TypeAlias = tuple[float, float, float]  # degrees counter-clockwise; pixels to the right; pixels downwards


@dataclass(frozen=True)
class Spatial:
    """Parameters of the spatial attack."""

    angle: float = field(default=30.0, metadata={"help": "largest rotation", "low": 0.0, "high": 180.0, "unit": "°"})
    shift: float = field(
        default=10.0, metadata={"help": "largest translation, of the side", "low": 0.0, "high": 100.0, "unit": "%"}
    )
    angles: int = field(default=31, metadata={"help": "rotations in the grid", "low": 1, "high": 1000})
    shifts: int = field(default=5, metadata={"help": "translations each way in the grid", "low": 1, "high": 100})
    choice: str = field(
        default="worst",
        metadata={"help": "of those that succeed: the surest or the smallest", "choices": ("worst", "smallest")},
    )
    border: str = border()


@ATTACKS.register(
    "spatial",
    title="Spatial attack",
    reference='Engstrom et al., "Exploring the landscape of spatial robustness", ICML 2019, arXiv:1712.02779, '
    "section 3",
    parameters=Spatial,
    traits=("spatial", "targeted", "scores", "slow"),
)
def spatial(clf: Classifier, images: Floats, goal: Goal, parameters: Spatial) -> Floats:
    """Try every rotation and translation of a grid and keep the worst, or the smallest that is enough.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : Spatial

    Returns
    -------
    (n, h, w, c) float32, whole numbers 0..255
        Shifted, then turned about the middle. Where nothing in the grid reaches the goal: what came nearest to it,
        which may be the original.

    References
    ----------
    Engstrom et al., "Exploring the landscape of spatial robustness", ICML 2019, arXiv:1712.02779, section 3 (grid
    search; 31 × 5 × 5 moves up to 30° and a tenth of the side). What the image doesn't reach is its last pixels by
    default, where the paper has black.
    """
    moves = grid(parameters, images.shape[1], images.shape[2])
    smallest = parameters.choice == "smallest"

    def propose(images: Floats, goal: Goal) -> Floats:
        clean = images.astype(np.uint8)
        result, greatest = images.copy(), proposals.margins(clf.logits(clean), goal)
        left = np.arange(len(images))
        done = 0
        while done < len(moves) and left.size:
            some = moves[done : done + max(1, batch_size(clf.card) // left.size)]
            tries = np.stack([moved(clean[left], move, parameters.border) for move in some])
            flat = tries.reshape(-1, *clean.shape[1:])
            margin = proposals.margins(clf.logits(flat), goal.take(np.tile(left, len(some)))).reshape(len(some), -1)
            # The first that is enough, where the smallest is wanted: the moves come in that order.
            chosen = np.where(smallest & (margin > 0).any(axis=0), (margin > 0).argmax(axis=0), margin.argmax(axis=0))
            found = margin[chosen, np.arange(left.size)]
            better = found > greatest[left]
            result[left[better]] = tries[chosen, np.arange(left.size)][better]
            greatest[left[better]] = found[better]
            done += len(some)
            progress.step(done, len(moves))
            if smallest:
                left = left[~(greatest[left] > 0)]
        return result

    return proposals.for_unreached(clf, images, goal, propose)


def grid(parameters: Spatial, height: int, width: int) -> list[Move]:
    """Return the moves of a grid, the smallest first: by the greatest of their shares of the largest allowed."""

    def steps(largest: float, n: int) -> npt.NDArray[np.float64]:
        return np.linspace(-largest, largest, n) if n > 1 and largest > 0 else np.zeros(1)

    right, down = (parameters.shift / 100 * side for side in (width, height))
    axes = (steps(parameters.angle, parameters.angles), steps(right, parameters.shifts), steps(down, parameters.shifts))
    limits = [max(largest, 1e-9) for largest in (parameters.angle, right, down)]

    def size(move: Move) -> tuple[float, float]:
        shares = [abs(part) / limit for part, limit in zip(move, limits, strict=True)]
        return round(max(shares), 9), sum(shares)

    moves: list[Move] = [(float(a), float(b), float(c)) for a, b, c in itertools.product(*axes)]
    return sorted(moves, key=size)


def moved(images: npt.NDArray[np.uint8], move: Move, edge: str) -> npt.NDArray[np.uint8]:
    """Return images (n, h, w, c) uint8 shifted and then turned about the middle."""
    degrees, right, down = move
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return warped(images, ((cosine, -sine), (sine, cosine)), (right, down), edge)
