"""`pattern_samples`: all images of a neural pattern."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class PatternSamplesParameters:
    """Which pattern, over which images."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    by: str = field(default="max", metadata={"choices": ("max", "mean")})
    pattern: str = ""  # as the selection holds it


@QUESTIONS.register("pattern_samples", title="Images of a pattern", reference="", parameters=PatternSamplesParameters)
def pattern_samples(desk: Desk, parameters: PatternSamplesParameters) -> dict[str, Any]:
    """Return samples, as the state holds them, and how many there are."""
    from nnvis_dash.engine.mined_patterns import channels_of, paths_of, samples_of

    paths = paths_of(desk, parameters.model, parameters.dataset, parameters.by)
    ids = samples_of(channels_of(parameters.pattern, paths), paths)
    return {"samples": desk.workspace.selections.text(ids), "count": len(ids)}
