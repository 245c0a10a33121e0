"""Fusion: the mean rank that several methods give each pixel."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import METHODS, Answer, Question, stretch
from nnvis_dash.analysis.rank_correlation import signed_ranks
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.registry import Entry
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.attribution import Method
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class Fusion:
    """Parameters of the fusion."""

    methods: str = field(
        default="grad_cam, layer_cam, lrp_preset_a_flat",
        metadata={"help": "names of two methods or more, with commas between them; each with its own defaults"},
    )


@METHODS.register(
    "fusion",
    title="Fusion (mean rank)",
    reference='Rieger and Hansen, "Aggregating explanation methods for stable and robust explainability", 2019, '
    'arXiv:1903.00519; by ranks: Dwork et al., "Rank aggregation methods for the web", 2001, doi:10.1145/371920.372165',
    parameters=Fusion,
    traits=("through a layer", "positive"),
)
def fusion(clf: Classifier, images: Images, target: Ints, question: Question, parameters: Fusion) -> Answer:
    """Average the ranks that several methods' heatmaps give each pixel.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) uint8 or float32
    target : (N,) int32
    question : Question
        `layer`: for those of the methods that look through one.
    parameters : Fusion

    Returns
    -------
    Answer
        values (N, H, W) float32, 0..1: 1 for a pixel that speaks most for the class in all heatmaps, 0 for one that is
        in the lower half on average. Ranks of methods with negative values and without are averaged, so below the
        middle nothing can be told. A heatmap that is the same everywhere puts all pixels in the middle.

    Raises
    ------
    ParameterError
        Fewer than two methods, one that isn't there or can't be fused, or what one of them can't do.

    References
    ----------
    Rieger and Hansen, "Aggregating explanation methods for stable and robust explainability", 2019, arXiv:1903.00519.
    Departure: ranks in place of values, Borda's way to agree on an order (Dwork et al., "Rank aggregation methods for
    the web", WWW 2001, doi:10.1145/371920.372165), since values of different methods have different scales.
    """
    entries = fused(parameters.methods)
    through = [entry for entry in entries if "through a layer" in entry.traits]
    if question.layer is not None and not through:
        raise ParameterError(f"None of {parameters.methods} looks through a layer", "Leave the layer out.")
    total: Floats = np.zeros((len(images), *clf.card.input_shape[:2]), np.float32)
    answers = []
    for place, entry in enumerate(entries):
        own = question if entry in through else replace(question, layer=None)
        with progress.part(place, 1, len(entries)):
            answer = entry.function(clf, images, target, own, entry.read({}))
            progress.step(1, 1)
        values = answer.values.sum(axis=-1, dtype=np.float32) if answer.values.ndim == 4 else answer.values
        total += signed_ranks(stretch(values, clf.card.input_shape[:2])).astype(np.float32)
        answers.append(answer)
    layer = next((answer.layer for answer in answers if answer.layer is not None), None)
    return Answer(np.maximum(total / np.float32(len(entries)), 0), answers[0].target, answers[0].probability, layer)


def fused(names: str) -> list[Entry[Method]]:
    """Return the methods of those names.

    Raises
    ------
    ParameterError
        Fewer than two, one that isn't there, one that needs more than images, or the fusion itself.
    """
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if len(wanted) < 2:
        raise ParameterError(f"Fusion was given the methods {names!r}", "Name two or more, with commas between them.")
    entries = []
    for name in wanted:
        if name == "fusion":
            raise ParameterError("Fusion was asked to fuse itself", "Name the methods that it should fuse.")
        try:
            entry = METHODS[name]
        except NotFound as missing:
            raise ParameterError(missing.what, missing.mend) from None
        if entry.traits & {"patterns", "images"}:
            raise ParameterError(f"{entry.title} needs more than images, so it can't be fused", "Name another method.")
        entries.append(entry)
    return entries
