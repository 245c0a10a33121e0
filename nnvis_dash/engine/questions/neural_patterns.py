"""`neural_patterns`: the neural patterns to look at first, while a slider says how frequent they must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.neural_patterns import NeuralPatterns
    from nnvis_dash.engine.desk import Desk
    from nnvis_dash.engine.mined_patterns import Mined

MOST = 40  # patterns that are told of
SHOWN = 12  # images of each
RATE = 0.05  # up to which errors count as more than chance
ALL, SELECTION, UNITS, ERRORS = "all", "selection", "units", "errors"

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NeuralPatternsParameters:
    """Whose patterns, and which of them."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    by: str = field(default="max", metadata={"choices": ("max", "mean")})
    support: int = field(default=20, metadata={"low": 1, "high": 2**31 - 1})
    length: int = field(default=2, metadata={"low": 1, "high": 10_000})
    gaps: bool = False
    order: str = field(default="support", metadata={"choices": ("support", "lift", "length")})
    of: str = field(default=ALL, metadata={"choices": (ALL, SELECTION, UNITS, ERRORS)})
    samples: str = ""  # selected ids, as the selection holds them
    units: list = field(default_factory=list)  # type: ignore[type-arg]  # selected, [layer, channel] each
    classes: list = field(default_factory=list)  # type: ignore[type-arg]  # that the filter leaves; none: all
    correctness: str = field(default="all", metadata={"choices": ("all", "wrong", "right")})
    label: int | None = None  # class of the lift; None: each pattern's most frequent
    pattern: str = ""  # one that is told of whether it is among the first or not


@QUESTIONS.register("neural_patterns", title="Neural patterns", reference="", parameters=NeuralPatternsParameters)
def neural_patterns(desk: Desk, parameters: NeuralPatternsParameters) -> dict[str, Any]:
    """Return the first patterns, how many there are, and of how many images.

    Returns
    -------
    dict
        `patterns`, at most `MOST` records as `_told` makes them; `chosen`, one of the pattern that was asked for, or
        None; `found`, how many are that frequent; `fitting`, how many of them are asked for; `images`, how many there
        are; `selected`, how many of them are selected; `counted` and `errors`, images with a label and the
        misclassified among them; `totals` (K,) int32, images of each class, None without labels; `layers`, the names of
        those with units. Patterns of mistakes stand in the order of their p-values, whatever `order` says.
    """
    from nnvis_dash.engine.mined_patterns import channels_of, mined

    asked = parameters
    held = mined(desk, asked.model, asked.dataset, asked.by, asked.support, asked.length, asked.gaps)
    patterns, n_images = held.patterns, len(held.predictions)
    chosen = _selected(desk, held, asked) if asked.of == SELECTION else None
    ranked = _ranked(held, asked, chosen)
    first = held.wrong if asked.of == ERRORS else chosen
    rows = [*ranked[:MOST].channels]
    wanted = channels_of(asked.pattern, patterns.sequences) if asked.pattern else None
    told = [_told(held, row, first, asked.label) for row in ([*rows, wanted] if wanted is not None else rows)]
    counted = n_images if held.labels is None else int(np.count_nonzero(held.labels >= 0))
    if asked.of == ERRORS:
        for record, q in zip(told[: len(rows)], held.enriched.q_values[:MOST], strict=True):
            record["q"] = float(q)
    elif held.labels is not None:
        _judge(told, len(patterns), counted, int(np.count_nonzero(held.wrong)))
    return {
        "patterns": told[: len(rows)],
        "chosen": None if wanted is None else told[-1],
        "found": len(patterns),
        "fitting": len(ranked),
        "images": n_images,
        "selected": n_images if chosen is None else int(np.count_nonzero(chosen)),
        "counted": counted,
        "errors": int(np.count_nonzero(held.wrong)),
        "totals": None if held.labels is None else patterns.class_totals,
        "layers": list(patterns.sequences.layers),
    }


def _ranked(held: Mined, asked: NeuralPatternsParameters, chosen: Flags | None) -> NeuralPatterns:
    """Return the patterns that are asked for, in their order."""
    from nnvis_dash.analysis.neural_patterns import recommended_patterns
    from nnvis_dash.types import Unit

    if asked.of == ERRORS:
        if held.labels is None:
            raise ParameterError("Mistakes can't be told without labels", "Add the images again with their labels.")
        return held.enriched.patterns
    units = None
    if asked.of == UNITS:
        if not asked.units:
            raise ParameterError("No unit is selected", "Click one under Units, Maps or 3-D, or look at all patterns.")
        units = [Unit(str(layer), int(channel)) for layer, channel in asked.units]
    label, order = asked.label, asked.order
    if held.labels is None:
        label, order = None, "support" if order == "lift" else order
    return recommended_patterns(held.patterns, chosen, units, label, order).patterns


def _selected(desk: Desk, held: Mined, asked: NeuralPatternsParameters) -> Flags:
    """Return whether each image is selected (N,); where no image is, those that the filter leaves are."""
    from nnvis_dash.analysis.neural_patterns.patterns import checked_samples

    flags = np.ones(len(held.predictions), np.bool_)
    if asked.samples:
        flags[:] = False
        flags[checked_samples(desk.workspace.selections.ids(asked.samples), len(flags))] = True
        return flags
    if held.labels is None or (not asked.classes and asked.correctness == "all"):
        raise ParameterError("Nothing is selected", "Draw a lasso around points of the map, or look at all patterns.")
    if asked.classes:
        flags &= np.isin(held.labels, np.array(asked.classes, np.int64))
    if asked.correctness != "all":
        flags &= (held.labels >= 0) & (held.wrong == (asked.correctness == "wrong"))
    return flags


def _told(held: Mined, channels: npt.NDArray[Any], first: Flags | None, label: int | None) -> dict[str, Any]:
    """Describe one pattern.

    Parameters
    ----------
    held : Mined
    channels : (L,)
        Its unit of each layer; -1 where it has none.
    first : (N,) bool, or None
        Images that its strip begins with, and that it has `inside`.
    label : int or None
        Class of the lift.

    Returns
    -------
    dict
        `text`, `units` as [ordinal of the layer, channel], `support`, `inside`, `counts` (K,) int32 or None, `label`
        and `lift` of a class, `errors` and `counted` images with a label, `q`
        (None: no more errors than chance explains), `samples` of its strip and which of those are misclassified
        (`wrong`).
    """
    from nnvis_dash.engine.mined_patterns import samples_of

    ids = samples_of(channels, held.patterns.sequences)
    columns = np.flatnonzero(channels >= 0).tolist()
    shown = _spread(ids, first)
    told: dict[str, Any] = {
        "text": ".".join(f"{column}:{channels[column]}" for column in columns),
        "units": [[column, int(channels[column])] for column in columns],
        "support": len(ids),
        "inside": len(ids) if first is None else int(np.count_nonzero(first[ids])),
        "samples": shown.tolist(),
        "wrong": held.wrong[shown].tolist(),
        **dict.fromkeys(("counts", "label", "lift", "errors", "counted", "q")),
    }
    if held.labels is None:
        return told
    labels = held.labels[ids]
    counts = np.bincount(labels[labels >= 0], minlength=held.patterns.n_classes).astype(np.int32)
    told |= {"counts": counts, "counted": int(counts.sum()), "errors": int(np.count_nonzero(held.wrong[ids]))}
    return told | _lift(counts, held.patterns.class_totals, label)


def _judge(told: list[dict[str, Any]], n_tests: int, n_images: int, n_errors: int) -> None:
    """Give patterns their `q` where their errors aren't chance: p-values times the number of patterns (Bonferroni).

    That is stricter than the false discovery rate of `error_enriched_patterns`, and only those that are shown have to
    be tested: thousands would take longer than a slider can wait.
    """
    from scipy.stats import hypergeom

    if not told:
        return
    errors, images = (np.array([one[name] for one in told]) for name in ("errors", "counted"))
    q_values = hypergeom.sf(errors - 1, n_images, n_errors, images) * max(1, n_tests)
    for one, q, count in zip(told, q_values, errors, strict=True):
        one["q"] = float(q) if count and q <= RATE else None


def _lift(counts: npt.NDArray[np.int32], totals: npt.NDArray[np.int32], label: int | None) -> dict[str, Any]:
    """Return the class of a pattern's lift and the lift; None for both where no image has a label."""
    from nnvis_dash.analysis.neural_patterns.wording import lift

    if not counts.any():
        return {"label": None, "lift": None}
    of = int(counts.argmax()) if label is None else label
    return {"label": of, "lift": float(lift(counts[None], totals, np.array([of], np.int32))[0])}


def _spread(ids: npt.NDArray[np.intp], first: Flags | None) -> npt.NDArray[np.intp]:
    """Return up to `SHOWN` ids, spread evenly over all: of those that come first as many as there are, then others."""
    parts: Sequence[npt.NDArray[np.intp]] = (ids,) if first is None else (ids[first[ids]], ids[~first[ids]])
    taken: list[npt.NDArray[np.intp]] = []
    left = SHOWN
    for part in parts:
        count = min(left, len(part))
        if count:
            taken.append(part[np.linspace(0, len(part) - 1, count).round().astype(np.intp)])
            left -= count
    return np.concatenate(taken) if taken else np.zeros(0, np.intp)
