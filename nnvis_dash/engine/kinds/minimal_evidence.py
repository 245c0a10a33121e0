"""`minimal_evidence`: the smallest part of an image that keeps a decision, and the smallest whose removal breaks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.kinds.prediction_difference import image_title, sample_of

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

NUMBERS = (
    "target",
    "prediction",
    "probability",
    "sufficient_found",
    "sufficient_probability",
    "necessary_found",
    "necessary_probability",
    "necessary_class",
    "necessary_class_probability",
    "steps",
    "evaluated",
)


@dataclass(frozen=True)
class MinimalEvidenceParameters(KindParameters):
    """Which image, as `state.references.Reference.plain` writes it, classifier and class."""

    dataset: str = ""  # fingerprint
    sample: int | str = 0
    model: str = ""  # fingerprint
    target: int | None = None  # None: the prediction
    n_regions: int = field(default=50, metadata={"low": 2, "high": 1000})
    filling: str = "mean"
    least: float = field(default=0.0, metadata={"low": 0.0, "high": 1.0})  # probability that is enough

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"minimal evidence in {image_title(self.sample)}"


@KINDS.register("minimal_evidence", title="Minimal evidence", reference="", parameters=MinimalEvidenceParameters)
def minimal_evidence(job: Job, parameters: MinimalEvidenceParameters) -> None:
    """Search both parts of an image.

    Keeps image (h, w, c) uint8 as the classifier sees it, sufficient and necessary (h, w) bool and regions (h, w)
    int32; the card has the numbers of `analysis.minimal_evidence.MinimalEvidence`.
    """
    from nnvis_dash.analysis.minimal_evidence import minimal_evidence as searched
    from nnvis_dash.analysis.progress import reporting

    clf = job.classifier(parameters.model)
    image = sample_of(job, parameters.model, parameters.dataset, parameters.sample)
    with reporting(job.progress):
        found = searched(
            clf,
            image,
            parameters.target,
            n_regions=parameters.n_regions,
            filling=parameters.filling,
            least=parameters.least,
        )
    job.save(
        {
            "image": np.asarray(image),
            "sufficient": found.sufficient,
            "necessary": found.necessary,
            "regions": found.regions,
        },
        {
            "model": parameters.model,
            "dataset": parameters.dataset,
            "sample": parameters.sample,
            "n_regions": parameters.n_regions,
            "filling": parameters.filling,
            "least": parameters.least,
            **{name: getattr(found, name) for name in NUMBERS},
        },
    )
