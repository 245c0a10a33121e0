"""A verdict on each heatmap: passes, doubtful or fails, with the reasons in plain words.

A heatmap is as good as the worst that a deciding measure says of it. No measure proves an explanation right: a heatmap
passes when none of them speaks against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nnvis_dash.analysis.quality import Case, Quality, applicable, measure
from nnvis_dash.analysis.quality.thresholds import DECIDING, DOUBTFUL, FAILS, PASSES, UNKNOWN, thresholds
from nnvis_dash.errors import ModelError, ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.workspace.artifacts import Artifact

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
    "displacement": Words(
        "doesn't lead to the pixels that decide: moved elsewhere in the image it does as well",
        "leads to the pixels that decide hardly better than if it lay elsewhere",
        "leads to the pixels that decide: without them the class is lost sooner than without others",
    ),
    "randomisation": Words(
        "barely changes when the weights are randomised: it shows edges, not the model",
        "changes less than it should when the weights are randomised",
        "changes when the weights are randomised",
    ),
    "random_logit": Words(
        "looks the same for another class: it doesn't explain this one",
        "differs less than it should from that of another class",
        "differs from that of another class",
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


def deciding(case: Case) -> dict[str, dict[str, Any]]:
    """Return the measures that decide a case's badges, with the parameters that their thresholds are for."""
    known = applicable(case)
    return {name: dict(given) for name, given in DECIDING.items() if name in known}


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


def verdict(found: Quality) -> tuple[Verdict, ...]:
    """Return a verdict on each heatmap that was measured.

    Parameters
    ----------
    found : Quality
        Of measures that decide, asked as `deciding` says; others are left aside.

    Returns
    -------
    tuple of Verdict
        One an image. "doubtful" where no measure that decides said anything.
    """
    return verdicts(found.values, len(found.targets))


def verdicts(values: Mapping[str, Floats], n: int) -> tuple[Verdict, ...]:
    """Return `verdict` from the values (n,) of each measure."""
    limits = thresholds()
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


def load_verdicts(artifact: Artifact) -> tuple[Verdict, ...]:
    """Read the verdicts that a job `quality` kept, one an image."""
    values = {name: np.asarray(artifact.array(name)) for name in artifact.card["measures"]}
    return verdicts(values, len(artifact.array("badge")))
