"""`attribution`: which pixels of one sample carry a classifier's decision, by any registered method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class AttributionParameters(KindParameters):
    """Which sample, classifier and method. `layer` and `target` of None stand for the method's own choice."""

    dataset: str = ""  # fingerprint
    sample: int = 0
    model: str = ""  # fingerprint
    method: str = "grad_cam"
    layer: str | None = None
    target: int | None = None
    output: str = "logits"
    parameters: dict = field(default_factory=dict)  # type: ignore[type-arg]  # the method's own

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"{self.method} of sample {self.sample}"


@KINDS.register("attribution", title="Attribution", reference="", parameters=AttributionParameters)
def attribution(job: Job, parameters: AttributionParameters) -> None:
    """Explain one sample; keeps heatmap (h, w) float32 in the classifier's input size, and the signed values."""
    from nnvis_dash.analysis.attribution import attribute

    dataset = job.dataset(parameters.dataset)
    if not 0 <= parameters.sample < len(dataset):
        raise ParameterError(
            f"There is no sample {parameters.sample} in {dataset.card.name}", f"It has samples 0 to {len(dataset) - 1}."
        )
    classifier = job.classifier(parameters.model)
    card = classifier.card
    image = dataset.batch([parameters.sample], card.input_shape, card.resize)
    explained = attribute(
        classifier,
        image,
        parameters.method,
        target=parameters.target,
        layer=parameters.layer,
        output=parameters.output,
        **parameters.parameters,
    )
    job.save(
        {
            "heatmap": np.asarray(explained.heatmap()[0], np.float32),
            "values": np.asarray(explained.values[0], np.float32),
        },
        {
            "method": parameters.method,
            "layer": explained.layer,
            "target": int(explained.target[0]),
            "probability": float(explained.probability[0]),
            "model": parameters.model,
            "sample": parameters.sample,
        },
    )
