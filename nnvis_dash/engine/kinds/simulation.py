"""`simulation`: classifiers asked about a dataset's images at every degree of some changes.

The work is counted in (change, sample) pairs, in rounds that each double the samples: a coarse answer for every change
comes first and is refined. Each finished sweep, of one classifier and one change, is an artifact of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nnvis_dash.analysis.simulation.change import Change, read_changes
from nnvis_dash.analysis.simulation.order import segments
from nnvis_dash.engine.chunks import Arrays, in_chunks, looking, part_name
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.sweeps import (
    COMPUTED_IN,
    Wanted,
    clean_answers,
    computed_in,
    known_truth,
    part_rows,
    same_gaps,
    sample_order,
    sweep_of,
)
from nnvis_dash.errors import Damaged, ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

FIRST = 8  # pairs of the first chunk
MOST_MODELS = 16
_LAYOUT = "layout"  # the part that says which of the changes the chunks' numbers count


@dataclass(frozen=True)
class SimulationParameters(KindParameters):
    """Which classifiers over which samples, and the changes, as `Change.plain` writes them."""

    batch: ClassVar[bool] = True
    dataset: str = ""  # fingerprint
    models: list = field(default_factory=list)  # type: ignore[type-arg]  # fingerprints
    changes: list = field(default_factory=list)  # type: ignore[type-arg]
    samples: str = ""  # as `state.ids.encode_ids` writes them; empty: all
    precision: str = field(default="float32", metadata={"choices": ("float32", "bfloat16")})

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        names = [change.title.lower() for change in read_changes(self.changes)]
        changes = names[0] if len(names) == 1 else f"{len(names)} changes"
        models = [workspace.model(model).name for model in self.models]
        who = models[0] if len(models) == 1 else f"{len(models)} classifiers"
        return f"{who} under {changes}, over {workspace.dataset(self.dataset).card.name}"


@KINDS.register("simulation", title="Simulation", reference="", parameters=SimulationParameters)
def simulation(job: Job, parameters: SimulationParameters) -> None:
    """Ask classifiers about a dataset's images at every degree of some changes; keeps a sweep for each of both."""
    if not 1 <= len(parameters.models) <= MOST_MODELS:
        raise ParameterError(f"{len(parameters.models)} classifiers are to be asked", f"Give 1 to {MOST_MODELS}.")
    changes = read_changes(parameters.changes)
    order = sample_order(job, parameters.dataset, parameters.samples)
    artifacts = job.workspace.artifacts
    numbers = _layout(job, parameters, changes)
    for number in numbers:
        for wanted in wanted_sweeps(parameters, changes[number]):
            if not artifacts.has(wanted.key):
                _choose_precision(job, wanted)
    in_chunks(job, len(order) * len(numbers), pairs_of, f"{len(order):,} images", first=FIRST)
    for number in numbers:
        for wanted in wanted_sweeps(parameters, changes[number]):
            if not artifacts.has(wanted.key):
                _finish(job, wanted, len(order))
    keys = [[wanted.key for wanted in wanted_sweeps(parameters, change)] for change in changes]
    job.save({}, {"dataset": parameters.dataset, "models": list(parameters.models), "sweeps": keys})
    job.parts.clear()


def wanted_sweeps(parameters: SimulationParameters, change: Change) -> list[Wanted]:
    """Return the sweeps of one change, one a classifier."""
    rest = (parameters.dataset, change, parameters.samples, parameters.precision)
    return [Wanted(model, *rest) for model in parameters.models]


def pairs_of(job: Job, start: int, stop: int) -> Arrays:
    """Compute pairs start..stop-1: one chunk, kept as parts of the sweeps."""
    from nnvis_dash.analysis.simulation.answers import answers, images_of
    from nnvis_dash.analysis.simulation.sweep import (
        clean_rows,
        counted,
        labels_of,
        reduced_rows,
        to_be_asked,
        with_identity,
    )

    parameters: SimulationParameters = job.request.read
    changes = read_changes(parameters.changes)
    dataset = job.dataset(parameters.dataset)
    order = sample_order(job, parameters.dataset, parameters.samples)
    numbers = job.parts.load(_LAYOUT)["changes"]
    look = looking(job)
    for place, first, last in segments(start, stop, len(order), len(numbers), len(dataset.class_names)):
        change = changes[int(numbers[place])]
        for (low, high), some in same_gaps(job, wanted_sweeps(parameters, change), first, last):
            ids = order[low:high]
            images = images_of(dataset, ids)
            by_precision: dict[str, list[Wanted]] = {}
            for wanted in some:
                chosen = computed_in(job.workspace.artifacts.parts(wanted.key), wanted.precision)[0]
                by_precision.setdefault(chosen, []).append(wanted)
            for precision, alike in by_precision.items():
                classifiers = [job.classifier(wanted.model) for wanted in alike]
                labels = [labels_of(known_truth(job, wanted.model, wanted.dataset), ids) for wanted in alike]
                cleans = [clean_answers(job, wanted, low, high, images, precision) for wanted in alike]
                found = answers(classifiers, images, to_be_asked(change), labels, precision, look)
                for wanted, answered, clean, known in zip(alike, found, cleans, labels, strict=True):
                    whole = with_identity(change, answered, clean)
                    rows = {**clean_rows(clean, known), **reduced_rows(whole, counted(known, clean))}
                    job.workspace.artifacts.parts(wanted.key).save(part_name(low, high), rows)
    return {}


def _layout(job: Job, parameters: SimulationParameters, changes: tuple[Change, ...]) -> list[int]:
    """Return the changes that were unfinished when the job began: what its chunks' numbers count, also after a stop."""
    if _LAYOUT not in job.parts.names():
        artifacts = job.workspace.artifacts
        open_changes = [
            number
            for number, change in enumerate(changes)
            if not all(artifacts.has(wanted.key) for wanted in wanted_sweeps(parameters, change))
        ]
        job.parts.save(_LAYOUT, {"changes": np.array(open_changes, np.int32)})
    return [int(number) for number in job.parts.load(_LAYOUT)["changes"]]


def _choose_precision(job: Job, wanted: Wanted) -> None:
    """Check, once, whether a sweep may be computed in bfloat16, and keep what came out for every chunk."""
    from nnvis_dash.analysis.simulation.answers import CHECKED, choose_precision, images_of
    from nnvis_dash.analysis.simulation.sweep import labels_of

    parts = job.workspace.artifacts.parts(wanted.key)
    if wanted.precision == "float32" or COMPUTED_IN in parts.names():
        return
    job.progress(0, 0, f"checking {wanted.precision}")
    ids = sample_order(job, wanted.dataset, wanted.samples)[:CHECKED]
    labels = labels_of(known_truth(job, wanted.model, wanted.dataset), ids)
    images = images_of(job.dataset(wanted.dataset), ids)
    chosen = choose_precision(job.classifier(wanted.model), images, labels, [wanted.change], wanted.precision)
    parts.save(COMPUTED_IN, {"computed_in": np.array(chosen, dtype=np.str_)})


def _finish(job: Job, wanted: Wanted, n: int) -> None:
    """Put a sweep's parts together as its artifact."""
    from nnvis_dash.analysis.simulation.sweep import sweep_arrays, sweep_card

    rows, positions = part_rows(job, wanted)
    if len(positions) != n:
        job.parts.clear()
        raise Damaged(
            f"{n - len(positions)} of {n} images are missing from a sweep", "Start it again: what is there is kept."
        )
    found = sweep_of(job, wanted, rows, positions)
    names = {"model": wanted.model, "dataset": wanted.dataset, "samples": wanted.samples}
    job.workspace.artifacts.save(wanted.key, sweep_arrays(found), {**names, **sweep_card(found)})
    job.workspace.artifacts.parts(wanted.key).clear()
