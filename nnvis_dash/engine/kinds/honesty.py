"""`honesty`: how far each sample's place on a map can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.kinds.projection import in_turn

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class HonestyParameters(KindParameters):
    """Of which map."""

    batch: ClassVar[bool] = True
    map: str = ""  # key of a projection

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return "Checking the map"


@KINDS.register("honesty", title="Checking the map", reference="", parameters=HonestyParameters)
def honesty(job: Job, parameters: HonestyParameters) -> None:
    """Measure a map; keeps trustworthiness and continuity (n,) float32, in the order of its samples."""
    from nnvis_dash.analysis.projections import Projection

    projection = Projection.from_artifact(job.workspace.artifacts.load(parameters.map))
    found = in_turn(job, "comparing neighbours", projection.honesty)
    job.save(
        {"trustworthiness": found.trustworthiness, "continuity": found.continuity},
        {
            "map": parameters.map,
            "n_neighbours": found.n_neighbours,
            "trustworthiness": float(found.trustworthiness.mean()),
            "continuity": float(found.continuity.mean()),
        },
    )
