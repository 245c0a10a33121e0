"""`patterns`: learn what each neuron of a classifier takes for its signal, from a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nnvis_dash.engine.kinds import KINDS, KindParameters

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class PatternsParameters(KindParameters):
    """Whose neurons, and on which images."""

    batch: ClassVar[bool] = True
    model: str = ""  # fingerprint
    dataset: str = ""  # fingerprint

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"patterns of {workspace.model(self.model).name}"


@KINDS.register("patterns", title="Patterns", reference="", parameters=PatternsParameters)
def patterns(job: Job, parameters: PatternsParameters) -> None:
    """Learn patterns; keeps an array a layer, shaped as its kernel, and the layers' names in the card."""
    from nnvis_dash.analysis.progress import reporting
    from nnvis_dash.analysis.relevance.patterns import learn_patterns

    with reporting(job.progress):
        found = learn_patterns(job.classifier(parameters.model), job.dataset(parameters.dataset))
    job.save(found.arrays(), found.card())
