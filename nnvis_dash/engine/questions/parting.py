"""`parting`: where a classifier's activations for an image and its adversarial one part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class PartingParameters:
    """The attack's job, and which of its images."""

    attack: str = ""  # key of the job
    row: int = 0


@QUESTIONS.register("parting", title="Where activations part", reference="", parameters=PartingParameters)
def parting(desk: Desk, parameters: PartingParameters) -> dict[str, Any]:
    """Return layers, their distance (L,) float64 as in `compare_inputs`, and parts_at, a layer's name or None."""
    from nnvis_dash.analysis.compare_inputs import compare_inputs
    from nnvis_dash.errors import NotFound

    artifact = desk.workspace.artifacts.load(parameters.attack)
    clean, after = artifact.array("clean"), artifact.array("images")
    if not 0 <= parameters.row < len(clean):
        raise NotFound(f"There is no image {parameters.row} in the attack", f"It has images 0 to {len(clean) - 1}.")
    clf = desk.classifier(artifact.card["model"])
    found = compare_inputs(clf, np.asarray(clean[parameters.row])[None], np.asarray(after[parameters.row])[None])
    return {"layers": list(found.layers), "distance": found.distance, "parts_at": found.parts_at}
