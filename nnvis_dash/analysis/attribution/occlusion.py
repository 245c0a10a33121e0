"""Occlusion: how far the score falls when a window of the image is covered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attribution import METHODS, Answer, Question, scores
from nnvis_dash.analysis.attribution.baselines import BASELINES, baseline
from nnvis_dash.analysis.perturbation.masked import Masks, masked_scores
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class Occlusion:
    """Parameters of occlusion."""

    window: int = field(
        default=0, metadata={"help": "its side; 0: a sixth of the image", "low": 0, "high": 4096, "unit": "px"}
    )
    stride: int = field(
        default=0, metadata={"help": "from window to window; 0: half a window", "low": 0, "high": 4096, "unit": "px"}
    )
    baseline: str = field(default="mean", metadata={"help": "what covers the window", "choices": BASELINES})


@METHODS.register(
    "occlusion",
    title="Occlusion",
    reference='Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, arXiv:1311.2901, '
    "section 4.2",
    parameters=Occlusion,
    traits=("slow",),
)
def occlusion(clf: Classifier, images: Images, target: Ints, question: Question, parameters: Occlusion) -> Answer:
    """Cover window after window and see how far the score falls.

    Parameters
    ----------
    clf : Classifier
        Any: only its outputs are needed.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
    parameters : Occlusion
        Windows that reach over the border are cut there; a window larger than the image covers all of it.

    Returns
    -------
    Answer
        values (N, H, W) float32: each pixel the mean fall of the score over the windows that cover it.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, arXiv:1311.2901, section 4.2.
    """
    about = scores.subject(clf.card, question)
    target, probability = scores.resolved(clf, images, target, about, question.output)
    height, width, _ = clf.card.input_shape
    window = parameters.window or max(1, round(min(height, width) / 6))
    stride = parameters.stride or max(1, window // 2)
    corners = [(top, left) for top in _starts(height, window, stride) for left in _starts(width, window, stride)]

    def masks(start: int, stop: int) -> Masks:
        kept = np.ones((stop - start, height, width), bool)
        for mask, (top, left) in zip(kept, _with_none(corners)[start:stop], strict=True):
            if top is not None:
                mask[top : top + window, left : left + window] = False
        return kept

    filling = baseline(images, parameters.baseline)
    found = masked_scores(clf, images, target, question, filling, len(corners) + 1, masks)
    falls = found[:, :1] - found[:, 1:]
    total = np.zeros((len(images), height, width), np.float32)
    covers = np.zeros((height, width), np.float32)
    for place, (top, left) in enumerate(corners):
        total[:, top : top + window, left : left + window] += falls[:, place, None, None]
        covers[top : top + window, left : left + window] += 1
    return Answer((total / np.maximum(covers, 1)).astype(np.float32), target, probability, None)


def _starts(size: int, window: int, stride: int) -> list[int]:
    """Return where windows begin, so that every pixel is covered and the last window ends with the image."""
    last = max(0, size - window)
    return sorted({*range(0, last + 1, stride), last}) if stride <= window else list(range(0, size, stride))


def _with_none(corners: list[tuple[int, int]]) -> list[tuple[int | None, int]]:
    """Return the windows, and before them none: the image as it is."""
    return [(None, 0), *corners]
