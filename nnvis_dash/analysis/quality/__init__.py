"""How far an attribution deserves belief: measures of heatmaps, one file each, found by the registry.

A measure is one function from a `Case` to one number an image. What all share is done here, once: reading what was
asked, explaining, and keeping each image's number beside what it cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import METHODS, Attribution, attribute, stretch
from nnvis_dash.errors import ParameterError
from nnvis_dash.registry import Registry
from nnvis_dash.types import Floats, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

Explain: TypeAlias = "Callable[[Classifier, Any, Ints], Attribution]"


@dataclass(frozen=True, eq=False)
class Case:
    """What a measure is given: heatmaps, and where they come from.

    Attributes
    ----------
    classifier : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255
        In the classifier's input size.
    heatmaps : (N, H, W) float32
        Of the classifier's input, signed, not normalised.
    targets : (N,) int32
        The class that each heatmap explains.
    attribution : Attribution or None
        What the heatmaps were made from; None for heatmaps from elsewhere.
    explain : callable or None
        Explains other images, or with another classifier, in the same way; None for heatmaps from elsewhere.
    masks : (N, H, W) bool or None
        Where the object is, for measures of localisation.
    seed : int
        Of all that is drawn: the same seed gives the same numbers.
    parameters : dataclass or None
        The method's own, of heatmaps that explain a class; None for heatmaps of a layer, and for those from elsewhere.
    """

    classifier: Classifier
    images: Any
    heatmaps: Floats
    targets: Ints
    attribution: Attribution | None = None
    explain: Explain | None = None
    masks: npt.NDArray[np.bool_] | None = None
    seed: int = 0
    parameters: Any = None


# One number an image, (N,) float32; NaN where the measure says nothing of an image.
# Traits: "higher is better" or "lower is better"; "explains again", "needs masks", "needs weights", "needs the values"
# where it does; and its family: "faithfulness", "stability", "randomisation", "complexity", "localisation" or
# "soundness".
Measure: TypeAlias = Callable[[Case, Any], Floats]
MEASURES: Registry[Measure] = Registry("quality measure", "nnvis_dash.analysis.quality")


@dataclass(frozen=True, eq=False)
class Quality:
    """What measures say of some images' heatmaps.

    Attributes
    ----------
    values : mapping of str to (N,) float32
        By the measure's name; NaN where it says nothing of an image.
    seconds : mapping of str to float
        What each measure took.
    targets : (N,) int32
    heatmaps : (N, H, W) float32
    """

    values: Mapping[str, Floats]
    seconds: Mapping[str, float]
    targets: Ints
    heatmaps: Floats


def applicable(case: Case) -> tuple[str, ...]:
    """Return the measures that can say something of a case, in the order of their names."""
    return tuple(sorted(name for name, entry in MEASURES.items() if not _missing(case, entry.traits)))


def quality(
    clf: Classifier,
    images: Any,
    method: str | npt.ArrayLike,
    target: int | npt.ArrayLike | None = None,
    layer: str | None = None,
    output: str = "logits",
    *,
    measures: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    masks: npt.ArrayLike | None = None,
    seed: int = 0,
    **params: Any,
) -> Quality:
    """Measure how far an attribution method's heatmaps of some images deserve belief.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255
    method : str, or (N, h, w) array
        One of `methods()`; or heatmaps from elsewhere, whose `target` must then be given.
    target, layer, output
        As for `attribute`.
    measures : sequence of str, or mapping of str to parameters, optional
        Some of `MEASURES`; None for all that can say something.
    masks : (N, H, W) bool array, optional
        Where the object is.
    seed : int
    **params
        The method's own parameters.

    Returns
    -------
    Quality

    Raises
    ------
    NotFound
        No such method or measure.
    ParameterError
        What doesn't fit together, with what does.
    """
    case = case_of(clf, images, method, target, layer, output, masks=masks, seed=seed, **params)
    return measure(case, measures)


def case_of(
    clf: Classifier,
    images: Any,
    method: str | npt.ArrayLike,
    target: int | npt.ArrayLike | None = None,
    layer: str | None = None,
    output: str = "logits",
    *,
    masks: npt.ArrayLike | None = None,
    seed: int = 0,
    **params: Any,
) -> Case:
    """Explain images and return them as a `Case`; the parameters and errors of `quality`."""
    images = np.asarray(images)
    size = clf.card.input_shape[:2]
    given = None if masks is None else np.asarray(masks, bool)
    if given is not None and given.shape != (len(images), *size):
        raise ParameterError(f"The masks have the shape {given.shape}", f"Give {(len(images), *size)}.")
    if not isinstance(method, str):
        heatmaps = np.asarray(method, np.float32)
        if heatmaps.ndim != 3 or len(heatmaps) != len(images):
            wanted = f"Give one map for each of the {len(images)} images, (N, h, w)."
            raise ParameterError(f"The heatmaps have the shape {heatmaps.shape}", wanted)
        if target is None:
            raise ParameterError("Heatmaps were given without the class that they explain", "Give `target`.")
        targets = np.broadcast_to(np.asarray(target, np.int32), (len(images),))
        return Case(clf, images, stretch(heatmaps, size), targets, masks=given, seed=seed)

    def explain(classifier: Classifier, images: Any, targets: Ints) -> Attribution:
        return attribute(classifier, images, method, targets, layer, output=output, **params)

    found = attribute(clf, images, method, target, layer, output=output, **params)
    of_a_class = layer is None or "through a layer" in METHODS[method].traits
    own = METHODS[method].read(params) if of_a_class else None
    return Case(clf, images, found.heatmap(), found.target, found, explain, given, seed, own)


def measure(case: Case, measures: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None) -> Quality:
    """Measure a case; the errors of `quality`."""
    wanted: Mapping[str, Mapping[str, Any]]
    if isinstance(measures, Mapping):
        wanted = measures
    else:
        wanted = {name: {} for name in (applicable(case) if measures is None else measures)}
    values, seconds = {}, {}
    for position, (name, given) in enumerate(wanted.items()):
        entry = MEASURES[name]
        parameters = entry.read(given)
        if missing := _missing(case, entry.traits):
            raise ParameterError(f"{entry.title} can't be measured", missing)
        began = time.perf_counter()
        with progress.part(position, 1, len(wanted)):
            values[name] = np.asarray(entry.function(case, parameters), np.float32)
            progress.step(1, 1)
        seconds[name] = time.perf_counter() - began
    return Quality(values, seconds, case.targets, case.heatmaps)


def _missing(case: Case, traits: frozenset[str]) -> str:
    """Return what a measure with such traits misses in a case, as the mend of an error; "" for nothing."""
    if "explains again" in traits and case.explain is None:
        return "It explains again: give the name of a method in place of heatmaps."
    if "needs the values" in traits and case.attribution is None:
        return "It needs the values of each channel: give the name of a method in place of heatmaps."
    if "needs weights" in traits and not case.classifier.card.layers:
        return "The classifier is a TensorFlow graph, whose weights can't be changed: add the Keras model itself."
    if "needs masks" in traits and case.masks is None:
        return "Give masks of where the object is."
    return ""
