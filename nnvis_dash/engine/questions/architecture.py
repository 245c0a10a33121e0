"""`architecture`: a classifier's layers and how they are connected, for those who draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class ArchitectureParameters:
    """Of which classifier."""

    model: str = ""  # fingerprint


@QUESTIONS.register("architecture", title="Architecture", reference="", parameters=ArchitectureParameters)
def architecture(desk: Desk, parameters: ArchitectureParameters) -> dict[str, Any]:
    """Return the plain values of `nnvis_dash.analysis.architecture.Architecture`."""
    from nnvis_dash.analysis.architecture import architecture as described

    return described(desk.classifier(parameters.model)).to_json()
