"""`trajectory`: the path across a map from an image to what was made of it, by edits or an attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds import KINDS
from nnvis_dash.engine.kinds.projection import (
    ProjectionParameters,
    artifact_parameters,
    as_features,
    chosen_model,
    features_in,
    pixel_size,
)
from nnvis_dash.engine.launch import require
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.datasets import Dataset
    from nnvis_dash.workspace.store import Workspace

NO_CLASS = -1  # the prediction where no classifier was asked


@dataclass(frozen=True)
class TrajectoryParameters(ProjectionParameters):
    """The projection's parameters, and which image's path; of a map of raw pixels also who predicts along it."""

    batch: ClassVar[bool] = False
    sample: int | str = 0  # as `state.references.Reference.plain` writes it
    steps: int = 9
    classifier: str | None = None  # fingerprint; where the features are a classifier's, that one predicts

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return "Placing a path on the map"


@KINDS.register("trajectory", title="Path on the map", reference="", parameters=TrajectoryParameters)
def trajectory(job: Job, parameters: TrajectoryParameters) -> None:
    """Place the images between an original and what was made of it on a projection.

    Keeps coordinates (S, 2) float32, degrees (S,) float32 0..1 and predictions (S,) int32; the card names the original.
    """
    from nnvis_dash.analysis.projections import Projection
    from nnvis_dash.analysis.trajectory import trajectory_of
    from nnvis_dash.state.references import Reference
    from nnvis_dash.workspace.pixels import fit

    dataset = job.dataset(parameters.dataset)
    pixels = parameters.features == "pixels"
    name = parameters.classifier if pixels else chosen_model(parameters)
    clf = None if name is None else job.classifier(name)
    size = pixel_size(dataset) if clf is None else clf.card.input_shape
    resize = "squash" if clf is None else clf.card.resize
    path = trajectory_of(
        Reference.read(parameters.sample),
        dataset,
        job.workspace.derived,
        lambda image: fit(image, *size, resize),
        parameters.steps,
    )
    stored = require(job, Request("projection", artifact_parameters(parameters)), "projecting first")
    job.check()
    features, predictions = _seen(parameters, dataset, clf, path.images)
    job.check()
    job.save(
        {
            "coordinates": np.asarray(Projection.from_artifact(stored).place(features), np.float32),
            "degrees": path.shares,
            "predictions": predictions,
        },
        {
            "method": parameters.method,
            "sample": parameters.sample,
            "origin": None if path.origin is None else path.origin.plain,
        },
    )


def _seen(
    parameters: TrajectoryParameters,
    dataset: Dataset,
    clf: Classifier | None,
    images: Sequence[npt.NDArray[np.uint8]],
) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Return the features (S, D) of images and their predictions (S,); the classifier sees them all at once."""
    from nnvis_dash.analysis.index import index
    from nnvis_dash.workspace.pixels import fit_batch

    predictions = np.full(len(images), NO_CLASS, np.int32)
    seen = None
    if clf is not None:
        seen = index(clf, fit_batch(images, clf.card.input_shape, clf.card.resize))
        predictions = seen.probabilities.argmax(axis=1).astype(np.int32)
    if seen is None or parameters.features == "pixels":
        return as_features(fit_batch(images, pixel_size(dataset), "squash")), predictions
    return features_in(seen, parameters.features), predictions
