"""`pair_grid`: two changes at once over a selection of samples, at every pair of their degrees, in chunks of images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.engine.chunks import Arrays, gather, in_chunks, looking
from nnvis_dash.engine.jobs import content
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.sweeps import known_truth, sample_order

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

FIRST = 2  # images of the first chunk: each is asked about at every cell


@dataclass(frozen=True)
class PairGridParameters(KindParameters):
    """Which classifier over which samples, and the two changes, as `Change.plain` writes them."""

    batch: ClassVar[bool] = True
    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    first: dict = field(default_factory=dict)  # type: ignore[type-arg]
    second: dict = field(default_factory=dict)  # type: ignore[type-arg]
    samples: str = ""  # as `state.ids.encode_ids` writes them; empty: all
    precision: str = field(default="float32", metadata={"choices": ("float32", "bfloat16")})

    def key(self, kind: str) -> str:
        """Return a key that is the same whether default degrees are spelled out or not."""
        first, second = self.changes
        return content(kind, replace(self, first=first.plain(), second=second.plain()), self.version)

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        first, second = (change.title.lower() for change in self.changes)
        model, dataset = workspace.model(self.model).name, workspace.dataset(self.dataset).card.name
        return f"{model} under {first} and {second}, over {dataset}"

    @property
    def changes(self) -> tuple[Change, Change]:
        """The two changes, with the degrees that change nothing."""
        from nnvis_dash.analysis.simulation.pairs import checked_pair

        return checked_pair(Change.read(self.first), Change.read(self.second))


@KINDS.register("pair_grid", title="Pair of changes", reference="", parameters=PairGridParameters)
def pair_grid(job: Job, parameters: PairGridParameters) -> None:
    """Ask a classifier about images under two changes; keeps what `analysis.simulation.pairs.load_grid` reads."""
    from nnvis_dash.analysis.simulation.pairs import grid_arrays, grid_card, grid_of

    n = len(sample_order(job, parameters.dataset, parameters.samples))
    unlabelled = known_truth(job, parameters.model, parameters.dataset).labels is None
    first, second = parameters.changes
    in_chunks(job, n, cells_of, f"{len(first.degrees)} × {len(second.degrees)} cells", first=FIRST)
    rows = gather(job, n, lambda _, shape, dtype: np.empty(shape, dtype))
    grid = grid_of(first, second, rows, unlabelled)
    names = {"model": parameters.model, "dataset": parameters.dataset, "samples": parameters.samples}
    job.save(grid_arrays(grid), {**names, **grid_card(grid)})
    job.parts.clear()


def cells_of(job: Job, start: int, stop: int) -> Arrays:
    """Ask about the samples at positions start..stop-1 at every cell: one chunk."""
    from nnvis_dash.analysis.simulation.answers import images_of
    from nnvis_dash.analysis.simulation.pairs import BLOCK, pair_rows
    from nnvis_dash.analysis.simulation.sweep import labels_of

    parameters: PairGridParameters = job.request.read
    clf, dataset = job.classifier(parameters.model), job.dataset(parameters.dataset)
    known = known_truth(job, parameters.model, parameters.dataset)
    order = sample_order(job, parameters.dataset, parameters.samples)
    first, second = parameters.changes
    look = looking(job)
    parts = []
    for low in range(start, stop, BLOCK):
        ids = order[low : min(low + BLOCK, stop)]
        images = images_of(dataset, ids)
        parts.append(pair_rows(clf, images, first, second, labels_of(known, ids), parameters.precision, look))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
