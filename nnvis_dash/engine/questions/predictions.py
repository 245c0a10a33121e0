"""`predictions`: what several classifiers say of a few images, each as it is and after its edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class PredictionsParameters:
    """Which images, as `state.references.Reference.plain` writes them, and which classifiers."""

    dataset: str = ""  # fingerprint
    images: list = field(default_factory=list)  # type: ignore[type-arg]
    models: list = field(default_factory=list)  # type: ignore[type-arg]  # fingerprints


@QUESTIONS.register("predictions", title="Predictions", reference="", parameters=PredictionsParameters)
def predictions(desk: Desk, parameters: PredictionsParameters) -> dict[str, Any]:
    """Return probabilities, a list of (n, K) float32, one a classifier; None with a problem where one can't answer."""
    from nnvis_dash.analysis.references import image_of
    from nnvis_dash.state.references import Reference

    dataset = desk.dataset(parameters.dataset)
    images = [image_of(Reference.read(one), dataset, desk.workspace.derived) for one in parameters.images]
    return said_of(desk, images, parameters.models)


def said_of(desk: Desk, images: Sequence[npt.NDArray[np.uint8]], models: Sequence[str]) -> dict[str, Any]:
    """Return what classifiers say of images of any sizes, as `predictions` does."""
    from nnvis_dash.errors import NNVisError
    from nnvis_dash.workspace.pixels import fit

    found: list[Any] = []
    problems: list[str] = []
    for fingerprint in models:
        try:
            clf = desk.classifier(fingerprint)
            card = clf.card
            found.append(clf.predict(np.stack([fit(image, *card.input_shape, card.resize) for image in images])))
            problems.append("")
        except NNVisError as error:  # the others still answer
            found.append(None)
            problems.append(str(error))
    return {"probabilities": found, "problems": problems}
