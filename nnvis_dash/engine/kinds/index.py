"""`index`: one pass of a classifier over a dataset, in chunks that are kept until the whole is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nnvis_dash.analysis.card import chunk_size, units_of
from nnvis_dash.analysis.index import Index, choose_precision, index_arrays, index_chunk, index_key
from nnvis_dash.engine.chunks import Arrays, in_chunks, part_interval
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import Damaged, ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.artifacts import Parts
    from nnvis_dash.workspace.store import Workspace

STEPS = 4  # of a chunk: TensorFlow's threads take turns between steps (a click beside an index: 89 ms without, 35 with)
SMALLEST = 16  # images of a step: fewer cost time for nothing
_PRECISION = "precision"  # the part that says what all chunks are computed in


@dataclass(frozen=True)
class IndexParameters(KindParameters):
    """Which classifier over which dataset, by their fingerprints."""

    batch: ClassVar[bool] = True
    model: str = ""
    dataset: str = ""
    precision: str = "float32"

    def key(self, kind: str) -> str:
        """Return the key that scripts give an index, too."""
        return index_key(self.model, self.dataset, self.precision)

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"{workspace.model(self.model).name} over {workspace.dataset(self.dataset).card.name}"


@KINDS.register("index", title="Index", reference="", parameters=IndexParameters)
def index(job: Job, parameters: IndexParameters) -> None:
    """Index a dataset with a classifier: probabilities, features and unit activations of every image."""
    card = job.workspace.model(parameters.model)
    n_samples = len(job.dataset(parameters.dataset))
    if n_samples == 0:
        raise ParameterError("There are no images to index", "Give at least one.")
    if not job.parts.rows.arrays():
        job.parts.clear()  # of a version that kept the rows in the parts
    precision, note = _precision(job, parameters)
    in_chunks(job, n_samples, place_rows, "indexing", first=chunk_size(card))

    def save(arrays: Arrays) -> None:
        whole = Index(**arrays, units=units_of(card), precision=precision, note=note)
        names = {"model": parameters.model, "dataset": parameters.dataset}
        job.save(index_arrays(whole), {**names, "precision": precision, "note": note, "n_samples": n_samples})

    put_together(job.parts, save)


def put_together(parts: Parts, save: Callable[[Arrays], None]) -> None:
    """Check the rows that every chunk placed, save them as the artifact, and forget the parts; all of them if one is
    damaged, so that the next attempt computes them anew."""
    pieces = []
    for name in sorted(parts.names()):
        if (interval := part_interval(name)) is not None:
            pieces.append((*interval, {entry: int(crc) for entry, crc in parts.load(name).items()}))
    try:
        parts.rows.check(pieces)
    except Damaged:
        parts.clear()
        raise
    save(parts.rows.arrays())
    parts.clear()


def place_rows(job: Job, start: int, stop: int) -> Arrays:
    """Index samples start..stop-1 and put their rows where they belong; the chunk's part keeps their checksums."""
    n_samples = len(job.dataset(job.request.read.dataset))
    sums = job.parts.rows.place(start, n_samples, rows_of(job, start, stop))
    return {name: np.array(value, dtype=np.uint32) for name, value in sums.items()}


def rows_of(job: Job, start: int, stop: int) -> Arrays:
    """Index samples start..stop-1: one chunk."""
    parameters: IndexParameters = job.request.read
    precision = parameters.precision
    if precision != "float32":
        precision = str(job.parts.load(_PRECISION)["computed_in"][0])
    classifier = job.classifier(parameters.model)
    dataset = job.dataset(parameters.dataset)
    step = max(SMALLEST, -(-(stop - start) // STEPS))
    rows: list[Arrays] = []
    for low in range(start, stop, step):
        ids = range(low, min(low + step, stop))
        images = dataset.batch(ids, classifier.card.input_shape, classifier.card.resize)
        rows.append(index_chunk(classifier, images, precision))
    return {name: np.concatenate([some[name] for some in rows]) for name in rows[0]}


def _precision(job: Job, parameters: IndexParameters) -> tuple[str, str]:
    """Return the precision and its note; bfloat16 is checked once, and what came out is kept for every chunk."""
    if parameters.precision == "float32":
        return "float32", ""
    if _PRECISION not in job.parts.names():
        job.progress(0, 0, f"checking {parameters.precision}")
        classifier, dataset = job.classifier(parameters.model), job.dataset(parameters.dataset)
        chosen = choose_precision(classifier, dataset.images, parameters.precision)
        job.parts.save(_PRECISION, {"computed_in": np.array(chosen, dtype=np.str_)})
    precision, note = job.parts.load(_PRECISION)["computed_in"]
    return str(precision), str(note)
