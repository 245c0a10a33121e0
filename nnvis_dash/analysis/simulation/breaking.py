"""Breaking points: for each image the smallest degree of a change at which the prediction is another.

A sweep says between which of its degrees a prediction flips; from there on the brackets of many images are halved
together, each image at a degree of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.simulation.answers import images_of
from nnvis_dash.analysis.simulation.asking import Ask, Degrees, asking
from nnvis_dash.analysis.simulation.change import Change, change
from nnvis_dash.analysis.simulation.changed_images import Arrays, ChangedImages, read_head
from nnvis_dash.analysis.simulation.sweep import Sweep, sweep
from nnvis_dash.analysis.transformations import TRANSFORMATIONS
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.datasets import Dataset

SHARES = 256  # default tolerance: the range of the degrees in so many parts
BLOCK = 128  # images whose brackets are halved together
_SIDES = np.array((-1.0, 1.0))  # below the identity, above it

Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BreakingPoints(ChangedImages):
    """Where the prediction for each of n images becomes another.

    Attributes
    ----------
    change : Change
        With the degrees that were scanned.
    ids : (n,) int64
    labels : (n,) int32
        The class that each image counts for, as in the sweep; -1: none.
    against : {"labels", "predictions"}
    note : str
    class_names : tuple of str
    clean_prediction : (n,) int32
    degree : (n,) float64
        Of the degrees that are known to flip the prediction the nearest to the identity, on either side of it (of two
        as near the lower one). NaN where none of the scanned degrees flips it.
    side : (n,) int8
        -1: below the identity; 1: above; 0: it never flips.
    prediction_after : (n,) int32
        The prediction at `degree`; -1 where it never flips.
    tolerance : float
        The degree nearest to the identity that flips is at most so far from `degree`, if there is one flip on its side
        between two scanned degrees. Of changes by whole numbers, and of attacks, whose changes are rounded to whole
        pixel values, 1 at least.
    evaluations : int
        Images that the classifier was asked about, those of a sweep that was there left out.
    """

    ROWS = ("ids", "labels", "clean_prediction", "degree", "side", "prediction_after")

    clean_prediction: Ints
    degree: Degrees
    side: npt.NDArray[np.int8]
    prediction_after: Ints
    tolerance: float
    evaluations: int

    @property
    def name(self) -> str:
        """The change's name."""
        return self.change.name

    @cached_property
    def distance(self) -> Degrees:
        """(n,) float64: how far `degree` is from the identity; infinite where the prediction never flips."""
        return np.where(np.isnan(self.degree), np.inf, np.abs(self.degree - self.identity))

    @cached_property
    def wrong_clean(self) -> Bools:
        """(n,) bool: the prediction is wrong with nothing changed; where there is no label it isn't called wrong."""
        return np.asarray((self.labels >= 0) & (self.clean_prediction != self.labels))


FOUND = ("degree", "side", "prediction_after")


def breaking_points(
    clf: Classifier,
    data: Dataset | Images,
    name: str | Change,
    degrees: npt.ArrayLike | None = None,
    *,
    labels: npt.ArrayLike | None = None,
    samples: npt.ArrayLike | None = None,
    tolerance: float | None = None,
    scan: Sweep | None = None,
    precision: str = "float32",
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    **parameters: Any,
) -> BreakingPoints:
    """Find for each image the degree nearest to the identity at which the prediction flips: scan, then bisect.

    A prediction that flips between two scanned degrees and flips back before the second is not seen; nor is an earlier
    flip within the bracket that is halved. Where it flips once on a side, the answer is exact to `tolerance`.

    Parameters
    ----------
    clf : Classifier
    data : Dataset, or (N, H, W, C) uint8
    name : str or Change
        One of `simulation.change.changes()`.
    degrees : (D,) array, optional
        That are scanned; the change's own by default.
    labels, samples, precision, seed
        As `simulation.sweep.sweep` takes them; not used for the scan where one is given.
    tolerance : float, optional
        In the change's unit; a 256th of the scanned range by default. Of whole-number changes and attacks 1 at least.
    scan : Sweep, optional
        A sweep of the same classifier, data and change: costs nothing. Its degrees and precision are used.
    on_progress : function (done, total) -> None, optional
        Called after every block of images.
    **parameters
        The change's others.

    Returns
    -------
    BreakingPoints
        In the scan's order.

    Raises
    ------
    NotFound, ParameterError
        No such change or sample, a parameter that it can't take, a scan of another change or without the samples.
    """
    wanted = name if isinstance(name, Change) else change(name, degrees, **parameters)
    cost = 0
    if scan is None:
        scan = sweep(clf, data, wanted, labels=labels, samples=samples, precision=precision, seed=seed)
        cost = scan.prediction.size + (wanted.identity not in wanted.degrees) * len(scan)
    else:
        scan = _checked(
            scan, wanted, samples, given=isinstance(name, Change) or degrees is not None or bool(parameters)
        )
    width = tolerance_of(scan.change, tolerance)
    parts: list[Arrays] = []
    for start in range(0, len(scan), BLOCK):
        block = scan.take(slice(start, start + BLOCK))
        parts.append(bisected(clf, images_of(data, block.ids), block, width))
        if on_progress is not None:
            on_progress(min(start + BLOCK, len(scan)), len(scan))
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return assembled(scan, rows, width, cost)


def tolerance_of(change: Change, given: float | None = None) -> float:
    """Return the tolerance that breaking points of a change are found to; ParameterError for one that isn't above 0."""
    if given is not None and not (np.isfinite(given) and given > 0):
        raise ParameterError(f"The tolerance is {given!r}", "Give a number above 0, in the change's unit.")
    reached = (*change.degrees, change.identity)
    width = (max(reached) - min(reached)) / SHARES if given is None else float(given)
    return max(width, 1.0) if by_whole_numbers(change) else width or 1.0


def by_whole_numbers(change: Change) -> bool:
    """Whether degrees between two whole numbers mean nothing more: an attack's changes are rounded to pixel values."""
    if change.kind == "attack":
        return True
    form = TRANSFORMATIONS[change.name].form()
    return next(parameter.type for parameter in form if parameter.name == "degree") is int


def bisected(
    clf: Classifier, images: Any, scan: Sweep, tolerance: float, step: Callable[[], None] = lambda: None
) -> Arrays:
    """Find the breaking points of one block of images.

    Parameters
    ----------
    clf : Classifier
    images : (n, H, W, C) uint8, or a sequence of (H, W, C) uint8
    scan : Sweep
        Of these images, in this order.
    tolerance : float
        As `tolerance_of` gives it.
    step : function, optional
        Called before every halving; what it raises ends the work.

    Returns
    -------
    dict
        degree (n,) float64, side (n,) int8, prediction_after (n,) int32, and evaluations (n,) int32: how often the
        classifier was asked about an image.
    """
    change = scan.change
    held, flipped, after = _brackets(scan)
    whole = by_whole_numbers(change)
    asked = np.zeros(len(scan), np.int32)
    ask: Ask | None = None
    while True:
        nearest = flipped.min(axis=1, keepdims=True)
        rows, sides = np.nonzero(
            np.isfinite(flipped) & (flipped - held > tolerance * (1 + 1e-9)) & (held < nearest)
        )  # a bracket that begins behind the other side's flip can't hold the nearest
        if not len(rows):
            break
        step()
        if ask is None:
            ask = asking(clf, images, scan)
        middle = (held[rows, sides] + flipped[rows, sides]) / 2
        degrees = change.identity + _SIDES[sides] * middle
        if whole:
            degrees = np.rint(degrees)
            middle = np.abs(degrees - change.identity)
        said = ask(rows, degrees)
        np.add.at(asked, rows, 1)
        flips = said != scan.clean_prediction[rows]
        flipped[rows[flips], sides[flips]] = middle[flips]
        after[rows[flips], sides[flips]] = said[flips]
        held[rows[~flips], sides[~flips]] = middle[~flips]
    chosen = flipped.argmin(axis=1)
    each = np.arange(len(flipped))
    distance = flipped[each, chosen]
    never = ~np.isfinite(distance)
    degree = np.where(never, np.nan, change.identity + _SIDES[chosen] * np.where(never, 0, distance))
    return {
        "degree": degree,
        "side": np.where(never, 0, _SIDES[chosen]).astype(np.int8),
        "prediction_after": np.where(never, -1, after[each, chosen]).astype(np.int32),
        "evaluations": asked,
    }


def assembled(scan: Sweep, rows: Mapping[str, npt.NDArray[Any]], tolerance: float, evaluations: int) -> BreakingPoints:
    """Put breaking points together from a scan, what `bisected` found of its images, and the cost of the scan."""
    return BreakingPoints(
        change=scan.change,
        ids=np.asarray(scan.ids),
        labels=np.asarray(scan.labels),
        against=scan.against,
        note=scan.note,
        class_names=scan.class_names,
        clean_prediction=np.asarray(scan.clean_prediction),
        tolerance=tolerance,
        evaluations=evaluations + int(rows["evaluations"].sum()),
        **{name: rows[name] for name in FOUND},
    )


def points_arrays(points: BreakingPoints) -> Arrays:
    """Return arrays to keep breaking points by; `load_points` reads them."""
    return points.arrays


def points_card(points: BreakingPoints) -> dict[str, Any]:
    """Return the rest of breaking points, as JSON can hold it."""
    return {**points.head, "tolerance": points.tolerance, "evaluations": points.evaluations}


def load_points(artifact: Artifact) -> BreakingPoints:
    """Open stored breaking points; the arrays stay on disk until they are read."""
    card = artifact.card
    arrays: dict[str, Any] = {name: artifact.array(name) for name in BreakingPoints.ROWS}
    return BreakingPoints(
        **read_head(card),
        tolerance=card["tolerance"],
        evaluations=card["evaluations"],
        **arrays,
    )


def _checked(scan: Sweep, wanted: Change, samples: npt.ArrayLike | None, given: bool) -> Sweep:
    """Return the rows of a scan that are asked for; ParameterError where it is another change's, or lacks a sample."""
    if scan.change.name != wanted.name or (given and scan.change != wanted):
        raise ParameterError(
            f"The scan is of {scan.change.name} at other degrees or parameters than {wanted.name} is wanted",
            "Give the sweep of the same change.",
        )
    ids = np.asarray(scan.ids) if samples is None else np.unique(np.asarray(samples, np.int64))
    if not len(ids):
        raise ParameterError("There are no images to break", "Give at least one.")
    missing = np.setdiff1d(ids, scan.ids)
    if len(missing):
        raise ParameterError(f"The scan has no sample {int(missing[0])}", "Scan all samples that are asked for.")
    return scan if samples is None else scan.take(scan.rows_of(ids))


def _brackets(scan: Sweep) -> tuple[Degrees, Degrees, Ints]:
    """Return (n, 2) for below and above: distances known to hold before the flip, known to flip, and what it is then.

    Infinite, and -1, where no scanned degree on the side flips.
    """
    n = len(scan)
    held, flipped = np.zeros((n, 2)), np.full((n, 2), np.inf)
    after = np.full((n, 2), -1, np.int32)
    each = np.arange(n)
    for side, sign in enumerate(_SIDES):
        away = (scan.degrees - scan.identity) * sign
        columns = np.flatnonzero(away > 0)
        columns = columns[np.argsort(away[columns])]
        if not len(columns):
            continue
        flips = scan.prediction[:, columns] != scan.clean_prediction[:, None]
        first = flips.argmax(axis=1)
        some = flips[each, first]
        flipped[some, side] = away[columns][first[some]]
        held[some, side] = np.concatenate([[0.0], away[columns]])[first[some]]
        after[some, side] = scan.prediction[each[some], columns[first[some]]]
    return held, flipped, after
