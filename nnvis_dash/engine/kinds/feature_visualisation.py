"""`feature_visualisation`: an image that excites a unit or a class of a classifier."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class FeatureVisualisationParameters(KindParameters):
    """Which unit or class of which classifier: either `layer` and `channel`, or `target`."""

    model: str = ""  # fingerprint
    layer: str | None = None
    channel: int = 0
    target: int | None = None  # a class
    steps: int = field(default=256, metadata={"low": 1, "high": 4096})
    seed: int = field(default=0, metadata={"low": 0, "high": 2**32 - 1})
    where: str = field(default="everywhere", metadata={"choices": ("everywhere", "centre")})

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"what excites {self.layer} {self.channel}" if self.layer else f"what excites class {self.target}"


@KINDS.register(
    "feature_visualisation",
    title="Feature visualisation",
    reference='Olah et al., "Feature visualization", Distill 2017, doi:10.23915/distill.00007',
    parameters=FeatureVisualisationParameters,
)
def feature_visualisation(job: Job, parameters: FeatureVisualisationParameters) -> None:
    """Find an image that a unit or a class answers to as strongly as possible.

    Keeps image (h, w, c) uint8 and values (steps,) float32; the card says the activation on it, the one before, and in
    words where the ascent failed.
    """
    from nnvis_dash.analysis.feature_visualisation import feature_visualisation as ascend

    if parameters.layer is not None and parameters.target is None:
        subject: Unit | int = Unit(parameters.layer, parameters.channel)
    elif parameters.target is not None and parameters.layer is None:
        subject = parameters.target
    else:
        raise ParameterError(
            f"The layer is {parameters.layer!r} and the target {parameters.target!r}",
            "Give a layer with a channel, or the number of a class.",
        )
    found = ascend(
        job.classifier(parameters.model),
        subject,
        parameters.steps,
        parameters.seed,
        parameters.where,
        on_progress=job.progress,
    )
    job.save(
        {"image": np.asarray(found.image), "values": found.values},
        {
            "model": parameters.model,
            "layer": parameters.layer,
            "channel": parameters.channel,
            "target": parameters.target,
            "activation": found.activation,
            "before": found.before,
            "note": found.note,
        },
    )
