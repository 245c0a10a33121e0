"""From where on a measure's values speak against a heatmap: found from maps that are known to be good, and to be bad.

The rule, for a measure whose higher values are better (turned around where lower ones are). Let B be the value that at
most 5 % of the bad maps reach, and G the value that all but `alpha` of the good maps reach. A heatmap *passes* from
max(B, G) on: at most 5 % of the bad ones do. It *fails* below min(B, G): at most `alpha` of the good ones do. What lies
between is *doubtful*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.quality.thresholds import Threshold

BAD_THAT_PASS = 0.05
GOOD_THAT_FAIL = 0.05  # over all deciding measures together
RESAMPLES = 1000
Doubles = npt.NDArray[np.float64]


class Known(NamedTuple):
    """A measure's values of known maps.

    `values` is (n,) float, NaN where the measure says nothing; `image` (n,) int numbers the image that each is of, for
    maps of one image are no independent witnesses.
    """

    values: Doubles
    image: npt.NDArray[np.int64]


def calibrated(
    measure: str, higher: bool, good: Known, bad: Known, alpha: float = GOOD_THAT_FAIL, seed: int = 0
) -> Threshold:
    """Return a measure's threshold with 95 % intervals, drawn anew over images.

    Parameters
    ----------
    measure : str
    higher : bool
        Whether higher values are better.
    good, bad : Known
    alpha : float
        Share of the good maps that may fail.
    seed : int
        Of the bootstrap.

    Raises
    ------
    ValueError
        No value of good or of bad maps.
    """
    sign = 1.0 if higher else -1.0
    pools = [_oriented(known, sign) for known in (good, bad)]
    if not all(len(values) for values, _ in pools):
        raise ValueError(f"{measure} says nothing of the good or of the bad maps")
    bounds = _bounds(pools[0][0], pools[1][0], alpha)
    images = np.unique(np.concatenate([image for _, image in pools]))
    members = [[np.flatnonzero(image == one) for one in images] for _, image in pools]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        chosen = rng.integers(0, len(images), len(images))
        some = [
            values[np.concatenate([rows[one] for one in chosen])]
            for (values, _), rows in zip(pools, members, strict=True)
        ]
        if all(map(len, some)):
            drawn.append(_bounds(some[0], some[1], alpha))
    edges = sign * np.quantile(np.array(drawn), (0.025, 0.975), axis=0)
    (fails_low, passes_low), (fails_high, passes_high) = np.sort(edges, axis=0).tolist()
    return Threshold(
        measure=measure,
        higher=higher,
        fails=sign * bounds[0],
        passes=sign * bounds[1],
        fails_interval=(fails_low, fails_high),
        passes_interval=(passes_low, passes_high),
        n_good=len(pools[0][0]),
        n_bad=len(pools[1][0]),
    )


def _oriented(known: Known, sign: float) -> tuple[Doubles, npt.NDArray[np.int64]]:
    said = ~np.isnan(known.values)
    return sign * known.values[said], known.image[said]


def _bounds(good: Doubles, bad: Doubles, alpha: float) -> tuple[float, float]:
    """Return where oriented values begin to be doubtful and where they pass."""
    reached_by_bad = float(np.quantile(bad, 1 - BAD_THAT_PASS, method="higher"))
    reached_by_good = float(np.quantile(good, alpha, method="lower"))
    return min(reached_by_bad, reached_by_good), max(reached_by_bad, reached_by_good)


def share_of_each(n_measures: int) -> float:
    """Return the share of good maps that may fail in each of some measures, so that all together fail no more."""
    return GOOD_THAT_FAIL / n_measures


def record(threshold: Threshold) -> dict[str, object]:
    """Return a threshold as `thresholds.json` holds it."""
    return {
        "higher": threshold.higher,
        "fails": _rounded(threshold.fails),
        "passes": _rounded(threshold.passes),
        "fails_interval": [_rounded(one) for one in threshold.fails_interval],
        "passes_interval": [_rounded(one) for one in threshold.passes_interval],
        "n_good": threshold.n_good,
        "n_bad": threshold.n_bad,
    }


def _rounded(value: float) -> float:
    return round(value, 4)


def rates(badges: Sequence[int]) -> dict[str, float]:
    """Return the shares of maps that fail, are doubtful and pass."""
    given = np.asarray(badges)
    return {name: float((given == badge).mean()) for badge, name in enumerate(("fails", "doubtful", "passes"))}
