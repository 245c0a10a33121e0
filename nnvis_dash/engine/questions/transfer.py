"""`transfer`: what other classifiers say of the images of an attack, before and after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class TransferParameters:
    """Which `attack` artifact, by its key, and which classifiers."""

    attack: str = ""
    models: list = field(default_factory=list)  # type: ignore[type-arg]  # fingerprints


@QUESTIONS.register("transfer", title="Transfer", reference="", parameters=TransferParameters)
def transfer(desk: Desk, parameters: TransferParameters) -> dict[str, Any]:
    """Return clean and adversarial, lists of (n, K) float32, one a classifier; None with a problem where one can't."""
    from nnvis_dash.engine.questions.predictions import said_of

    artifact = desk.workspace.artifacts.load(parameters.attack)
    clean, after = (np.asarray(artifact.array(name)) for name in ("clean", "images"))
    said = said_of(desk, [*clean, *after], parameters.models)

    def part(rows: slice) -> list[Any]:
        return [None if found is None else found[rows] for found in said["probabilities"]]

    n = len(clean)
    return {"clean": part(slice(n)), "adversarial": part(slice(n, None)), "problems": said["problems"]}
