"""`frozen_answer`: what a classifier says of an image without and with units frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class FrozenAnswerParameters:
    """Which image, as `state.references.Reference.plain` writes it, of which classifier, and its frozen units."""

    dataset: str = ""  # fingerprint
    image: int | str = 0
    model: str = ""  # fingerprint
    frozen: dict = field(default_factory=dict)  # type: ignore[type-arg]  # a layer's name to its units' numbers


@QUESTIONS.register("frozen_answer", title="Answer with frozen units", reference="", parameters=FrozenAnswerParameters)
def frozen_answer(desk: Desk, parameters: FrozenAnswerParameters) -> dict[str, Any]:
    """Return probabilities (2, K) float32: with nothing frozen, and with the units."""
    import numpy as np

    from nnvis_dash.analysis.mutation import mutate
    from nnvis_dash.analysis.references import batch_of

    clf = desk.classifier(parameters.model)
    card = clf.card
    dataset = desk.dataset(parameters.dataset)
    images = batch_of([parameters.image], dataset, desk.workspace.derived, card.input_shape, card.resize)
    before = clf.predict(images)
    return {"probabilities": np.concatenate([before, mutate(clf, images, parameters.frozen, ()).probabilities])}
