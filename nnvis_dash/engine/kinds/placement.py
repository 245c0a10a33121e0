"""`placement`: put further samples of the dataset onto a map that is there, without fitting it anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds import KINDS
from nnvis_dash.engine.kinds.projection import ProjectionParameters, artifact_parameters, features_of
from nnvis_dash.engine.launch import require
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class PlacementParameters(ProjectionParameters):
    """The projection's parameters, and which samples to place."""

    batch: ClassVar[bool] = False
    samples: str = ""  # as `encode_ids` wrote them

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return "Placing samples on the map"


@KINDS.register("placement", title="Placing samples", reference="", parameters=PlacementParameters)
def placement(job: Job, parameters: PlacementParameters) -> None:
    """Place samples on a projection; keeps coordinates (M, 2) float32 and sample_ids (M,)."""
    from nnvis_dash.analysis.projections import Projection

    dataset = job.dataset(parameters.dataset)
    ids = job.workspace.selections.ids(parameters.samples)
    if len(ids) and (ids[-1] >= len(dataset) or ids[0] < 0):
        raise ParameterError(
            f"There is no sample {int(ids[-1])} in {dataset.card.name}", f"It has samples 0 to {len(dataset) - 1}."
        )
    artifact = require(job, Request("projection", artifact_parameters(parameters)), "projecting first")
    projection = Projection.from_artifact(artifact)
    coordinates = np.zeros((0, 2), np.float32)
    if len(ids):
        coordinates = np.asarray(projection.place(features_of(job, parameters, dataset, ids)), np.float32)
    job.save({"coordinates": coordinates, "sample_ids": ids}, {"method": parameters.method, "n_samples": len(ids)})
