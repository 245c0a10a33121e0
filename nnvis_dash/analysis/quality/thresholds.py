"""Which measures decide a badge, and from where on: read from what the calibration wrote beside this file.

`benchmarks/calibrate_trust.py` measures maps that are known to be good and maps that are known to be bad and writes
`thresholds.json`; docs/trust.md says how. Nothing here is chosen by hand but which measures decide, and how they are
asked.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.types import Floats

FILE = Path(__file__).with_name("thresholds.json")
FAILS, DOUBTFUL, PASSES = 0, 1, 2
UNKNOWN = -1  # the measure said nothing

# The measures that decide, with their parameters: cheap enough to be asked for every heatmap that is shown.
DECIDING: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "soundness": {},
        "faithfulness_correlation": {},
        "randomisation": {"absolute": False, "turned": True},
        "random_logit": {"classes": 3},
        "average_sensitivity": {"draws": 2},
    }
)


@dataclass(frozen=True)
class Threshold:
    """Where a measure's values begin to be doubtful and where they pass.

    Attributes
    ----------
    measure : str
    higher : bool
        Whether higher values are better.
    fails, passes : float
        Worse than `fails` fails; `passes` and better passes; what lies between is doubtful.
    fails_interval, passes_interval : (low, high)
        95 % bootstrap intervals of both over the images of the calibration.
    n_good, n_bad : int
        Maps that they were found with.
    """

    measure: str
    higher: bool
    fails: float
    passes: float
    fails_interval: tuple[float, float]
    passes_interval: tuple[float, float]
    n_good: int
    n_bad: int

    def badges(self, values: Floats) -> npt.NDArray[np.int8]:
        """Return the badge of each value, in its shape; `UNKNOWN` for NaN."""
        sign = 1.0 if self.higher else -1.0
        oriented = sign * np.asarray(values, np.float64)
        badges = np.where(
            oriented >= sign * self.passes, PASSES, np.where(oriented < sign * self.fails, FAILS, DOUBTFUL)
        )
        return np.where(np.isnan(oriented), UNKNOWN, badges).astype(np.int8)


# A heatmap says something or it doesn't: nothing to be measured.
SOUND = Threshold("soundness", True, 1.0, 1.0, (1.0, 1.0), (1.0, 1.0), 0, 0)


@functools.cache
def calibration() -> Mapping[str, Any]:
    """Return what the calibration wrote: edition, date, datasets, networks, rule, and each measure's record."""
    record: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return MappingProxyType(record)


@functools.cache
def thresholds() -> Mapping[str, Threshold]:
    """Return the threshold of each measure that decides, in the order of `DECIDING`."""
    measured = calibration()["measures"]
    found = {name: _read(name, measured[name]) for name in DECIDING if name in measured}
    return MappingProxyType({SOUND.measure: SOUND, **found})


def _read(name: str, record: Mapping[str, Any]) -> Threshold:
    return Threshold(
        measure=name,
        higher=bool(record["higher"]),
        fails=float(record["fails"]),
        passes=float(record["passes"]),
        fails_interval=(float(record["fails_interval"][0]), float(record["fails_interval"][1])),
        passes_interval=(float(record["passes_interval"][0]), float(record["passes_interval"][1])),
        n_good=int(record["n_good"]),
        n_bad=int(record["n_bad"]),
    )
