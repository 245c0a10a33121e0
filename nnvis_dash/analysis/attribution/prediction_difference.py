"""Prediction difference: how the score changes when a window of the image isn't known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import METHODS, Answer, scores
from nnvis_dash.analysis.attribution import Question as Asked
from nnvis_dash.analysis.prediction_difference.maps import computed, source_of
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.question import Question
from nnvis_dash.analysis.prediction_difference.samplers import SAMPLERS
from nnvis_dash.types import Images, Ints
from nnvis_dash.workspace.datasets import Dataset

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class PredictionDifference:
    """Parameters of the prediction difference; more of them, and live maps, has `nnvis.prediction_difference`."""

    window: int = field(
        default=0, metadata={"help": "its side; 0: an eighth of the image", "low": 0, "high": 4096, "unit": "px"}
    )
    outer: int = field(
        default=0,
        metadata={"help": "the patch it is sampled from; 0: twice the window", "low": 0, "high": 4096, "unit": "px"},
    )
    samples: int = field(default=20, metadata={"help": "of each window", "low": 1, "high": 10_000})
    sampler: str = field(default="conditional", metadata={"help": "what stands in a window", "choices": SAMPLERS})
    stride: int = field(default=1, metadata={"help": "from window to window", "low": 1, "high": 4096, "unit": "px"})
    seed: int = field(default=0, metadata={"help": "of the samples", "low": 0, "high": 2**31})
    laplace: int = field(default=100_000, metadata={"help": "N of the Laplace correction", "low": 1, "high": 10**9})
    adaptive: bool = field(default=True, metadata={"help": "fewer samples where they tell nothing more"})
    patches: Dataset | PatchModel | np.ndarray | list | None = field(  # type: ignore[type-arg]
        default=None, metadata={"help": "the images that samples come from"}
    )


@METHODS.register(
    "prediction_difference",
    title="Prediction difference",
    reference='Zintgraf et al., "Visualizing deep neural network decisions: prediction difference analysis", '
    "ICLR 2017, arXiv:1702.04595",
    parameters=PredictionDifference,
    traits=("slow", "images"),
)
def prediction_difference(
    clf: Classifier, images: Images, target: Ints, question: Asked, parameters: PredictionDifference
) -> Answer:
    """Replace window after window by what could stand there, and see how the score changes.

    Parameters
    ----------
    clf : Classifier
        Any: only its outputs are needed; where its layers are known, only what a window reaches is computed.
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
        Of a class: the difference of logits, or for probabilities the weight of evidence in bits.
    parameters : PredictionDifference

    Returns
    -------
    Answer
        values (N, H, W) float32: each pixel the mean over the windows that cover it.

    Raises
    ------
    ParameterError
        No images to sample from, or too few; a window that doesn't fit.

    References
    ----------
    Zintgraf, Cohen, Adel and Welling, "Visualizing deep neural network decisions: prediction difference analysis",
    ICLR 2017, arXiv:1702.04595.
    """
    about = scores.subject(clf.card, question)
    target, probability = scores.resolved(clf, images, target, about, question.output)
    side = min(clf.card.input_shape[:2])
    window = parameters.window or max(1, round(side / 8))
    asked = Question(
        window=window,
        outer=parameters.outer or min(side, max(2 * window, window + 2)),
        samples=parameters.samples,
        sampler=parameters.sampler,
        stride=parameters.stride,
        seed=parameters.seed,
        laplace=parameters.laplace,
        layer=about.layer,
    )
    asked.check(clf.card)
    source = source_of(clf, asked, parameters.patches)
    values = np.empty((len(images), *clf.card.input_shape[:2]), np.float32)
    for place, image in enumerate(images):
        if about.layer is None:
            wanted = [int(target[place])]
        elif about.channel is not None:
            wanted = [about.channel]
        else:
            layer = clf.card.layer(about.layer)
            wanted = list(range(int(layer.output_shape[-1] or 0))) if layer else []
        chosen = asked.chosen(clf, image, wanted)
        with progress.part(place, 1, len(images)):
            found = computed(clf, image, asked, chosen, source, adaptive=parameters.adaptive)
        if about.layer is not None:
            values[place] = found.maps.mean(axis=0)
        else:
            values[place] = found.maps[1 if question.output == "logits" else 0]
    return Answer(values, target, probability, None)
