"""`warm`: load a classifier and compile what the first click on it will need. Leaves no artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nnvis_dash.engine.kinds import KINDS, KindParameters

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job


@dataclass(frozen=True)
class WarmParameters(KindParameters):
    """Which classifier, by its fingerprint."""

    kept: ClassVar[bool] = False
    model: str = ""


@KINDS.register("warm", title="Loading a classifier", reference="", parameters=WarmParameters)
def warm(job: Job, parameters: WarmParameters) -> None:
    """Load a classifier, so that the next task on it starts at once."""
    from nnvis_dash.analysis.attribution import attribute

    classifier = job.classifier(parameters.model)
    blank = np.zeros((1, *classifier.card.input_shape), np.uint8)
    classifier.predict(blank)
    job.check()
    if classifier.card.grad_cam_layer is not None:
        attribute(classifier, blank, "grad_cam")
