"""`projection`: samples in two dimensions, with every frame of the way there kept while it is computed.

A frame is a part ``frame-<iteration>`` of the artifact with ``coordinates`` (n, 2); the part ``ids`` comes first.
Frames stay after the end, so that a page can replay them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.projections.field import threads
from nnvis_dash.analysis.stratified import choose_samples
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.launch import require
from nnvis_dash.errors import DatasetError, NotFound, ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnvis_dash.analysis.index import Index
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.datasets import Dataset
    from nnvis_dash.workspace.store import Workspace

N_FRAMES = 80  # spread over the iterations
OFTEN = 0.5  # seconds between two frames at most, as long as there are ...
MORE_FRAMES = 160  # ... not so many more than those above, nor
FRAME_BYTES = 96 * 2**20  # so many bytes of them
PIXELS = 32  # raw pixels are compared at this height and width at most
NICE = 5  # the projection yields the processor to what a person waits for

_room = threading.Semaphore(max(1, (os.cpu_count() or 1) // threads.MOST))  # a projection takes so many cores
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class ProjectionParameters(KindParameters):
    """Which samples, seen how, projected how."""

    batch: ClassVar[bool] = True
    version: ClassVar[int] = 2
    dataset: str = ""  # fingerprint
    model: str | None = None  # fingerprint; not needed for raw pixels
    features: str = "features"  # "features" (the layer before the last), "pixels" or "layer:<name>"
    method: str = "tsne"
    n_samples: int = 1000  # 0: all
    seed: int = 0
    parameters: dict = field(default_factory=dict)  # type: ignore[type-arg]  # the method's own
    start: str = ""  # key of the map of the same samples that this one continues from; "": none

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"{self.method} of {workspace.dataset(self.dataset).card.name}"


@KINDS.register("projection", title="Projection", reference="", parameters=ProjectionParameters)
def projection(job: Job, parameters: ProjectionParameters) -> None:
    """Project a sample of a dataset to two dimensions, frame by frame."""
    from nnvis_dash.analysis.projections import project

    dataset = job.dataset(parameters.dataset)
    ids = choose_samples(dataset.labels, len(dataset), parameters.n_samples, parameters.seed)
    job.parts.clear()
    job.parts.save("ids", {"sample_ids": ids})
    start = _continued(job, parameters.start, ids) if parameters.start else None
    features = features_of(job, parameters, dataset, ids)
    keep = _FrameKeeper(job)
    projected = in_turn(
        job,
        "finding neighbours",
        lambda: project(
            features,
            parameters.method,
            seed=parameters.seed,
            on_frame=keep.frame,
            start=start,
            **parameters.parameters,
        ),
    )
    keep.last(projected.coordinates)
    arrays = {**projected.arrays(), "sample_ids": ids}
    job.save(
        arrays,
        {
            "method": projected.method,
            "seed": projected.seed,
            "parameters": dict(parameters.parameters),
            "features": parameters.features,
            "n_samples": len(ids),
            "notes": projected.notes,
        },
    )


def in_turn(job: Job, searching: str, work: Callable[[], Answer]) -> Answer:
    """Run `work` when no other projection takes the cores, giving way to what a person waits for.

    What it tells `analysis.progress` becomes the job's, called `searching`.
    """

    def listened() -> Answer:
        with progress.reporting(lambda done, total: job.progress(done, total, searching)):
            return work()

    while not _room.acquire(timeout=0.2):
        job.progress(0, 0, "waiting for another projection")
    try:
        return _apart(listened)
    finally:
        _room.release()


def _continued(job: Job, key: str, ids: npt.NDArray[np.int64]) -> Floats:
    """Return the coordinates (n, 2) of the map that this one continues from.

    Raises
    ------
    ParameterError
        It isn't kept any more, or is of other samples.
    """
    mend = "Press “start anew” under projection."
    try:
        before = job.workspace.artifacts.load(key)
        coordinates, known = np.array(before.array("coordinates")), before.array("sample_ids")
    except NotFound:
        raise ParameterError(f"The map {key[:8]}, from which this one continues, is not kept any more", mend) from None
    if not np.array_equal(known, ids):
        raise ParameterError(f"The map {key[:8]}, from which this one continues, is of other samples", mend)
    return coordinates


def features_of(job: Job, parameters: ProjectionParameters, dataset: Dataset, ids: npt.NDArray[np.int64]) -> Floats:
    """Return the features (n, D) float32 of some samples; waits for their index, or starts it.

    Raises
    ------
    ParameterError
        No such features, or no classifier where one is needed.
    """
    if parameters.features == "pixels":
        return as_features(dataset.batch(ids.tolist(), pixel_size(dataset), "squash"))
    from nnvis_dash.analysis.index import load_index
    from nnvis_dash.engine.jobs import Request

    request = Request("index", {"dataset": parameters.dataset, "model": chosen_model(parameters)})
    index = load_index(require(job, request, "indexing first"))
    return features_in(index, parameters.features, ids)


def features_in(index: Index, features: str, ids: npt.NDArray[np.int64] | slice = slice(None)) -> Floats:
    """Return a classifier's features (n, D) float32 of some rows of an index.

    Raises
    ------
    ParameterError, NotFound
        No such features.
    """
    if features == "features":
        return np.asarray(index.features[ids], np.float32)
    prefix, _, layer = features.partition(":")
    if prefix != "layer" or not layer:
        raise ParameterError(f"There are no features {features!r}", "Use features, pixels or layer:<name of a layer>.")
    return np.asarray(index.layer(layer)[ids], np.float32)


def chosen_model(parameters: ProjectionParameters) -> str:
    """Return the fingerprint of the classifier whose features are projected; ParameterError where none was chosen."""
    if parameters.model is None:
        raise ParameterError(
            f"The features {parameters.features!r} are a classifier's, and none was chosen",
            'Choose a classifier, or the features "pixels".',
        )
    return parameters.model


def pixel_size(dataset: Dataset) -> tuple[int, int, int]:
    """Return the (height, width, channels) in which raw pixels are compared: 32 × 32 or less."""
    if len(dataset) == 0:
        raise DatasetError("The dataset has no images", "Add images to it.")
    height, width, channels = dataset.card.image_shape or (PIXELS, PIXELS, 3)
    return min(height, PIXELS), min(width, PIXELS), channels


def as_features(images: npt.NDArray[np.uint8]) -> Floats:
    """Return raw pixels (n, h, w, c) as features (n, h·w·c) float32, 0..1."""
    return images.reshape(len(images), -1).astype(np.float32) / 255.0


class _FrameKeeper:
    """Keeps `N_FRAMES` frames of a projection, evenly spread over its iterations, and more where it is slow."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.next = 0
        self.iteration = -1
        self.kept = -1
        self.kept_at = 0.0
        self.more = 0

    def frame(self, iteration: int, total: int, coordinates: Floats) -> None:
        """Keep a frame when its turn has come; raise Cancelled when nobody waits any more."""
        self.iteration = iteration
        if iteration >= self.next or iteration >= total:
            self.next = iteration + max(1, -(-total // N_FRAMES))
            self._keep(iteration, coordinates)
        elif time.monotonic() - self.kept_at >= OFTEN and self.more < min(
            MORE_FRAMES, FRAME_BYTES // coordinates.nbytes
        ):
            self.more += 1
            self._keep(iteration, coordinates)
        self.job.progress(iteration, total, "projecting")

    def last(self, coordinates: Floats) -> None:
        """Keep the result as the last frame."""
        if self.kept == self.iteration and self.kept >= 0:
            self._keep(self.iteration, coordinates)
        else:
            self._keep(self.iteration + 1, coordinates)

    def _keep(self, iteration: int, coordinates: Floats) -> None:
        self.job.parts.save(f"frame-{iteration:06d}", {"coordinates": np.array(coordinates, np.float32)})
        self.kept, self.kept_at = iteration, time.monotonic()


def _apart(work: Callable[[], Answer]) -> Answer:
    """Run `work` in a thread of its own that yields the processor to the others."""
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            if hasattr(os, "setpriority"):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)  # Linux: of this thread only
            answers.append(work())
        except BaseException as error:  # handed to the thread that waits
            errors.append(error)

    thread = threading.Thread(target=body, name="projection", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]


def artifact_parameters(parameters: ProjectionParameters) -> dict[str, Any]:
    """Return the request's parameters of a projection."""
    names = ("dataset", "model", "features", "method", "n_samples", "seed", "parameters", "start")
    return {name: getattr(parameters, name) for name in names}
