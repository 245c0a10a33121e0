"""The square attack: random squares at the edge of what is allowed, kept where the scores say that they help."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import ATTACKS, Goal, epsilon_field, proposals
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

# After these of 10,000 queries the share of the image that a square covers is halved, as in the paper's experiments;
# for other numbers of queries in proportion.
_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
_SCHEDULE = 10_000


@dataclass(frozen=True)
class Square:
    """Parameters of the square attack."""

    epsilon: float = epsilon_field()
    queries: int = field(default=1000, metadata={"help": "passes for each image, at most", "low": 1, "high": 100_000})
    p: float = field(default=0.8, metadata={"help": "share that the first squares cover", "low": 0.001, "high": 1.0})
    seed: int = field(default=0, metadata={"help": "of the squares", "low": 0, "high": 2**31 - 1})


@ATTACKS.register(
    "square",
    title="Square attack",
    reference='Andriushchenko et al., "Square attack: a query-efficient black-box adversarial attack via random '
    'search", ECCV 2020, arXiv:1912.00049, algorithms 1 and 2',
    parameters=Square,
    traits=("linf", "bounded", "targeted", "scores", "slow"),
)
def square(clf: Classifier, images: Floats, goal: Goal, parameters: Square) -> Floats:
    """Move a random square of values to the edge of what is allowed; keep it where the margin rises.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : Square

    Returns
    -------
    (n, h, w, c) float32, whole numbers 0..255
        Every value changed by floor(epsilon) or cut at the range's end, so that rounding changes nothing. Where the
        goal isn't reached: the image with the greatest margin, which may be the original.

    References
    ----------
    Andriushchenko et al., "Square attack: a query-efficient black-box adversarial attack via random search", ECCV
    2020, arXiv:1912.00049, algorithms 1 and 2. All images of a batch get the same squares, so that none depends on its
    neighbours; targeted attacks go by the margin too (the paper: by cross entropy).
    """
    most = np.float32(np.floor(goal.epsilon + 1e-6))
    height, width, channels = images.shape[1:]

    def propose(images: Floats, goal: Goal) -> Floats:
        rng = np.random.default_rng(parameters.seed)
        stripes = rng.choice(np.array([-most, most], np.float32), (1, width, channels))
        best, greatest = images.copy(), proposals.margins(clf.logits(images), goal)
        present = np.clip(images + stripes, 0, 255)
        margin = proposals.margins(clf.logits(present), goal)
        left = np.arange(len(images))
        for query in range(1, parameters.queries + 1):
            better = margin > greatest[left]
            best[left[better]], greatest[left[better]] = present[better], margin[better]
            open_ = ~(margin > 0)
            left, present, margin = left[open_], present[open_], margin[open_]
            progress.step(query, parameters.queries)
            if query == parameters.queries or not left.size:
                break
            side = square_side(share(parameters.p, query, parameters.queries), height, width)
            top, start = (int(rng.integers(0, size - side + 1)) for size in (height, width))
            signs = rng.choice(np.array([-1, 1], np.float32), channels)
            tried = present.copy()
            window = (slice(None), slice(top, top + side), slice(start, start + side))
            tried[window] = np.clip(images[left][window] + most * signs, 0, 255)
            same = (tried[window] == present[window]).all(axis=(1, 2, 3))  # a query that would tell nothing
            turned = np.clip(images[left][window] - most * signs, 0, 255)
            tried[window] = np.where(same[:, None, None, None], turned, tried[window])
            found = proposals.margins(clf.logits(tried), goal.take(left))
            risen = found > margin
            present = np.where(risen[:, None, None, None], tried, present)
            margin = np.where(risen, found, margin)
        return best

    if most == 0:
        return images
    return proposals.for_unreached(clf, images, goal, propose)


def share(first: float, query: int, queries: int) -> float:
    """Return the share of the image that the square of a query covers; halved as the queries go on."""
    scaled = query * _SCHEDULE / queries
    return float(first / 2 ** sum(scaled > limit for limit in _HALVED_AT))


def square_side(covered: float, height: int, width: int) -> int:
    """Return the side in pixels of a square that covers a share of the image: 1 at least, the shorter side at most."""
    return int(np.clip(np.rint(np.sqrt(covered * height * width)), 1, min(height, width)))
