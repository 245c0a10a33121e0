"""The boundary attack: from an image of another class, walk along the boundary towards the original."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import ATTACKS, Goal, proposals, through_foolbox
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

_HALVINGS = 12  # of the way between the original and where the walk begins
_TRIED = 4  # of the nearest images of another class, for each image
_BLENDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # share of noise
_NOISES = 8


@dataclass(frozen=True)
class Boundary:
    """Parameters of the boundary attack."""

    steps: int = field(default=2000, metadata={"help": "of the walk", "low": 1, "high": 100_000})
    spherical_step: float = field(
        default=0.1,
        metadata={"help": "first step around the original, as a share of the distance", "low": 1e-5, "high": 1.0},
    )
    source_step: float = field(
        default=0.02,
        metadata={"help": "first step towards the original, as a share of the distance", "low": 1e-5, "high": 1.0},
    )
    seed: int = field(default=0, metadata={"help": "of the walk and of the noise", "low": 0, "high": 2**31 - 1})


@ATTACKS.register(
    "boundary",
    title="Boundary attack",
    reference='Brendel et al., "Decision-based adversarial attacks: reliable attacks against black-box machine '
    'learning models", ICLR 2018, arXiv:1712.04248',
    parameters=Boundary,
    traits=("l2", "targeted", "decisions", "slow"),
)
def boundary(clf: Classifier, images: Floats, goal: Goal, parameters: Boundary) -> Floats:
    """Walk along the boundary towards the original, by nothing but the classes that the classifier names.

    The walk begins at the other images of the batch, at noise and plain images, or at the image blended with noise:
    whichever reaches the goal, and is nearest after the way to it has been halved until it ends at the boundary. So
    more images at once give nearer starts. Where nothing reaches the goal the image comes back as it was.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    parameters : Boundary

    Returns
    -------
    (n, h, w, c) float32, 0..255
        Stretched a little where rounding would undo the change (see `proposals.outliving_rounding`).

    References
    ----------
    Brendel et al., "Decision-based adversarial attacks: reliable attacks against black-box machine learning models",
    ICLR 2018, arXiv:1712.04248; the walk as Foolbox 3.3.4 has it (Rauber et al., JOSS 2020).
    """
    pool = np.concatenate([images, plain_and_noise(images.shape[1:], parameters.seed)])

    def propose(images: Floats, goal: Goal) -> Floats:
        with progress.part(0, 1, 20):
            starts, found = starting_points(clf, images, goal, pool, parameters.seed)
        result = images.copy()
        rows = np.flatnonzero(found)
        if rows.size:
            # Adapting its steps every third instead of every tenth step lets a short walk come further.
            attack = through_foolbox.foolbox().attacks.BoundaryAttack(
                steps=parameters.steps,
                spherical_step=parameters.spherical_step,
                source_step=parameters.source_step,
                update_stats_every_k=3,
            )
            calls = 2 + parameters.steps + parameters.steps // 3
            with progress.part(1, 19, 20):
                walked = through_foolbox.run_seeded(
                    clf, images[rows], starts[rows], goal.take(rows), attack, calls, parameters.seed
                )
            result[rows] = proposals.outliving_rounding(clf, images[rows], walked, goal.take(rows))
        return result

    return proposals.for_unreached(clf, images, goal, propose)


def plain_and_noise(shape: tuple[int, ...], seed: int) -> Floats:
    """Return images (m, h, w, c) float32, 0..255, of one colour, of fine noise and of coarse noise."""
    rng = np.random.default_rng([seed, 0])
    height, width, channels = shape
    levels = np.array([0.0, 127.0, 255.0])
    colours = np.stack(np.meshgrid(*[levels] * channels), axis=-1).reshape(-1, 1, 1, channels)
    plain = np.broadcast_to(colours, (len(colours), *shape))
    fine = rng.uniform(0, 255, (_NOISES, *shape))
    side = max(1, min(height, width) // 4)
    coarse = rng.uniform(0, 255, (_NOISES, -(-height // side), -(-width // side), channels))
    coarse = coarse.repeat(side, axis=1).repeat(side, axis=2)[:, :height, :width]
    return np.concatenate([plain, fine, coarse]).astype(np.float32)


def starting_points(
    clf: Classifier, images: Floats, goal: Goal, pool: Floats, seed: int
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Find for each image one that reaches the goal, near the boundary on the way to it.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    pool : (m, h, w, c) float32, 0..255
        To begin with; where none of it reaches the goal, the image blended with noise.
    seed : int

    Returns
    -------
    starts : (n, h, w, c) float32, 0..255
        The image itself where nothing was found.
    found : (n,) bool
    """
    classes = _answers(clf, pool, 0, len(images))
    starts, found = images.copy(), np.zeros(len(images), np.bool_)
    noise = np.random.default_rng([seed, 1]).uniform(0, 255, (_NOISES, *images.shape[1:])).astype(np.float32)
    shares = np.array(_BLENDS, np.float32)[:, None, None, None]
    for row, image in enumerate(images):
        own = goal.take([row])
        reached = _every(own, len(pool)).reached(classes)
        far = pool[reached]
        if not len(far):
            blends = np.concatenate([(1 - shares) * image + shares * one for one in noise])
            far = blends[_every(own, len(blends)).reached(_answers(clf, blends, row, len(images)))]
        if len(far):
            lengths = np.sqrt(((far - image) ** 2).sum(axis=(1, 2, 3)))
            near = _towards(clf, image, far[np.argsort(lengths, kind="stable")[:_TRIED]], own)
            lengths = np.sqrt(((near - image) ** 2).sum(axis=(1, 2, 3)))
            starts[row], found[row] = near[lengths.argmin()], True
        progress.step(row + 1, len(images))
    return starts, found


def _answers(clf: Classifier, images: Floats, done: int, total: int) -> Floats:
    """Return the probabilities (m, K) of images, and say after each batch that the attack is still where it was."""
    step = batch_size(clf.card)
    parts = []
    for start in range(0, len(images), step):
        parts.append(clf.predict(images[start : start + step]))
        progress.step(done, total)
    return np.concatenate(parts)


def _towards(clf: Classifier, image: Floats, far: Floats, goal: Goal) -> Floats:
    """Halve the way from images that reach the goal to the original; return (m, h, w, c) that still reach it."""
    low, high = np.zeros(len(far)), np.ones(len(far))
    goals = _every(goal, len(far))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = goals.reached(clf.predict(_between(image, far, middle)))
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return _between(image, far, high)


def _between(image: Floats, far: Floats, share: npt.NDArray[np.float64]) -> Floats:
    part = share[:, None, None, None]
    return ((1 - part) * image + part * far).astype(np.float32)


def _every(goal: Goal, n: int) -> Goal:
    """Return the goal of one image, for n images."""
    return goal.take(np.zeros(n, np.int64))
