"""`smallest_set`: the fewest units without which one prediction breaks, or without which an error is right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.kinds.prediction_difference import image_title, sample_of
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class SmallestSetParameters(KindParameters):
    """Which image, as `state.references.Reference.plain` writes it, of which classifier, and what is to come of it."""

    dataset: str = ""  # fingerprint
    sample: int | str = 0
    model: str = ""  # fingerprint
    goal: str = field(default="break", metadata={"choices": ("break", "repair")})
    target: int | None = None  # the class that breaks (None: the prediction), or that is right
    layers: list = field(default_factory=list)  # type: ignore[type-arg]  # empty: all but the last with units
    limit: int = field(default=256, metadata={"low": 1, "high": 4096})

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        what = "breaking" if self.goal == "break" else "repairing"
        return f"smallest {what} set of {image_title(self.sample)}"


@KINDS.register("smallest_set", title="Smallest set", reference="", parameters=SmallestSetParameters)
def smallest_set(job: Job, parameters: SmallestSetParameters) -> None:
    """Search the set.

    Keeps probabilities and probabilities_frozen (K,) float32; the card has the units as [layer, channel] pairs and the
    rest of `analysis.mutation.smallest.BreakingSet`.
    """
    from nnvis_dash.analysis.mutation.smallest import smallest_breaking_set, smallest_repairing_set

    clf = job.classifier(parameters.model)
    image = sample_of(job, parameters.model, parameters.dataset, parameters.sample)
    layers = parameters.layers or None
    more: dict[str, Any] = {"layers": layers, "limit": parameters.limit}
    if parameters.goal == "break":
        found = smallest_breaking_set(clf, image, target=parameters.target, **more)
    elif parameters.target is None:
        raise ParameterError("It isn't said what is right", "Give the class as target.")
    else:
        found = smallest_repairing_set(clf, image, parameters.target, **more)
    job.save(
        {"probabilities": found.probabilities, "probabilities_frozen": found.probabilities_frozen},
        {
            "model": parameters.model,
            "dataset": parameters.dataset,
            "sample": parameters.sample,
            "goal": found.goal,
            "target": found.target,
            "found": found.found,
            "units": [[unit.layer, unit.channel] for unit in found.units],
            "tried": [[unit.layer, unit.channel] for unit in found.tried],
            "prediction": found.prediction,
            "prediction_frozen": found.prediction_frozen,
            "evaluated": found.evaluated,
            "reason": found.reason,
        },
    )
