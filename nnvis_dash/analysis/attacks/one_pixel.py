"""The one-pixel attack: differential evolution of where a few pixels are and which colour they get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import ATTACKS, Goal, proposals
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

_SCALE = 0.5  # of the difference between two members that is added to a third


@dataclass(frozen=True)
class OnePixel:
    """Parameters of the one-pixel attack."""

    pixels: int = field(default=1, metadata={"help": "that may change", "low": 1, "high": 100})
    population: int = field(default=400, metadata={"help": "tries in each generation", "low": 4, "high": 10_000})
    generations: int = field(default=50, metadata={"help": "at most", "low": 0, "high": 10_000})
    seed: int = field(default=0, metadata={"help": "of the evolution", "low": 0, "high": 2**31 - 1})


@ATTACKS.register(
    "one_pixel",
    title="One-pixel attack",
    reference='Su et al., "One pixel attack for fooling deep neural networks", IEEE TEVC 2019, arXiv:1710.08864, '
    "section III-B",
    parameters=OnePixel,
    traits=("l0", "targeted", "scores", "slow"),
)
def one_pixel(clf: Classifier, images: Floats, goal: Goal, parameters: OnePixel) -> Floats:
    """Let tries of one changed pixel (or a few) evolve by what the classifier's scores say of them.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : OnePixel
        The paper has 100 generations.

    Returns
    -------
    (n, h, w, c) float32, whole numbers 0..255
        At most `pixels` pixels differ; where the goal isn't reached: the try with the greatest margin, or the original
        where none is better than that.

    References
    ----------
    Su et al., "One pixel attack for fooling deep neural networks", IEEE TEVC 2019, arXiv:1710.08864, section III-B.
    A try is judged by the margin of its logits, not by one class's probability, which is flat where a network is sure;
    the evolution ends as soon as the goal is reached.
    """

    def propose(images: Floats, goal: Goal) -> Floats:
        result = images.copy()
        for row, image in enumerate(images):
            with progress.part(row, 1, len(images)):
                result[row] = _evolved(clf, image.astype(np.uint8), goal.take([row]), parameters)
        return result

    return proposals.for_unreached(clf, images, goal, propose)


def _evolved(clf: Classifier, image: npt.NDArray[np.uint8], goal: Goal, parameters: OnePixel) -> npt.NDArray[np.uint8]:
    """Return the best of all tries for one image (h, w, c)."""
    rng = np.random.default_rng(parameters.seed)
    members = first_members(rng, image.shape, parameters)
    fitness = _judged(clf, image, members, goal, 0, parameters.generations + 1)
    for generation in range(parameters.generations):
        if fitness.max() > 0:
            break
        one, two, three = three_others(rng, len(members))
        children = members[one] + _SCALE * (members[two] - members[three])
        found = _judged(clf, image, children, goal, generation + 1, parameters.generations + 1)
        better = found > fitness
        members, fitness = np.where(better[:, None, None], children, members), np.where(better, found, fitness)
    unchanged = proposals.margins(clf.logits(image[None]), goal)[0]
    return changed(image, members[fitness.argmax()][None])[0] if fitness.max() > unchanged else image


def first_members(rng: np.random.Generator, shape: tuple[int, ...], parameters: OnePixel) -> npt.NDArray[np.float64]:
    """Return members (population, pixels, 2 + c): row, column and the values they get."""
    height, width, channels = shape
    n = (parameters.population, parameters.pixels)
    places = [rng.uniform(0, side, n) for side in (height, width)]
    values = rng.normal(128, 127, (*n, channels))
    return np.concatenate([np.stack(places, axis=-1), values], axis=-1)


def three_others(rng: np.random.Generator, n: int) -> npt.NDArray[np.int64]:
    """Return (3, n) numbers, in each column three that differ from each other and from the column's own."""
    ranks = rng.random((n, n))
    np.fill_diagonal(ranks, np.inf)
    return ranks.argpartition(2, axis=1)[:, :3].T


def _judged(
    clf: Classifier,
    image: npt.NDArray[np.uint8],
    members: npt.NDArray[np.float64],
    goal: Goal,
    generation: int,
    generations: int,
) -> Floats:
    """Return the margins (population,) of members."""
    found = []
    at_once = batch_size(clf.card)
    for start in range(0, len(members), at_once):
        some = members[start : start + at_once]
        found.append(proposals.margins(clf.logits(changed(image, some)), goal.take(np.zeros(len(some), np.int64))))
        progress.step(generation * len(members) + start + len(some), generations * len(members))
    return np.concatenate(found)


def changed(image: npt.NDArray[np.uint8], members: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Return the image (h, w, c) as each member changes it; what lies outside is brought to the edge."""
    height, width, _ = image.shape
    rows = np.clip(np.floor(members[..., 0]), 0, height - 1).astype(np.int64)
    columns = np.clip(np.floor(members[..., 1]), 0, width - 1).astype(np.int64)
    tries = np.repeat(image[None], len(members), axis=0)
    for pixel in range(members.shape[1]):
        values = np.clip(np.rint(members[:, pixel, 2:]), 0, 255).astype(np.uint8)
        tries[np.arange(len(members)), rows[:, pixel], columns[:, pixel]] = values
    return tries
