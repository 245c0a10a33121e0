"""`suggestion`: what several classifiers say of every sample together, from their indexes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

MOST_MODELS = 16


@dataclass(frozen=True)
class SuggestionParameters(KindParameters):
    """Which classifiers, in the order in which the page has them, over which dataset; their indexes are there."""

    dataset: str = ""  # fingerprint
    models: list = field(default_factory=list)  # type: ignore[type-arg]  # fingerprints

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"{len(self.models)} classifiers compared over {workspace.dataset(self.dataset).card.name}"


@KINDS.register("suggestion", title="Suggestion", reference="", parameters=SuggestionParameters)
def suggestion(job: Job, parameters: SuggestionParameters) -> None:
    """Compare the answers of classifiers; keeps what `analysis.suggestion.several.load_suggestion` reads."""
    from nnvis_dash.analysis.suggestion.several import suggest, suggestion_arrays, suggestion_card
    from nnvis_dash.engine.indexes import finished_index

    if not 2 <= len(parameters.models) <= MOST_MODELS:
        raise ParameterError(f"{len(parameters.models)} classifiers are to be compared", f"Give 2 to {MOST_MODELS}.")
    data = job.dataset(parameters.dataset)
    indexes = [finished_index(job, model, parameters.dataset) for model in parameters.models]
    names = [job.workspace.model(model).class_names for model in parameters.models]
    labels = data.labels if data.labels is not None and data.class_names else None
    found = suggest(indexes, names, labels, data.class_names)
    job.save(suggestion_arrays(found), {"models": list(parameters.models), **suggestion_card(found)})
