"""`pair_view`: the grid of a finished job `pair_grid`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.engine.questions.class_curves import SENT
from nnvis_dash.errors import NotFound

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class PairViewParameters:
    """Which job `pair_grid`, as its parameters name it."""

    dataset: str = ""
    model: str = ""
    first: dict = field(default_factory=dict)  # type: ignore[type-arg]
    second: dict = field(default_factory=dict)  # type: ignore[type-arg]
    samples: str = ""
    precision: str = "float32"


@QUESTIONS.register("pair_view", title="Pair of changes", reference="", parameters=PairViewParameters)
def pair_view(desk: Desk, parameters: PairViewParameters) -> dict[str, Any]:
    """Return a grid: first and second (name, title, unit, identity, degrees), n, against, note, and cells as lists."""
    from nnvis_dash.analysis.simulation.pairs import CELLS, load_grid
    from nnvis_dash.engine.jobs import Request

    key = Request("pair_grid", asdict(parameters)).key
    if not desk.workspace.artifacts.has(key):
        raise NotFound("The two changes have not been tried together yet", "Start that first.")
    grid = load_grid(desk.workspace.artifacts.load(key))
    return {
        **{
            place: {
                "name": change.name,
                "title": change.title,
                "unit": change.unit,
                "identity": change.identity,
                "degrees": list(change.degrees),
            }
            for place, change in (("first", grid.first), ("second", grid.second))
        },
        "n": grid.n,
        "against": grid.against,
        "note": grid.note,
        **{name: np.round(getattr(grid, name), SENT).tolist() for name in CELLS},
    }
