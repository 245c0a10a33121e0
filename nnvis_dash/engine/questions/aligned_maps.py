"""`aligned_maps`: the maps of two classifiers, one laid over the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import NotFound, ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class AlignedMapsParameters:
    """Two jobs of the kind `projection`, by key; the second map is laid over the first."""

    keys: list = field(default_factory=list)  # type: ignore[type-arg]


@QUESTIONS.register("aligned_maps", title="Aligned maps", reference="", parameters=AlignedMapsParameters)
def aligned_maps(desk: Desk, parameters: AlignedMapsParameters) -> dict[str, Any]:
    """Return the places of the samples that are in both maps, as `analysis.model_diff.alignment.align` lays them.

    ids (n,) int32, a and b (n, 2) float32 in the first map's coordinates, moved (n,) float32 in its units; disparity
    0..1, mirrored, and extent: the root of the mean squared distance from the mean in the first map.
    """
    from nnvis_dash.analysis.model_diff.alignment import align

    if len(parameters.keys) != 2:
        raise ParameterError(f"{len(parameters.keys)} maps are to be laid over each other", "Give two.")
    artifacts = desk.workspace.artifacts
    if not all(artifacts.has(key) for key in parameters.keys):
        raise NotFound("The maps are not projected yet", "Wait until the job in the tray has ended.")
    maps = [artifacts.load(key) for key in parameters.keys]
    of_first, of_second = (np.asarray(one.array("sample_ids")) for one in maps)
    ids, first, second = np.intersect1d(of_first, of_second, return_indices=True)
    a, b = (np.asarray(one.array("coordinates"))[at] for one, at in zip(maps, (first, second), strict=True))
    found = align(a, b)
    return {
        "ids": ids.astype(np.int32),
        "a": a.astype(np.float32),
        "b": found.aligned.astype(np.float32),
        "moved": found.moved.astype(np.float32),
        "disparity": found.disparity,
        "mirrored": found.mirrored,
        "extent": float(np.sqrt(((a - a.mean(axis=0)) ** 2).sum(axis=1).mean())),
    }
