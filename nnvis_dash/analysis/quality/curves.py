"""How a class's probability goes as an image's pixels are replaced, or put back, in the order of a heatmap.

Source: Petsiuk et al., "RISE: randomized input sampling for explanation", BMVC 2018, arXiv:1806.07421, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.attribution import Question
from nnvis_dash.analysis.attribution.baselines import baseline
from nnvis_dash.analysis.perturbation.masked import Masks, masked_scores
from nnvis_dash.analysis.quality import Case
from nnvis_dash.analysis.quality.maps import batches
from nnvis_dash.types import Floats


@dataclass(frozen=True, eq=False)
class Curves:
    """Of N images, at S + 1 points.

    Attributes
    ----------
    shares : (S + 1,) float32, 0..1
        Of the pixels that are replaced (put back, for an insertion): none first, all last.
    probabilities : (N, S + 1) float32, 0..1
        Of the class that the heatmap explains; NaN where the heatmap is the same everywhere or isn't finite.
    """

    shares: Floats
    probabilities: Floats

    def area(self) -> Floats:
        """Return the area under each curve, (N,) float32, 0..1, by the trapezoid rule."""
        return np.asarray(np.trapezoid(self.probabilities, self.shares, axis=1), np.float32)


def curves(case: Case, steps: int, filling: str, insert: bool = False) -> Curves:
    """Follow the probability while pixels go, the highest of the heatmap first.

    Parameters
    ----------
    case : Case
    steps : int
        Equal steps from no pixel to all; an image of fewer pixels has one step for each.
    filling : str
        One of `baselines.BASELINES`: what stands where a pixel isn't.
    insert : bool
        Put pixels into the filling, in place of taking them out of the image.

    Returns
    -------
    Curves
    """
    height, width, _ = case.classifier.card.input_shape
    counts = np.unique(np.round(np.linspace(0, height * width, steps + 1)).astype(np.int32))
    found = np.full((len(case.images), len(counts)), np.nan, np.float32)
    question = Question(None, None, "probabilities")
    visible = np.less if insert else np.greater_equal
    for some in batches(case):
        places = ranks(some.heatmaps, case.seed)[:, None]

        def masks(start: int, stop: int, places: npt.NDArray[np.int32] = places) -> Masks:
            return visible(places, counts[start:stop, None, None])

        found[some.rows] = masked_scores(
            case.classifier,
            some.images,
            some.targets,
            question,
            baseline(some.images, filling),
            len(counts),
            masks,
        )
    return Curves((counts / counts[-1]).astype(np.float32), found)


def ranks(heatmaps: Floats, seed: int) -> npt.NDArray[np.int32]:
    """Return each pixel's place (N, H, W) in the falling order of its heatmap, 0 for the highest.

    Equal values come in an order that is drawn by the seed, the same for all images: in that of rows and columns a
    heatmap with large areas of the same value would gain or lose by where the object happens to be.
    """
    flat = heatmaps.reshape(len(heatmaps), -1)
    drawn = np.random.default_rng([seed, flat.shape[1]]).permutation(flat.shape[1])
    order = drawn[np.argsort(-flat[:, drawn], axis=1, kind="stable")]
    places = np.empty(flat.shape, np.int32)
    np.put_along_axis(places, order, np.arange(flat.shape[1], dtype=np.int32)[None], axis=1)
    return places.reshape(heatmaps.shape)
