"""A verdict on each heatmap: passes, doubtful or fails, with the reasons in plain words.

A heatmap is as good as the worst that a deciding measure says of it. No measure proves an explanation right: a heatmap
passes when none of them speaks against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.quality import MEASURES, Case, Quality, applicable, case_of, measure
from nnvis_dash.analysis.quality.thresholds import DECIDING, DOUBTFUL, FAILS, PASSES, UNKNOWN, Threshold, thresholds
from nnvis_dash.errors import ModelError, ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

BADGES = {FAILS: "fails", DOUBTFUL: "doubtful", PASSES: "passes"}


class Words(NamedTuple):
    """What a measure's badges mean, for a person; each goes on after "this heatmap"."""

    fails: str
    doubtful: str
    passes: str


WORDS: Mapping[str, Words] = {
    "soundness": Words(
        "says nothing: its values are missing, or the same nearly everywhere",
        "says hardly anything",
        "has values that differ",
    ),
    "faithfulness_correlation": Words(
        "points at what the answer needs no better than random numbers do",
        "points at what the answer needs hardly better than random numbers do",
        "points at what the answer needs: without the parts where it is high the answer falls most",
    ),
    "randomisation": Words(
        "barely changes when the weights are randomised: it shows edges, not the model",
        "changes less than it should when the weights are randomised",
        "changes when the weights are randomised",
    ),
    "random_logit": Words(
        "looks the same for other classes: it doesn't explain this one",
        "differs less than it should from those of other classes",
        "differs from those of other classes",
    ),
    "average_sensitivity": Words(
        "changes wildly when pixels change so little that the answer stays",
        "changes rather much when pixels change so little that the answer stays",
        "stays as it is when pixels change so little that the answer stays",
    ),
}
NOTHING = Words("", "can't be judged: no measure that decides can say anything of it", "")


@dataclass(frozen=True)
class Reason:
    """What one measure says of one heatmap.

    Attributes
    ----------
    measure : str
        Name in `MEASURES`; "" where none could say anything.
    badge : int
        0 fails, 1 doubtful, 2 passes.
    words : str
        Goes on after "this heatmap": "barely changes when ...".
    value : float
        The measure's own number; NaN where there is none.
    """

    measure: str
    badge: int
    words: str
    value: float


@dataclass(frozen=True)
class Verdict:
    """What all deciding measures say of one heatmap.

    Attributes
    ----------
    badge : int
        0 fails, 1 doubtful, 2 passes: the worst of the reasons'.
    reasons : tuple of Reason
        Worst first.
    """

    badge: int
    reasons: tuple[Reason, ...]

    @property
    def name(self) -> str:
        """ "fails", "doubtful" or "passes"."""
        return BADGES[self.badge]

    def __str__(self) -> str:
        reasons = [reason.words for reason in self.reasons if reason.badge == self.badge]
        return f"{self.name}: {'; '.join(reasons)}"

    def plain(self) -> list[dict[str, Any]]:
        """Return the reasons as JSON can hold them."""
        return [{"measure": one.measure, "badge": one.badge, "words": one.words} for one in self.reasons]


def deciding(case: Case, of_a_class: bool = True) -> dict[str, dict[str, Any]]:
    """Return the measures that decide a case's badges, with the parameters that their thresholds are for.

    Heatmaps that explain a unit rather than a class are only asked what has nothing to do with a class.
    """
    known = [name for name in applicable(case) if of_a_class or not _about_a_class(name)]
    return {name: dict(given) for name, given in DECIDING.items() if name in known}


def _about_a_class(name: str) -> bool:
    return name == "random_logit" or "faithfulness" in MEASURES[name].traits


def measured(case: Case, measures: Mapping[str, Mapping[str, Any]]) -> Quality:
    """Measure a case; a measure that this classifier or method can't be asked says NaN of every image.

    That is so where there are no weights to randomise, no gradient, or no class that is explained.
    """
    values: dict[str, Floats] = {}
    seconds: dict[str, float] = {}
    for name, given in measures.items():
        try:
            found = measure(case, {name: given})
            values[name], seconds[name] = found.values[name], found.seconds[name]
        except (ModelError, ParameterError):
            values[name], seconds[name] = np.full(len(case.targets), np.nan, np.float32), 0.0
    return Quality(values, seconds, case.targets, case.heatmaps)


def verdict(
    clf: Classifier,
    images: Any,
    method: str | npt.ArrayLike,
    target: int | npt.ArrayLike | None = None,
    layer: str | None = None,
    output: str = "logits",
    *,
    seed: int = 0,
    **params: Any,
) -> tuple[Verdict, ...]:
    """Judge an attribution method's heatmaps of some images by the measures that decide.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255
    method : str, or (N, h, w) array
        One of `methods()`; or heatmaps from elsewhere, whose `target` must then be given. These can't be asked what
        they would be for other weights, classes or pixels.
    target, layer, output
        As for `attribute`.
    seed : int
        Of all that measures draw.
    **params
        The method's own parameters.

    Returns
    -------
    tuple of Verdict
        One an image. "doubtful" where no measure that decides can say anything.

    Raises
    ------
    NotFound
        No such method.
    ParameterError
        What doesn't fit together, with what does.
    """
    case = case_of(clf, images, method, target, layer, output, seed=seed, **params)
    return verdicts(measured(case, deciding(case)).values, len(case.targets))


def verdicts(
    values: Mapping[str, Floats], n: int, limits: Mapping[str, Threshold] | None = None
) -> tuple[Verdict, ...]:
    """Return the verdicts on n heatmaps from the values (n,) of each measure that decides.

    `limits` stand in place of the calibrated thresholds.
    """
    limits = thresholds() if limits is None else limits
    badges = {name: limits[name].badges(values[name]) for name in limits if name in values}
    return tuple(
        _combined([(name, int(given[i]), float(values[name][i])) for name, given in badges.items()]) for i in range(n)
    )


def _combined(said: list[tuple[str, int, float]]) -> Verdict:
    reasons = [Reason(name, badge, WORDS[name][badge], value) for name, badge, value in said if badge != UNKNOWN]
    if not reasons:
        return Verdict(DOUBTFUL, (Reason("", DOUBTFUL, NOTHING.doubtful, float("nan")),))
    reasons.sort(key=lambda reason: reason.badge)  # stable: in the order of DECIDING
    return Verdict(reasons[0].badge, tuple(reasons))
