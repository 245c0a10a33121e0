"""`reasons`: how far the heatmaps of several classifiers part, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnvis_dash.analysis.card import chunk_size
from nnvis_dash.engine.chunks import Arrays, gather, in_chunks
from nnvis_dash.engine.kinds import KINDS
from nnvis_dash.engine.kinds.suggestion import MOST_MODELS, SuggestionParameters
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class ReasonsParameters(SuggestionParameters):
    """Which classifiers over which dataset; each explains its own answer, Grad-CAM at its last convolution."""

    batch: ClassVar[bool] = True

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"reasons of {len(self.models)} classifiers over {workspace.dataset(self.dataset).card.name}"


@KINDS.register("reasons", title="Disagreement of heatmaps", reference="", parameters=ReasonsParameters)
def reasons(job: Job, parameters: ReasonsParameters) -> None:
    """Keep `analysis.suggestion.reasons.heatmap_disagreement` of every sample as ``disagreement`` (N,) float32."""
    if not 2 <= len(parameters.models) <= MOST_MODELS:
        raise ParameterError(f"Heatmaps of {len(parameters.models)} classifiers", f"Give 2 to {MOST_MODELS}.")
    dataset = job.dataset(parameters.dataset)
    first = min(chunk_size(job.workspace.model(model)) for model in parameters.models)
    in_chunks(job, len(dataset), rows_of, "explaining", first=first)

    def room(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        return np.empty(shape, dtype)

    rows = gather(job, len(dataset), room)
    job.save(dict(rows), {"models": list(parameters.models), "dataset": parameters.dataset})
    job.parts.clear()


def rows_of(job: Job, start: int, stop: int) -> Arrays:
    """Explain samples start..stop-1 by every classifier: one chunk."""
    from nnvis_dash.analysis.attribution import attribute
    from nnvis_dash.analysis.suggestion.reasons import METHOD, heatmap_disagreement, on_grid

    parameters: ReasonsParameters = job.request.read
    dataset = job.dataset(parameters.dataset)
    maps = []
    for model in parameters.models:
        clf = job.classifier(model)
        images = dataset.batch(range(start, stop), clf.card.input_shape, clf.card.resize)
        maps.append(on_grid(attribute(clf, images, METHOD)))
    return {"disagreement": heatmap_disagreement(maps)}
