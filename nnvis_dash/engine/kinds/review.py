"""`review`: doubtful labels, outliers and slices of a dataset, from the indexes of classifiers over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

MOST_MODELS = 8


@dataclass(frozen=True)
class ReviewParameters(KindParameters):
    """Which classifiers, the one that outliers and slices are of first, over which dataset; their indexes are there."""

    dataset: str = ""  # fingerprint
    models: list = field(default_factory=list)  # type: ignore[type-arg]  # fingerprints

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"Review of {workspace.dataset(self.dataset).card.name}"


@KINDS.register(
    "review",
    title="Review",
    reference="Northcutt, Jiang and Chuang, Confident Learning, JAIR 70, 2021",
    parameters=ReviewParameters,
)
def review(job: Job, parameters: ReviewParameters) -> None:
    """Review a dataset; keeps what `analysis.review.reviewing.load_review` reads."""
    from nnvis_dash.analysis.review.reviewing import review as reviewed
    from nnvis_dash.analysis.review.reviewing import review_arrays, review_card
    from nnvis_dash.engine.indexes import finished_index

    if not 1 <= len(parameters.models) <= MOST_MODELS:
        raise ParameterError(f"{len(parameters.models)} classifiers are to review", f"Give 1 to {MOST_MODELS}.")
    found = reviewed(
        job.dataset(parameters.dataset),
        [job.classifier(model) for model in parameters.models],
        [finished_index(job, model, parameters.dataset) for model in parameters.models],
        job.progress,
    )
    job.save(review_arrays(found), {"models": list(parameters.models), **review_card(found)})
