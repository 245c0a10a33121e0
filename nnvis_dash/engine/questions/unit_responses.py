"""`unit_responses`: how strongly every unit of a classifier answers to a selection, or how that differs from others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import NotFound, ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.index import Index
    from nnvis_dash.analysis.units import UnitStatistics
    from nnvis_dash.engine.desk import Desk

NOTHING, PAIR = "nothing", "pair"


@dataclass(frozen=True)
class UnitResponsesParameters:
    """Whose units, and what is asked of them."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    measure: str = field(default="mean", metadata={"choices": (NOTHING, "mean", "max", "difference", PAIR)})
    by: str = field(default="max", metadata={"choices": ("max", "mean")})
    standardised: bool = False
    samples: str = ""  # ids as `state.ids.encode_ids` writes them; all images where there are none
    against: str = "rest"  # of "difference": the rest, or ids
    images: list = field(default_factory=list)  # type: ignore[type-arg]  # of "pair": two, as `Reference.plain`


@QUESTIONS.register("unit_responses", title="Responses of units", reference="", parameters=UnitResponsesParameters)
def unit_responses(desk: Desk, parameters: UnitResponsesParameters) -> dict[str, Any]:
    """Return values (U,) float32, dead (U,) uint8 and of, the numbers of images that were compared.

    "pair" is the first image's activations less the second's, which needs no index; only then, and while there is none,
    no unit counts as dead.
    """
    from nnvis_dash.engine.indexes import finished_index, known_statistics

    statistics: UnitStatistics | None
    try:
        index = finished_index(desk, parameters.model, parameters.dataset)
        statistics = known_statistics(desk, parameters.model, parameters.dataset, parameters.by)
    except NotFound:
        if parameters.measure != PAIR or parameters.standardised:
            raise
        statistics = None
    if parameters.measure == PAIR:
        values, of = _between(desk, parameters, statistics), [1, 1]
    else:
        values, of = _over(desk, index, parameters, statistics)
    dead = np.zeros(len(values), np.uint8) if statistics is None else statistics.dead.astype(np.uint8)
    return {"values": values, "dead": dead, "of": of}


def _over(
    desk: Desk, index: Index, parameters: UnitResponsesParameters, statistics: UnitStatistics | None
) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Return the responses to images of the dataset, and how many were compared with how many."""
    from nnvis_dash.analysis import units

    n = len(index)
    if parameters.measure == NOTHING:
        return np.zeros(len(index.units), np.float32), [0]
    chosen = desk.workspace.selections.ids(parameters.samples) if parameters.samples else np.arange(n)
    if parameters.measure != "difference":
        found = units.unit_responses(
            index,
            chosen,
            by=parameters.by,
            measure=parameters.measure,
            standardised=parameters.standardised,
            statistics=statistics,
        )
        return found, [len(chosen)]
    rest = parameters.against == units.REST
    against: Any = units.REST if rest else desk.workspace.selections.ids(parameters.against)
    found = units.unit_responses(
        index, chosen, against, parameters.by, "difference", parameters.standardised, statistics
    )
    return found, [len(chosen), n - len(chosen) if rest else len(against)]


def _between(
    desk: Desk, parameters: UnitResponsesParameters, statistics: UnitStatistics | None
) -> np.ndarray[Any, Any]:
    """Return the activations of one image less those of another, which may be edited or of the tray."""
    from nnvis_dash.analysis.index import index_chunk
    from nnvis_dash.analysis.references import batch_of
    from nnvis_dash.analysis.units import BY

    if len(parameters.images) != 2:
        raise ParameterError(f"{len(parameters.images)} images are to be compared", "Give two.")
    clf = desk.classifier(parameters.model)
    dataset = desk.dataset(parameters.dataset)
    images = batch_of(parameters.images, dataset, desk.workspace.derived, clf.card.input_shape, clf.card.resize)
    first, second = index_chunk(clf, images)[BY[parameters.by]]
    found = (first - second).astype(np.float32)
    if parameters.standardised and statistics is not None:
        deviation = statistics.deviation
        found = np.divide(found, deviation, out=np.zeros_like(found), where=deviation > 0, casting="same_kind")
    return np.asarray(found, np.float32)
