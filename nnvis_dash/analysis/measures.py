"""What a classifier's answers to a whole dataset come to, a few numbers a sample, kept beside the index.

Every view colours, sorts or counts by them. They are computed once, in blocks, and read memory-mapped: all web workers
share their pages, however many samples there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.uncertainty import confidence, margin, normalised_entropy
from nnvis_dash.state.ids import content_key
from nnvis_dash.workspace.artifacts import Artifact

VERSION = 1  # of what is kept
BLOCK = 2**22  # probabilities that are looked at together


@dataclass(frozen=True)
class Measures:
    """Of N samples, each (N,).

    Attributes
    ----------
    prediction : int32
        The likeliest class.
    confidence : float32
        Its probability.
    entropy : float32
        Shannon's, as a share of its maximum.
    rank : uint32
        0 for the most ambiguous sample, the one with the smallest margin; equal margins by number.
    """

    prediction: npt.NDArray[np.int32]
    confidence: npt.NDArray[np.float32]
    entropy: npt.NDArray[np.float32]
    rank: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, probabilities: npt.ArrayLike) -> Measures:
        """Measure probabilities (N, K), memory-mapped or not."""
        values = np.asarray(probabilities)
        n, width = values.shape
        found = cls(np.empty(n, np.int32), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint32))
        margins = np.empty(n, np.float32)
        step = max(1, BLOCK // max(1, width))
        for start in range(0, n, step):
            part = slice(start, start + step)
            found.prediction[part] = values[part].argmax(axis=1)
            found.confidence[part] = confidence(values[part])
            found.entropy[part] = normalised_entropy(values[part])
            margins[part] = margin(values[part])
        found.rank[np.argsort(margins, kind="stable")] = np.arange(n, dtype=np.uint32)
        return found

    @classmethod
    def load(cls, artifact: Artifact) -> Measures:
        """Read what was kept."""
        return cls(*(artifact.array(name) for name in cls.__dataclass_fields__))

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return what is kept."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def measures_key(index: str) -> str:
    """Return the key under which the measures of an index are kept."""
    return content_key("measures", index, VERSION)
