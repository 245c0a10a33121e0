"""`twins`: near duplicates within a dataset, or between it and another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnvis_dash.engine.kinds import KINDS, KindParameters

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class TwinsParameters(KindParameters):
    """Within which dataset; between it and which other, where one is named."""

    dataset: str = ""  # fingerprint
    other: str = ""  # fingerprint

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        name = workspace.dataset(self.dataset).card.name
        return f"Twins of {name} in {workspace.dataset(self.other).card.name}" if self.other else f"Twins in {name}"


@KINDS.register("twins", title="Twins", reference="", parameters=TwinsParameters)
def twins(job: Job, parameters: TwinsParameters) -> None:
    """Find near duplicates; keeps what `analysis.review.twins.load_twins` reads."""
    from nnvis_dash.analysis.review.twins import near_duplicates, twins_arrays

    other = job.dataset(parameters.other) if parameters.other else None
    found = near_duplicates(job.dataset(parameters.dataset), other, on_progress=job.progress)
    job.save(twins_arrays(found), {"complete": found.complete})
