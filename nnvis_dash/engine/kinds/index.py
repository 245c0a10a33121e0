"""`index`: one pass of a classifier over a dataset, in chunks that are kept until the whole is there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnvis_dash.analysis.card import chunk_size, units_of
from nnvis_dash.analysis.index import Index, choose_precision, index_arrays, index_chunk, index_key
from nnvis_dash.engine.chunks import Arrays, gather, in_chunks
from nnvis_dash.engine.courtesy import give_way
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError
from nnvis_dash.workspace.temporaries import temporary_folder

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

IN_MEMORY = 2**27  # bytes; what is larger is put together on disk
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
    precision, note = _precision(job, parameters)
    in_chunks(job, n_samples, rows_of, "indexing", first=chunk_size(card))
    with temporary_folder(job.workspace.path / "cache", "index.writing.") as folder:

        def room(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
            if math.prod(shape) * dtype.itemsize <= IN_MEMORY:
                return np.empty(shape, dtype)
            return np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape)

        arrays = gather(job, n_samples, room)
        whole = Index(**arrays, units=units_of(card), precision=precision, note=note)
        names = {"model": parameters.model, "dataset": parameters.dataset}
        job.save(index_arrays(whole), {**names, "precision": precision, "note": note, "n_samples": n_samples})
    job.parts.clear()


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
        give_way()
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
