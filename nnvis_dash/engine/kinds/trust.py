"""`trust`: attribution methods, or layers of one, held to the same measures over images that stand for a dataset.

A unit of work is one line of the table over one block of images; the units don't depend on how long they take, so that
the same seed draws the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnvis_dash.analysis.quality.thresholds import calibration
from nnvis_dash.engine.chunks import Arrays, gather, in_chunks, looking
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.kinds.attribution import AttributionParameters, asked_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nnvis_dash.analysis.quality.table import Choice, Row
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

LINES = "lines"  # the part that says which lines suit, so that every chunk counts the same
FUSED = "fused"  # the part that says which methods passed, for the line of their fusion


@dataclass(frozen=True)
class TrustParameters(KindParameters):
    """Which methods, or which layers of one method, for which classifier over which images."""

    batch: ClassVar[bool] = True
    version: ClassVar[int] = calibration()["edition"]  # other thresholds, other badges
    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    methods: list = field(default_factory=list)  # type: ignore[type-arg]  # empty: all that suit and aren't slow
    layers: list = field(default_factory=list)  # type: ignore[type-arg]  # to be compared for the one method
    n_samples: int = field(default=32, metadata={"low": 1, "high": 1024})
    seed: int = 0
    samples: list = field(default_factory=list)  # type: ignore[type-arg]  # ids; empty: chosen by class

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        what = f"layers for {self.methods[0]}" if self.layers and self.methods else "methods"
        return f"which {what} to trust for {workspace.model(self.model).name}"


@KINDS.register("trust", title="Trust in methods", reference="", parameters=TrustParameters)
def trust(job: Job, parameters: TrustParameters) -> None:
    """Hold methods to the measures; keeps what `analysis.quality.table.load_choice` reads."""
    from nnvis_dash.analysis.quality.choice import BLOCK, chosen_samples
    from nnvis_dash.analysis.quality.table import Measurements, choice_arrays, choice_card, choice_of, fusion_of

    dataset = job.dataset(parameters.dataset)
    ids = chosen_samples(dataset, parameters.n_samples, parameters.seed, parameters.samples)
    n_blocks = -(-len(ids) // BLOCK)
    sizes = [min(BLOCK, len(ids) - start) for start in range(0, len(ids), BLOCK)]
    names = (job.workspace.model(parameters.model).name, dataset.card.name)

    def table() -> Choice:
        rows, left_out = _lines(job, parameters)
        in_chunks(job, len(rows) * n_blocks, units_of, f"{len(rows)} lines, {len(ids)} images each", first=1)
        found = gather(job, len(rows) * n_blocks, lambda name, shape, dtype: np.empty(shape, dtype))
        units = [
            Measurements(values[:, : sizes[unit % n_blocks]], *map(float, seconds))
            for unit, (values, seconds) in enumerate(zip(found["values"], found["seconds"], strict=True))
        ]
        blocks = [units[start : start + n_blocks] for start in range(0, len(units), n_blocks)]
        return choice_of(*names, rows, _measures(job, parameters), ids, blocks, left_out, parameters.seed)

    choice = table()
    if FUSED not in job.parts.names():
        fusion = fusion_of(choice)
        if fusion is not None:
            job.parts.save(FUSED, {"methods": np.array(fusion.parameters["methods"])})
            choice = table()
    about = {"model": parameters.model, "dataset": parameters.dataset, "edition": calibration()["edition"]}
    job.save(choice_arrays(choice), {**about, **choice_card(choice)})
    job.parts.clear()


def units_of(job: Job, start: int, stop: int) -> Arrays:
    """Measure units start..stop-1: one chunk; values (n, M, BLOCK), seconds (n, 2) of a heatmap and a forward pass."""
    from nnvis_dash.analysis.progress import reporting
    from nnvis_dash.analysis.quality.choice import BLOCK, chosen_samples, masks_of, measured_block, table_measures

    parameters: TrustParameters = job.request.read
    dataset, clf = job.dataset(parameters.dataset), job.classifier(parameters.model)
    ids = chosen_samples(dataset, parameters.n_samples, parameters.seed, parameters.samples)
    rows, _ = _lines(job, parameters)
    n_blocks = -(-len(ids) // BLOCK)
    look = looking(job)
    values, seconds = [], []
    for unit in range(start, stop):
        row, first = rows[unit // n_blocks], unit % n_blocks * BLOCK
        some = ids[first : first + BLOCK]
        images = dataset.batch(some, clf.card.input_shape, clf.card.resize)
        masks = masks_of(dataset, some, clf.card)
        with reporting(lambda done, total: look()):
            own = _own(job, parameters, row)
            found = measured_block(clf, images, row, table_measures(masks is not None), masks, parameters.seed, own)
        whole = np.full((len(found.values), BLOCK), np.nan, np.float32)
        whole[:, : len(some)] = found.values
        values.append(whole)
        seconds.append((found.seconds, found.forward))
    return {"values": np.stack(values), "seconds": np.array(seconds, np.float64)}


def _lines(job: Job, parameters: TrustParameters) -> tuple[tuple[Row, ...], dict[str, str]]:
    """Return the lines that suit, and why others don't; tried once, and kept for every chunk.

    The fusion of those that pass is the last one, once it is known.
    """
    from nnvis_dash.analysis.quality.choice import chosen_rows, chosen_samples, suitable
    from nnvis_dash.analysis.quality.table import FUSION, Row

    card = job.workspace.model(parameters.model)
    rows = chosen_rows(card, parameters.methods, parameters.layers)
    if LINES not in job.parts.names():
        job.progress(0, 0, "trying the methods")
        dataset, clf = job.dataset(parameters.dataset), job.classifier(parameters.model)
        ids = chosen_samples(dataset, parameters.n_samples, parameters.seed, parameters.samples)
        image = dataset.batch(ids[:1], card.input_shape, card.resize)
        fitting, left_out = suitable(clf, image, rows, lambda row: _own(job, parameters, row))
        kept = {"fits": np.array([row in fitting for row in rows])}
        said = np.array([[name, why] for name, why in left_out.items()], np.str_).reshape(-1, 2)
        job.parts.save(LINES, {**kept, "left_out": said})
    part = job.parts.load(LINES)
    chosen = [row for row, fit in zip(rows, part["fits"], strict=True) if fit]
    if FUSED in job.parts.names():
        chosen.append(Row(FUSION, None, {"methods": str(job.parts.load(FUSED)["methods"])}))
    return tuple(chosen), {str(name): str(why) for name, why in part["left_out"]}


def _measures(job: Job, parameters: TrustParameters) -> tuple[str, ...]:
    from nnvis_dash.analysis.quality.choice import masks_of, table_measures

    card = job.workspace.model(parameters.model)
    masks = masks_of(job.dataset(parameters.dataset), [0], card)
    return tuple(table_measures(masks is not None))


def _own(job: Job, parameters: TrustParameters, row: Row) -> Mapping[str, Any]:
    """Return the parameters that a method takes from the workspace: patterns, patches."""
    asked = AttributionParameters(dataset=parameters.dataset, model=parameters.model, method=row.method)
    return asked_of(job, asked)[2]
