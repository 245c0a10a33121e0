"""`drawing`: what several classifiers say of an image that is nowhere but in the question, as while one is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class DrawingParameters:
    """The image as a PNG file in base64, and which classifiers."""

    png: str = ""
    models: list = field(default_factory=list)  # type: ignore[type-arg]  # fingerprints


@QUESTIONS.register("drawing", title="Prediction of a drawing", reference="", parameters=DrawingParameters)
def drawing(desk: Desk, parameters: DrawingParameters) -> dict[str, Any]:
    """Return probabilities, a list of (1, K) float32, one a classifier; None with a problem where one can't answer."""
    import base64

    from nnvis_dash.engine.questions.predictions import said_of
    from nnvis_dash.workspace.pixels import decode

    return said_of(desk, [decode(base64.b64decode(parameters.png), name="drawing")], parameters.models)
