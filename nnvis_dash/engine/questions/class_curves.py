"""`class_curves`: how every class holds up under a change, of what a simulation knows by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.simulation.curves import Curves
    from nnvis_dash.analysis.simulation.sweep import Sweep
    from nnvis_dash.engine.desk import Desk

MOST_CLASSES = 200  # whose curves are sent: those with the most images
SENT = 4  # decimals
MEASURED = 1000  # images, at most, whose own spread is measured


@dataclass(frozen=True)
class ClassCurvesParameters:
    """Which simulation, as its kind's parameters name it, and the samples that are held against the rest."""

    dataset: str = ""
    models: list = field(default_factory=list)  # type: ignore[type-arg]
    change: dict = field(default_factory=dict)  # type: ignore[type-arg]
    samples: str = ""
    precision: str = "float32"
    rows: str = ""  # as `state.ids.encode_ids` writes them; empty: no selection


@QUESTIONS.register("class_curves", title="Class curves", reference="", parameters=ClassCurvesParameters)
def class_curves(desk: Desk, parameters: ClassCurvesParameters) -> dict[str, Any]:
    """Return the curves of each classifier over all samples and, with a selection, of it and of the rest.

    `whole` is None where nothing is known yet; n of `total` images are known while a simulation runs. Lists are
    [class][degree], None where a class has no image; classes without images are left out, see `numbers`. `spread`: how
    the dataset's own images differ in what is changed, {quantiles, n, what}, None where that can't be measured.
    """
    from nnvis_dash.analysis.simulation.change import Change
    from nnvis_dash.engine.sweeps import Wanted, known_sweep, sample_order

    if not parameters.models:
        raise ParameterError("No classifier is named", "Give at least one.")
    change = Change.read(parameters.change)
    total = len(sample_order(desk, parameters.dataset, parameters.samples))
    rows = desk.workspace.selections.ids(parameters.rows) if parameters.rows else None
    models = []
    for model in parameters.models:
        card = desk.workspace.model(model)
        wanted = Wanted(card.fingerprint, parameters.dataset, change, parameters.samples, parameters.precision)
        found = known_sweep(desk, wanted)
        record: dict[str, Any] = {"model": card.fingerprint, "name": card.name, "total": total, "n": 0, "whole": None}
        if found is not None:
            record |= _of_sweep(desk.path, wanted.key, found, rows)
        models.append(record)
    return {
        **change.told,
        "spread": _spread(desk.path, parameters.dataset, parameters.samples, change.name),
        "models": models,
    }


def _of_sweep(path: str, key: str, found: Sweep, rows: npt.NDArray[np.int64] | None) -> dict[str, Any]:
    """Return the curves of one sweep; those of all images of a finished one are reduced once."""
    from nnvis_dash.analysis.simulation.curves import curves

    whole = _finished(path, key) if len(found) == found.total else curves(found)
    numbers = np.sort(np.argsort(-whole.counts, kind="stable")[: min(MOST_CLASSES, int((whole.counts > 0).sum()))])
    chosen = None if rows is None else found.rows_of(rows)
    split = chosen is not None and chosen.any() and not chosen.all()
    return {
        "n": len(found),
        "against": found.against,
        "note": found.note,
        "precision": found.precision,
        "classes": [whole.class_names[number] for number in numbers],
        "numbers": numbers.tolist(),
        "whole": plain(whole, numbers),
        "inside": plain(curves(found, chosen), numbers) if split else None,
        "rest": plain(curves(found, ~chosen), numbers) if split and chosen is not None else None,
    }


@lru_cache(maxsize=64)
def _finished(path: str, key: str) -> Curves:
    from nnvis_dash.analysis.simulation.curves import curves
    from nnvis_dash.analysis.simulation.sweep import load_sweep
    from nnvis_dash.engine.desk import open_workspace

    return curves(load_sweep(open_workspace(path)[0].artifacts.load(key)))


@lru_cache(maxsize=64)
def _spread(path: str, dataset: str, samples: str, name: str) -> dict[str, Any] | None:
    """Return the spread of a fair sample of a dataset's images in what a change changes, measured once."""
    from nnvis_dash.analysis.simulation.answers import images_of
    from nnvis_dash.analysis.simulation.spread import spread
    from nnvis_dash.engine.desk import Desk
    from nnvis_dash.engine.sweeps import sample_order

    desk = Desk(path)
    chosen = sample_order(desk, dataset, samples)[:MEASURED]
    found = spread(images_of(desk.dataset(dataset), chosen), name)
    return None if found is None else {"quantiles": list(found.quantiles), "n": found.n, "what": found.what}


def plain(found: Curves, numbers: Any) -> dict[str, Any]:
    """Return curves of some classes as JSON can hold them: lists [class][degree], None for NaN."""
    from nnvis_dash.analysis.simulation.words import curve_sentences

    names: Mapping[str, Any] = {
        "mean": found.mean_probability,
        "low": found.low,
        "high": found.high,
        "accuracy": found.accuracy,
        "accuracy_low": found.accuracy_low,
        "accuracy_high": found.accuracy_high,
        "rank": found.rank,
    }
    return {
        "counts": found.counts[numbers].tolist(),
        "n": found.n,
        "said": list(curve_sentences(found)),
        **{name: _lists(values[:, numbers].T) for name, values in names.items()},
        "overall": {name: _lists(values) for name, values in found.overall.items()},
    }


def _lists(values: Any) -> Any:
    rounded = np.round(np.asarray(values, np.float64), SENT)
    return np.where(np.isnan(rounded), None, rounded).tolist()  # type: ignore[call-overload]
