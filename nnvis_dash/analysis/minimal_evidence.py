"""Minimal evidence: the smallest part of an image that keeps a decision, and the smallest whose removal breaks it.

Both are searched greedily over superpixels and then thinned out, so that what is found is minimal under inclusion: no
single region of it can be spared. It need not be the smallest of all such sets. Sufficient and necessary evidence are
two different questions, and both answers depend on what is put in place of the rest.

References
----------
Fong and Vedaldi, "Interpretable explanations of black boxes by meaningful perturbation", ICCV 2017, arXiv:1704.03296:
the two games, "preservation" and "deletion". Ribeiro et al., "Anchors", AAAI 2018, for sufficient superpixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution.baselines import baseline
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.perturbation.regions import regions as take_apart
from nnvis_dash.analysis.response import one_image
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

FILLINGS = {"mean": "mean", "blur": "blurred", "black": "black"}  # and the baselines that they are
MOST_REGIONS = 1000

Sets: TypeAlias = npt.NDArray[np.bool_]  # (M, R): which regions belong to each of M sets
# How far each of M sets is from what is searched (above 0 where it is reached), and whether it is reached.
Judge: TypeAlias = Callable[[Sets], tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]


@dataclass(frozen=True, eq=False)
class MinimalEvidence:
    """The parts of one image that carry a decision.

    Attributes
    ----------
    target : int
        The class that is explained.
    prediction : int
        What the classifier says of the whole image.
    probability : float
        Of the target in the whole image.
    filling : str
        What stands where a region is taken away.
    regions : (H, W) int32
        The number of each pixel's region, in the classifier's input size.
    sufficient : (H, W) bool
        Alone, on the filling, these pixels are predicted as the target. No pixel where the filling by itself is
        predicted as that; all False where none was found.
    sufficient_found : bool
        False where neither the whole image nor a part on the way to it is predicted as the target, and as probable as
        it has to be.
    sufficient_probability : float
        Of the target, of `sufficient` on the filling; of the whole image where none was found.
    necessary : (H, W) bool
        Without these pixels the prediction is no longer the target. No pixel where it isn't the target to begin with;
        all False where none was found.
    necessary_found : bool
        False where even the filling alone is predicted as the target.
    necessary_probability : float
        Of the target, without `necessary`; of the filling alone where none was found.
    necessary_class : int
        What is predicted instead; the target where none was found.
    necessary_class_probability : float
        Of that class.
    steps : int
        How often a step's candidates were put to the classifier.
    evaluated : int
        Images that it was asked about.
    """

    target: int
    prediction: int
    probability: float
    filling: str
    regions: Ints
    sufficient: npt.NDArray[np.bool_]
    sufficient_found: bool
    sufficient_probability: float
    necessary: npt.NDArray[np.bool_]
    necessary_found: bool
    necessary_probability: float
    necessary_class: int
    necessary_class_probability: float
    steps: int
    evaluated: int


def minimal_evidence(
    clf: Classifier,
    image: Any,
    target: int | None = None,
    n_regions: int = 50,
    filling: str = "mean",
    kind: str = "superpixels",
    least: float = 0.0,
) -> MinimalEvidence:
    """Search the smallest part of an image that keeps the prediction, and the smallest whose removal breaks it.

    A set grows by the region that brings the target's logit furthest above the others (or below them), all candidates
    of a step in one batch. When the goal is reached, regions are dropped again, the most dispensable first, as long as
    it holds.

    Parameters
    ----------
    clf : Classifier
        Any: only its outputs are needed.
    image : (H, W, C) or (H, W) array of raw pixels, 0..255
        Fitted to the classifier's input.
    target : int, optional
        The class whose evidence is searched; the prediction by default.
    n_regions : int
        About how many, 2 or more. The search takes up to n² images, as a rule far fewer.
    filling : {"mean", "blur", "black"}
        What stands where a region is taken away: the image's mean colour, the image without its details, or black.
    kind : {"superpixels", "grid"}
    least : float
        What the target's probability has to be, besides the greatest, for a part to count as sufficient, 0..1. Of many
        classes the greatest can be small: 0.05 of a thousand.

    Returns
    -------
    MinimalEvidence

    Raises
    ------
    ParameterError
        An image or a parameter that can't be; says what can.
    """
    _check(clf, target, n_regions, filling, least)
    pixels = clf.prepare(one_image(image)[None])[0]
    before = clf.logits(pixels[None])[0]
    wanted = int(before.argmax()) if target is None else int(target)
    search = _Search(clf, pixels, take_apart(pixels, kind, n_regions), _filled(pixels, filling), wanted, least)
    kept, kept_found = _smallest(search.keeps, search.n_regions, 0)
    removed, removed_found = _smallest(search.breaks, search.n_regions, 1)
    nothing, everything = np.zeros_like(kept), np.ones_like(kept)
    ends = search.laid(
        np.stack([everything, kept if kept_found else everything, ~removed if removed_found else nothing])
    )
    whole, alone, without = clf.predict(ends)
    broken = int(clf.logits(ends[2:])[0].argmax())
    return MinimalEvidence(
        target=wanted,
        prediction=int(before.argmax()),
        probability=float(whole[wanted]),
        filling=filling,
        regions=search.numbers,
        sufficient=(kept if kept_found else nothing)[search.numbers],
        sufficient_found=kept_found,
        sufficient_probability=float(alone[wanted]),
        necessary=(removed if removed_found else nothing)[search.numbers],
        necessary_found=removed_found,
        necessary_probability=float(without[wanted]),
        necessary_class=broken,
        necessary_class_probability=float(without[broken]),
        steps=search.steps,
        evaluated=search.evaluated,
    )


class _Search:
    """Asks the classifier about an image of which only some regions are there."""

    def __init__(
        self, clf: Classifier, pixels: Images, numbers: Ints, filled: Images, target: int, least: float
    ) -> None:
        self._clf = clf
        self._pixels = pixels
        self._filled = filled
        self._target = target
        self._least = least
        self.numbers = numbers
        self.n_regions = int(numbers.max()) + 1
        self.steps = 0
        self.evaluated = 0

    def keeps(self, sets: Sets) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Judge sets (M, R) of regions that stay: is the target predicted, as probable as it has to be?"""
        margin, holds, probability = self._asked(sets)
        return margin, holds & (probability >= self._least)

    def breaks(self, sets: Sets) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Judge sets (M, R) of regions that are taken away: is the target no longer predicted?"""
        margin, holds, _ = self._asked(~sets)
        return -margin, ~holds

    def laid(self, kept: Sets) -> Images:
        """Return the images (M, H, W, C) of which the regions `kept` (M, R) are there."""
        return np.where(kept[:, self.numbers][..., None], self._pixels, self._filled)

    def _asked(self, kept: Sets) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], Floats]:
        """Return how far the target's logit is above the greatest other, whether it is the prediction, how probable."""
        self.steps += 1
        self.evaluated += len(kept)
        size = batch_size(self._clf.card)
        parts = [self._clf.logits(self.laid(kept[start : start + size])) for start in range(0, len(kept), size)]
        logits = np.concatenate(parts)
        probabilities: Floats = self._clf.to_probabilities(logits).numpy()
        others = logits.astype(np.float64)
        others[:, self._target] = -np.inf
        holds = logits.argmax(axis=1) == self._target
        return logits[:, self._target] - others.max(axis=1), holds, probabilities[:, self._target]


def _smallest(judge: Judge, n_regions: int, part: int) -> tuple[npt.NDArray[np.bool_], bool]:
    """Return a set (R,) that reaches what is judged and of which no region can be spared, and whether there is one.

    `part` of two searches this is, for the progress.
    """
    chosen = np.zeros(n_regions, bool)
    (_,), (reached,) = judge(chosen[None])
    with progress.part(part, 1, 2):
        while not reached and not chosen.all():
            rest = np.flatnonzero(~chosen)
            grown = np.repeat(chosen[None], len(rest), axis=0)
            grown[np.arange(len(rest)), rest] = True
            gain, met = judge(grown)
            best = int(gain.argmax())
            chosen, reached = grown[best], bool(met[best])
            progress.step(int(chosen.sum()), n_regions)
        while reached and chosen.any():
            members = np.flatnonzero(chosen)
            thinned = np.repeat(chosen[None], len(members), axis=0)
            thinned[np.arange(len(members)), members] = False
            gain, met = judge(thinned)
            if not met.any():
                break
            chosen = thinned[int(np.where(met, gain, -np.inf).argmax())]
        progress.step(n_regions, n_regions)
    return chosen, bool(reached)


def _filled(pixels: Images, filling: str) -> Images:
    """Return what stands where a region is taken away, (H, W, C) of the image's own type."""
    found: Floats = baseline(pixels[None], FILLINGS[filling])[0]
    return np.rint(found).astype(np.uint8) if pixels.dtype == np.uint8 else found


def _check(clf: Classifier, target: int | None, n_regions: int, filling: str, least: float) -> None:
    whole = isinstance(n_regions, (int, np.integer)) and not isinstance(n_regions, bool)
    if not whole or not 2 <= n_regions <= MOST_REGIONS:
        raise ParameterError(f"The number of regions is {n_regions!r}", f"Give a number from 2 to {MOST_REGIONS}.")
    if filling not in FILLINGS:
        raise ParameterError(f"There is no filling {filling!r}", f"Choose one of: {', '.join(FILLINGS)}.")
    if isinstance(least, bool) or not isinstance(least, (int, float, np.number)) or not 0 <= least <= 1:
        raise ParameterError(f"The least probability is {least!r}", "Give a number from 0 to 1.")
    last = clf.card.n_classes - 1
    whole = isinstance(target, (int, np.integer)) and not isinstance(target, bool)
    if target is not None and (not whole or not 0 <= target <= last):
        raise ParameterError(f"There is no class {target!r}", f"Give a class number from 0 to {last}.")
