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
    from nnvis_dash.errors import NNVisError
    from nnvis_dash.workspace.pixels import fit_batch

    artifact = desk.workspace.artifacts.load(parameters.attack)
    both = [np.asarray(artifact.array(name)) for name in ("clean", "images")]
    answer: dict[str, list[Any]] = {"clean": [], "adversarial": [], "problems": []}
    for fingerprint in parameters.models:
        try:
            clf = desk.classifier(fingerprint)
            found: list[Any] = [
                clf.predict(fit_batch(list(images), clf.card.input_shape, clf.card.resize)) for images in both
            ]
            problem = ""
        except NNVisError as error:  # the others still answer
            found, problem = [None, None], str(error)
        for name, value in zip(("clean", "adversarial", "problems"), (*found, problem), strict=True):
            answer[name].append(value)
    return answer
