"""`patch_model`: what small patches of a dataset look like, as a classifier sees its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnvis_dash.engine.kinds import KINDS, KindParameters

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class PatchModelParameters(KindParameters):
    """Whose patches, how large."""

    model: str = ""  # fingerprint: images are fitted to its input
    dataset: str = ""  # fingerprint
    outer: int = 14
    per_channel: bool = False

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"patches of {self.outer} × {self.outer} pixels"


@KINDS.register("patch_model", title="Patches", reference="", parameters=PatchModelParameters)
def patch_model(job: Job, parameters: PatchModelParameters) -> None:
    """Fit a normal distribution to a dataset's patches; keeps mean (l, l, C) and cholesky (G, D, D)."""
    from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
    from nnvis_dash.analysis.prediction_difference.question import pool

    images = pool(job.workspace.model(parameters.model), job.dataset(parameters.dataset))
    found = PatchModel.fit(images, parameters.outer, parameters.per_channel)
    job.save(found.arrays(), found.card())
