"""`breaking_points`: for each image the smallest degree of a change that flips its prediction.

The sweep comes first, by the job that class curves come from, and is theirs too; what is left is halving the brackets,
in chunks of images.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.engine.chunks import Arrays, gather, in_chunks, looking
from nnvis_dash.engine.jobs import Request, content
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.launch import require
from nnvis_dash.engine.sweeps import Wanted, known_sweep
from nnvis_dash.errors import EngineError

if TYPE_CHECKING:
    from nnvis_dash.analysis.simulation.sweep import Sweep
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

FIRST = 32  # images of the first chunk


@dataclass(frozen=True)
class BreakingPointsParameters(KindParameters):
    """Which classifier over which samples, and the change, as `Change.plain` writes it."""

    batch: ClassVar[bool] = True
    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    change: dict = field(default_factory=dict)  # type: ignore[type-arg]
    samples: str = ""  # as `state.ids.encode_ids` writes them; empty: all
    precision: str = field(default="float32", metadata={"choices": ("float32", "bfloat16")})
    tolerance: float | None = None  # in the change's unit; None: a 256th of the scanned range

    def key(self, kind: str) -> str:
        """Return a key that is the same whether default degrees are spelled out or not."""
        return content(kind, replace(self, change=Change.read(self.change).plain()), self.version)

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        change = Change.read(self.change).title.lower()
        model, dataset = workspace.model(self.model).name, workspace.dataset(self.dataset).card.name
        return f"where {change} breaks {model}, over {dataset}"

    @property
    def wanted(self) -> Wanted:
        """The sweep that is scanned."""
        return Wanted(self.model, self.dataset, Change.read(self.change), self.samples, self.precision)


@KINDS.register("breaking_points", title="Breaking points", reference="", parameters=BreakingPointsParameters)
def breaking_points(job: Job, parameters: BreakingPointsParameters) -> None:
    """Find the breaking points of a dataset's images; keeps what `analysis.simulation.breaking.load_points` reads."""
    from nnvis_dash.analysis.simulation.breaking import assembled, points_arrays, points_card, tolerance_of

    wanted = parameters.wanted
    width = tolerance_of(wanted.change, parameters.tolerance)
    if not job.workspace.artifacts.has(wanted.key):
        simulation = {
            "dataset": wanted.dataset,
            "models": [wanted.model],
            "changes": [wanted.change.plain()],
            "samples": wanted.samples,
            "precision": wanted.precision,
        }
        require(job, Request("simulation", simulation), "scanning")
    scan = scanned(job, wanted)
    in_chunks(job, len(scan), points_of, "halving", first=FIRST)
    rows = gather(job, len(scan), lambda _, shape, dtype: np.empty(shape, dtype))
    points = assembled(scan, rows, width, 0)
    names = {"model": wanted.model, "dataset": wanted.dataset, "samples": wanted.samples}
    job.save(points_arrays(points), {**names, **points_card(points)})
    job.parts.clear()


def points_of(job: Job, start: int, stop: int) -> Arrays:
    """Find the breaking points of the sweep's rows start..stop-1: one chunk."""
    from nnvis_dash.analysis.simulation.answers import images_of
    from nnvis_dash.analysis.simulation.breaking import BLOCK, bisected, tolerance_of

    parameters: BreakingPointsParameters = job.request.read
    wanted = parameters.wanted
    scan = scanned(job, wanted)
    clf, dataset = job.classifier(wanted.model), job.dataset(wanted.dataset)
    width = tolerance_of(wanted.change, parameters.tolerance)
    look = looking(job)
    parts = []
    for low in range(start, stop, BLOCK):
        some = scan.take(slice(low, min(low + BLOCK, stop)))
        parts.append(bisected(clf, images_of(dataset, some.ids), some, width, look))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def scanned(job: Job, wanted: Wanted) -> Sweep:
    """Return a finished sweep; EngineError where it was removed meanwhile."""
    found = known_sweep(job, wanted)
    if found is None or len(found) < found.total:
        raise EngineError("The sweep that breaking points are looked for in is gone", "Start the job again.")
    return found
