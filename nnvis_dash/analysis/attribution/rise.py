"""RISE: the score of the image seen through random masks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores, stretch
from nnvis_dash.analysis.attribution.baselines import BASELINES, baseline
from nnvis_dash.analysis.perturbation.masked import Masks, masked_scores
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class RISE:
    """Parameters of RISE."""

    masks: int = field(default=1000, metadata={"help": "random masks", "low": 2, "high": 100_000})
    cells: int = field(default=7, metadata={"help": "cells of a mask along each side", "low": 1, "high": 64})
    share: float = field(default=0.5, metadata={"help": "of the cells that show the image", "low": 0.01, "high": 0.99})
    baseline: str = field(default="black", metadata={"help": "what covers the rest", "choices": BASELINES})
    seed: int = field(default=0, metadata={"help": "of the masks", "low": 0, "high": 2**31 - 1})


@METHODS.register(
    "rise",
    title="RISE",
    reference='Petsiuk et al., "RISE: randomized input sampling for explanation", BMVC 2018, arXiv:1806.07421, eq. 6',
    parameters=RISE,
    traits=("slow",),
)
def rise(clf: Classifier, images: Images, target: Ints, question: Question, parameters: RISE) -> Answer:
    """Look at the image through random masks; each pixel gets the mean score of the masks that show it.

    Parameters
    ----------
    clf : Classifier
        Any: only its outputs are needed.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : RISE

    Returns
    -------
    Answer
        values (N, H, W) float32: the mean score of the masks, weighed by how much of the pixel they show, minus the
        mean score of all (the paper doesn't take that off; it only shifts the map, and here 0 says nothing).

    References
    ----------
    Petsiuk et al., "RISE: randomized input sampling for explanation", BMVC 2018, arXiv:1806.07421, eq. 6.
    """
    about = scores.subject(clf.card, question)
    target, probability = scores.resolved(clf, images, target, about, question.output)
    height, width, _ = clf.card.input_shape
    total = np.zeros((len(images), height, width), np.float64)
    shown = np.zeros((height, width), np.float64)

    def masks(start: int, stop: int) -> Masks:
        return np.stack([random_mask(parameters, number, (height, width)) for number in range(start, stop)])

    found = masked_scores(clf, images, target, question, baseline(images, parameters.baseline), parameters.masks, masks)
    beyond = (found - found[:, :1]).astype(np.float64)  # so that equal scores give zeros, not what rounding leaves
    centred = beyond - beyond.mean(axis=1, keepdims=True)
    for start in range(0, parameters.masks, 256):
        some = masks(start, min(start + 256, parameters.masks)).astype(np.float32) / 255
        total += np.einsum("nm,mhw->nhw", centred[:, start : start + 256], some, optimize=True)
        shown += some.sum(axis=0)
    return Answer((total / np.maximum(shown, 1e-6)).astype(np.float32), target, probability, None)


def random_mask(parameters: RISE, number: int, size: tuple[int, int]) -> Masks:
    """Return mask `number`: (H, W) uint8, cells on or off, smoothed and shifted by part of a cell."""
    rng = np.random.default_rng([parameters.seed, number])
    n = parameters.cells
    cells = (rng.random((n + 1, n + 1)) < parameters.share).astype(np.float32)
    steps = [-(-side // n) for side in size]
    large = stretch(cells[None], ((n + 1) * steps[0], (n + 1) * steps[1]))[0]
    top, left = (int(rng.integers(0, step)) for step in steps)
    return np.round(255 * large[top : top + size[0], left : left + size[1]]).astype(np.uint8)
