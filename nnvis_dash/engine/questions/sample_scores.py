"""`sample_scores`: one number for every sample, of one classifier: how sure it is, or how a layer or unit answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import NotFound, ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk

ACTIVATION = "activation"


@dataclass(frozen=True)
class SampleScoresParameters:
    """Which score, of which classifier over which dataset."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    score: str = "confidence"  # of `analysis.suggestion.one.SCORES`, or "activation"
    layer: str = ""  # of an activation
    channel: int = -1  # of its units; -1: the mean of all


@QUESTIONS.register("sample_scores", title="Scores of samples", reference="", parameters=SampleScoresParameters)
def sample_scores(desk: Desk, parameters: SampleScoresParameters) -> dict[str, Any]:
    """Return `values` (N,) float32, NaN where there is none, and `what` they are in words."""
    from nnvis_dash.analysis.classes import as_outputs
    from nnvis_dash.analysis.suggestion.one import SCORES
    from nnvis_dash.analysis.suggestion.one import sample_scores as scores_of
    from nnvis_dash.engine.indexes import finished_index

    index = finished_index(desk, parameters.model, parameters.dataset)
    if parameters.score == ACTIVATION:
        layer = index.layer(parameters.layer)
        if not -1 <= parameters.channel < layer.shape[1]:
            raise NotFound(
                f"There is no unit {parameters.channel} in {parameters.layer!r}", f"It has {layer.shape[1]}, from 0."
            )
        who = f"unit {parameters.channel}" if parameters.channel >= 0 else "all units"
        values = layer[:, parameters.channel] if parameters.channel >= 0 else layer.mean(axis=1)
        return {"values": np.asarray(values, np.float32), "what": f"mean activation of {who} of {parameters.layer}"}
    if parameters.score not in SCORES:
        raise ParameterError(f"There is no score {parameters.score!r}", f"One of: {', '.join([*SCORES, ACTIVATION])}.")
    data, card = desk.dataset(parameters.dataset), desk.workspace.model(parameters.model)
    labels = None if data.labels is None else as_outputs(data.labels, data.class_names, card.class_names)
    if labels is not None and (not (labels >= 0).any() or labels.max() >= card.n_classes):
        labels = None
    found = scores_of(index, labels)
    if parameters.score not in found:
        raise ParameterError("There are no labels to hold the prediction against", "Choose another score.")
    return {"values": found[parameters.score], "what": SCORES[parameters.score]}
