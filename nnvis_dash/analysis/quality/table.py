"""A table of methods, or layers, and measures over the same images: its intervals, its front, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.quality import MEASURES
from nnvis_dash.analysis.quality.recommendation import Line, recommended
from nnvis_dash.analysis.quality.thresholds import PASSES, UNKNOWN, thresholds
from nnvis_dash.analysis.quality.verdict import Reason, Verdict, verdicts
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.workspace.artifacts import Artifact

RESAMPLES = 1000
LEVEL = 0.95  # of the intervals
FUSION = "fusion"  # the method that the passing ones are put together by


@dataclass(frozen=True)
class Row:
    """What a line of the table is about: a method, and the layer that it looks through (None: its own choice)."""

    method: str
    layer: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the line is called."""
        title = METHODS[self.method].title
        if fused := str(self.parameters.get("methods", "")):
            title = f"{title} of {fused.count(',') + 1} that pass"
        return title if self.layer is None else f"{title} on {self.layer}"


@dataclass(frozen=True, eq=False)
class Choice:
    """Methods, or layers of one method, held to the same measures over the same images.

    Attributes
    ----------
    rows : tuple of Row
        R lines of the table.
    measures : tuple of str
        M names in `MEASURES`.
    orders : tuple of str
        "higher" or "lower" (is better), or "" where neither is, for each measure.
    samples : (n,) int64
    values : (R, M, n) float32
        NaN where a measure says nothing.
    mean, low, high : (R, M) float32
        Over the images, with the bounds of its 95 % bootstrap interval; NaN where nothing is known.
    passes : (R, M) float32, 0..1
        Share of the images on which a deciding measure passes the method; NaN for other measures.
    quality, quality_low, quality_high : (R,) float32, 0..1
        Mean over the images of what the deciding measures say, 0 fails, ½ doubtful, 1 passes, with its interval.
    seconds : (R,) float32
        That an image's heatmap takes; the fastest block.
    forwards : (R,) float32
        The same in forward passes of the classifier.
    front : tuple of int
        Rows that no other beats in quality and cost, the cheapest first.
    verdicts : tuple of Verdict
        One a row: what each deciding measure says of the median image, worst first.
    recommendation : tuple of str
        Sentences.
    left_out : mapping of str to str
        Methods that the classifier can't be explained with, and why.
    """

    rows: tuple[Row, ...]
    measures: tuple[str, ...]
    orders: tuple[str, ...]
    samples: npt.NDArray[np.int64]
    values: Floats
    mean: Floats
    low: Floats
    high: Floats
    passes: Floats
    quality: Floats
    quality_low: Floats
    quality_high: Floats
    seconds: Floats
    forwards: Floats
    front: tuple[int, ...]
    verdicts: tuple[Verdict, ...]
    recommendation: tuple[str, ...]
    left_out: Mapping[str, str]

    @property
    def by_layer(self) -> bool:
        """Whether the lines are layers of one method."""
        return len({row.method for row in self.rows}) == 1 and len(self.rows) > 1

    def names(self) -> list[str]:
        """Return what tells the lines apart: the layer where they are layers, else the method."""
        return [(row.layer if self.by_layer else None) or row.method for row in self.rows]


@dataclass(frozen=True, eq=False)
class Measurements:
    """What one line of the table comes from; see `measured_block`.

    `values` is (M, n) float32, `seconds` and `forward` are seconds an image of an explanation and of a forward pass.
    """

    values: Floats
    seconds: float
    forward: float


def choice_of(
    model: str,
    dataset: str,
    rows: Sequence[Row],
    measures: Sequence[str],
    samples: npt.NDArray[np.int64],
    found: Sequence[Sequence[Measurements]],
    left_out: Mapping[str, str],
    seed: int = 0,
) -> Choice:
    """Make a table of what was measured.

    Parameters
    ----------
    model, dataset : str
        Names, for the recommendation.
    rows : sequence of Row
    measures : sequence of str
    samples : (n,) int64
    found : one sequence of Measurements a row, its blocks in the order of the samples
    left_out : mapping of str to str
    seed : int
        Of the bootstrap.
    """
    values = np.stack([np.concatenate([block.values for block in blocks], axis=1) for blocks in found])
    seconds = np.array([min(block.seconds for block in blocks) for blocks in found], np.float32)
    forward = min(block.forward for blocks in found for block in blocks)
    forwards = (seconds / forward).astype(np.float32)
    n = values.shape[2]
    draws = np.random.default_rng(seed).integers(0, n, (RESAMPLES, n))
    badges = np.full(values.shape, UNKNOWN, np.int8)
    for name, limit in thresholds().items():
        if name in measures:
            badges[:, measures.index(name)] = limit.badges(values[:, measures.index(name)])
    known = badges != UNKNOWN
    passes = np.where(known.any(-1), (badges == PASSES).sum(-1) / np.maximum(known.sum(-1), 1), np.nan)
    held = np.where(known.any(1), np.where(known, badges / PASSES, 0).sum(1) / np.maximum(known.sum(1), 1), np.nan)
    mean, low, high = (part.reshape(values.shape[:2]) for part in interval(values.reshape(-1, n), draws))
    quality, quality_low, quality_high = interval(held, draws)
    decided = verdicts({name: median(values[:, place]) for place, name in enumerate(measures)}, len(rows))
    lines = [
        Line(row.title, *rest)
        for row, *rest in zip(rows, decided, quality, quality_low, quality_high, seconds, forwards, strict=True)
    ]
    return Choice(
        rows=tuple(rows),
        measures=tuple(measures),
        orders=tuple(order_of(name) for name in measures),
        samples=samples,
        values=values.astype(np.float32),
        mean=mean,
        low=low,
        high=high,
        passes=passes.astype(np.float32),
        quality=quality,
        quality_low=quality_low,
        quality_high=quality_high,
        seconds=seconds,
        forwards=forwards,
        front=front(quality, seconds),
        verdicts=decided,
        recommendation=recommended(lines, model, dataset, n),
        left_out=dict(left_out),
    )


def fusion_of(choice: Choice) -> Row | None:
    """Return the line for the fusion of the methods that pass, None where fewer than two can be fused."""
    passing = [
        row.method
        for row, said in zip(choice.rows, choice.verdicts, strict=True)
        if said.badge == PASSES and row.method != FUSION and not METHODS[row.method].traits & {"patterns", "images"}
    ]
    return None if choice.by_layer or len(passing) < 2 else Row(FUSION, None, {"methods": ", ".join(passing)})


def interval(values: Floats, draws: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Return the mean over images and the bounds of its percentile bootstrap interval, NaN left aside.

    Parameters
    ----------
    values : (R, n) float
    draws : (B, n) int64
        Images of each resample.

    Returns
    -------
    mean, low, high : (R,) float32
        NaN where all of a row is.

    References
    ----------
    Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979.
    """
    known = ~np.isnan(values)
    filled = np.where(known, values, 0).astype(np.float64)
    edge = (1 - LEVEL) / 2
    mean, low, high = (np.full(len(values), np.nan, np.float32) for _ in range(3))
    for number in np.flatnonzero(known.any(axis=1)):
        mean[number] = filled[number].sum() / known[number].sum()
        counts = known[number][draws].sum(axis=1)
        means = filled[number][draws].sum(axis=1)[counts > 0] / counts[counts > 0]
        low[number], high[number] = np.quantile(means, (edge, 1 - edge))
    return mean, low, high


def median(values: Floats) -> Floats:
    """Return the median over the last axis without NaN; NaN where all are."""
    known = ~np.isnan(values).all(axis=-1)
    found = np.full(values.shape[:-1], np.nan, np.float32)
    found[known] = np.nanmedian(values[known], axis=-1)
    return found


def front(quality: Floats, cost: Floats) -> tuple[int, ...]:
    """Return the lines that no other beats in quality without costing more, the cheapest first.

    >>> front(np.array([0.5, 0.9, 0.8, np.nan]), np.array([1.0, 3.0, 4.0, 0.5]))
    (0, 1)
    """
    best, kept = -np.inf, []
    for number in np.lexsort((-quality, cost)):
        if quality[number] > best:
            best = float(quality[number])
            kept.append(int(number))
    return tuple(kept)


def order_of(name: str) -> str:
    """Return which values of a measure are better: "higher", "lower", or "" where neither are."""
    traits = MEASURES[name].traits
    return next((order for order in ("higher", "lower") if f"{order} is better" in traits), "")


ARRAYS = (
    "values",
    "mean",
    "low",
    "high",
    "passes",
    "quality",
    "quality_low",
    "quality_high",
    "seconds",
    "forwards",
    "samples",
)


def choice_arrays(choice: Choice) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a table as they are stored."""
    return {name: getattr(choice, name) for name in ARRAYS}


def choice_card(choice: Choice) -> dict[str, Any]:
    """Return the rest of a table as JSON can hold it."""
    names = choice.names()
    return {
        "methods": [row.method for row in choice.rows],
        "layers": [row.layer for row in choice.rows],
        "parameters": [dict(row.parameters) for row in choice.rows],
        "titles": [row.title for row in choice.rows],
        "measures": list(choice.measures),
        "orders": list(choice.orders),
        "front": [names[number] for number in choice.front],
        "recommendation": list(choice.recommendation),
        "badges": [{"badge": one.badge, "reasons": one.plain()} for one in choice.verdicts],
        "left_out": dict(choice.left_out),
    }


def load_choice(artifact: Artifact) -> Choice:
    """Read a stored table."""
    card = artifact.card
    rows = tuple(
        Row(method, layer, given)
        for method, layer, given in zip(card["methods"], card["layers"], card["parameters"], strict=True)
    )
    decided = tuple(
        Verdict(one["badge"], tuple(Reason(**reason, value=float("nan")) for reason in one["reasons"]))
        for one in card["badges"]
    )
    arrays = {name: np.asarray(artifact.array(name)) for name in ARRAYS}
    return Choice(
        rows=rows,
        measures=tuple(card["measures"]),
        orders=tuple(card["orders"]),
        front=front(arrays["quality"], arrays["seconds"]),
        verdicts=decided,
        recommendation=tuple(card["recommendation"]),
        left_out=card["left_out"],
        **arrays,
    )
