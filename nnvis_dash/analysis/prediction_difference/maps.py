"""The whole of a prediction difference: from an image to a map of evidence."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.question import Question, pool
from nnvis_dash.analysis.prediction_difference.samplers import Sampler
from nnvis_dash.analysis.prediction_difference.schedule import Aim, Task, next_tasks, pieces
from nnvis_dash.analysis.prediction_difference.tally import Sums, Tally, summed
from nnvis_dash.analysis.response import one_image
from nnvis_dash.errors import ModelError, ParameterError
from nnvis_dash.types import Floats, Images, Ints, Unit

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.incremental.inference import Run

PIECE = 512  # samples of the first batch that is drawn at once
_PACE = 0.4  # seconds that one is meant to take
_LARGEST = 2**15


@dataclass(frozen=True, eq=False)
class PredictionDifference:
    """Evidence of each pixel: positive where it speaks for what is explained.

    Attributes
    ----------
    maps : (R, height, width) float32
        Of T classes first T weights of evidence in bits (on probabilities), then T differences of logits; of a layer's
        U channels the differences of their activation.
    errors : (R, height, width) float32
        Standard errors of `maps` that come from sampling.
    original : (R,) float32
        Probabilities and logits, or activations, of the unchanged image.
    chosen : (T,) or (U,) int32
        The classes or channels.
    rows, columns : (n,), (m,) int64
        The windows' upper left corners.
    window_values, window_errors, without : (n, m, R) float32
        Evidence of each window, its standard error, and the mean value without the window. NaN where a time limit came
        first.
    counts : (n, m) int64
        Samples of each window.
    forwards : int
        Images that were computed.
    equivalents : float
        Forward passes of whole images that they cost.
    question : Question
    """

    maps: Floats
    errors: Floats
    original: Floats
    chosen: Ints
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    window_values: Floats
    window_errors: Floats
    without: Floats
    counts: npt.NDArray[np.int64]
    forwards: int
    equivalents: float
    question: Question
    first: int = 0  # the readout that `values` shows

    @property
    def values(self) -> Floats:
        """(height, width): the map of the first class (its probability, or its logit if that was asked for) or unit."""
        return self.maps[self.first]

    def heatmap(self) -> Floats:
        """Return (1, height, width): `values` as an attribution has them."""
        return self.values[None]

    def card(self) -> dict[str, Any]:
        """Return all parameters and what was computed as plain values."""
        return {
            **asdict(self.question),
            "chosen": self.chosen.tolist(),
            "original": self.original.tolist(),
            "forwards": self.forwards,
            "equivalents": self.equivalents,
        }


def prediction_difference(
    clf: Classifier,
    image: Any,
    target: int | Sequence[int] | None = None,
    window: int = 10,
    outer: int = 14,
    samples: int = 20,
    sampler: str = "conditional",
    patches: Any = None,
    stride: int = 1,
    layer: str | None = None,
    unit: Unit | int | Sequence[int] | None = None,
    seed: int = 0,
    *,
    output: str = "probabilities",
    reduce: str = "mean",
    laplace: int = 100_000,
    antithetic: bool = True,
    adaptive: bool = False,
    coarse: bool = False,
    precision: float = 0.0,
    seconds: float = 0.0,
) -> PredictionDifference:
    """Find which pixels a prediction, or a hidden layer's activation, rests on.

    Every window of the image is replaced by samples of what could stand there; the mean prediction without it is
    compared with the prediction.

    Parameters
    ----------
    clf : Classifier
    image : (H, W, C) array of raw pixels, 0..255
    target : int or sequence of int, optional
        Classes; None is the predicted one.
    window : int
        k, the side of the windows in pixels. 1 is the univariate analysis.
    outer : int
        l > k, the side of the patch that a window is sampled from (not for the marginal sampler).
    samples : int
        S, for each window (at most, with `precision` or `seconds`).
    sampler : {"conditional", "conditional per channel", "marginal"}
        Normal patches given what is around the window, over all channels or one by one as the published code does it;
        or the same place in other images.
    patches : Dataset, array of raw images, or PatchModel
        Where samples come from.
    stride : int
        Pixels from window to window.
    layer : str, optional
        Explain channels of this layer instead of classes.
    unit : Unit, int or sequence of int, optional
        Which channels; None: those eight with the greatest activation. A `Unit` says the layer as well.
    seed : int
    output : {"probabilities", "logits"}
        Which map of a class `values` shows: weight of evidence in bits, or difference of logits. `maps` has both.
    reduce : {"mean", "max"}
        A channel's value: over all its positions.
    laplace : int
        N of the Laplace correction p ← (p N + 1) / (N + K), 100,000 in the published code.
    antithetic : bool
        Draw samples in pairs mean ± deviation: fewer are needed. False is the method as published.
    adaptive : bool
        Give each window the samples that it needs for the map to be as precise as with `samples` independent ones.
    coarse : bool
        Begin with a coarse map and refine it where the evidence is; for use with `seconds`.
    precision : float
        Standard error (bits, or the layer's unit) below which a window isn't sampled further; 0: all have `samples`.
    seconds : float
        Stop after so long; 0: when all is done.

    Returns
    -------
    PredictionDifference

    Raises
    ------
    ParameterError
        What doesn't fit; too few images for the sampler; says what does.
    ModelError
        The classifier gives NaN or infinity for a sample.

    References
    ----------
    Zintgraf, Cohen, Adel and Welling, ICLR 2017, arXiv:1702.04595. Antithetic samples: Hammersley and Morton, 1956.
    """
    if isinstance(unit, Unit):
        layer, unit = unit.layer, unit.channel
    if output not in ("probabilities", "logits"):
        raise ParameterError(f"There is no output {output!r} to explain", "Use logits or probabilities.")
    if layer is None and unit is not None:
        raise ParameterError(f"The unit {unit} is of no layer", "Give its layer as well.")
    for name, value in (("precision", precision), ("seconds", seconds)):
        if not 0 <= value < np.inf:
            raise ParameterError(f"The {name} is {value!r}", "Give a number, 0 or more; 0 is no limit.")
    question = Question(window, outer, samples, sampler, stride, seed, laplace, antithetic, layer, reduce)
    question.check(clf.card)
    prepared = clf.prepare(one_image(image)[None])[0]
    wanted = unit if layer is not None else target
    listed = [] if wanted is None else np.atleast_1d(np.asarray(wanted)).tolist()
    chosen = question.chosen(clf, prepared, listed)
    if layer is None and target is None:
        chosen = chosen[:1]
    source = source_of(clf, question, patches)
    found = computed(clf, prepared, question, chosen, source, adaptive, coarse, precision, seconds)
    return replace(found, first=len(chosen) if output == "logits" and layer is None else 0)


def computed(
    clf: Classifier,
    image: Images,
    question: Question,
    chosen: Ints,
    source: PatchModel | Images,
    adaptive: bool = False,
    coarse: bool = False,
    precision: float = 0.0,
    seconds: float = 0.0,
) -> PredictionDifference:
    """Answer a checked question on a prepared image (h, w, C); the rest as `prediction_difference` has it."""
    run = question.plan(clf).begin(image)
    tally = begun(clf, question, run, chosen)
    draw = question.make_sampler(source, image)
    aim = Aim(question.whole_samples, question.step, coarse, adaptive, precision)
    forwards, equivalents = _sampled_until(run, draw, tally, aim, chosen, seconds)
    return finished(tally, question, chosen, forwards, equivalents)


def _sampled_until(run: Run, draw: Sampler, tally: Tally, aim: Aim, chosen: Ints, seconds: float) -> tuple[int, float]:
    """Sample until the aim or the time is reached; return the images computed, and the forward passes they cost."""
    forwards, equivalents, size = 0, 0.0, PIECE
    end = time.monotonic() + seconds if seconds else np.inf
    total = tally.counts.size * aim.samples
    while tasks := next_tasks(tally, aim):
        for piece in (piece for task in tasks for piece in pieces(task, size)):
            began = time.monotonic()
            tally.add_sums(piece.places, sampled(run, draw, tally, piece, chosen))
            taken = time.monotonic() - began
            size = int(np.clip(size * _PACE / max(taken, 1e-3), max(size // 4, 16), min(size * 4, _LARGEST)))
            forwards += piece.n_samples
            equivalents += piece.n_samples * run.plan.cost(*tally.lattice.corners(piece.places))
            progress.step(min(forwards, total), total)
            if time.monotonic() > end:
                return forwards, equivalents
    return forwards, equivalents


def begun(clf: Classifier, question: Question, run: Run, chosen: Ints) -> Tally:
    """Return the empty tally of an image; ModelError where the classifier gives NaN for it."""
    original = run.original(chosen)
    if not np.isfinite(original).all():
        clf.check_finite(original[None], run.image[None])
    return Tally(question.lattice(clf.card), original, question.scale(clf.card))


def sampled(run: Run, draw: Sampler, tally: Tally, task: Task, chosen: Ints) -> Sums:
    """Return the sums of a task's windows.

    Raises
    ------
    ModelError
        NaN or infinity came out.
    """
    rows, columns = tally.lattice.corners(task.places)
    windows = draw.draw(rows, columns, task.start, task.stop)
    read = run(rows, columns, windows, chosen)
    bad = ~np.isfinite(read).all(axis=(1, 2))
    if bad.any():
        at = int(np.argmax(bad))
        raise ModelError(
            f"The classifier {run.plan.clf.card.name!r} gives NaN or infinity without the window at row {rows[at]}, "
            f"column {columns[at]}",
            "Check its weights and its preprocessing; a smaller window changes the image less.",
        )
    return summed(read, draw.step)


def finished(tally: Tally, question: Question, chosen: Ints, forwards: int, equivalents: float) -> PredictionDifference:
    """Return what a tally says by now."""
    lattice = tally.lattice
    evidence, variances = tally.evidence(), tally.variances()
    filled = lattice.filled(evidence)
    unsure = lattice.filled(variances)
    unknown = ~tally.known[..., None]
    if unknown.any():
        unsure = unsure + np.where(unknown, lattice.roughness(evidence) ** 2, 0.0)
    return PredictionDifference(
        maps=lattice.pixels(filled).astype(np.float32),
        errors=lattice.pixel_errors(unsure).astype(np.float32),
        original=tally.scale.shown(tally.original).astype(np.float32),
        chosen=chosen,
        rows=lattice.rows,
        columns=lattice.columns,
        window_values=evidence.astype(np.float32),
        window_errors=np.sqrt(variances).astype(np.float32),
        without=tally.scale.shown(tally.without()).astype(np.float32),
        counts=tally.counts.copy(),
        forwards=forwards,
        equivalents=equivalents,
        question=question,
    )


def source_of(clf: Classifier, question: Question, patches: Any) -> PatchModel | Images:
    """Return what the sampler draws from."""
    if patches is None:
        raise ParameterError(
            "There are no images to sample from", "Give them: patches=dataset, an array of raw images or a PatchModel."
        )
    if isinstance(patches, PatchModel):
        if question.sampler == "marginal":
            raise ParameterError("The marginal sampler draws from images", "Give a dataset or an array of raw images.")
        fits = patches.outer == question.outer and patches.mean.shape[2] == clf.card.input_shape[2]
        if not fits or patches.per_channel != (question.per_channel and clf.card.input_shape[2] > 1):
            raise ParameterError(
                f"The patch model is of {patches.outer} × {patches.outer} pixels, "
                + ("one channel at a time" if patches.per_channel else f"over {patches.mean.shape[2]} channels"),
                "Fit it anew with PatchModel.fit, for this outer window and sampler.",
            )
        return patches
    images = pool(clf, patches)
    if question.sampler == "marginal":
        return images
    return PatchModel.fit(images, question.outer, question.per_channel)
