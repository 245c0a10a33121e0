"""What is asked of a prediction difference: checked once, for the function and for the engine alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.prediction_difference.lattice import Lattice
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.samplers import SAMPLERS, ConditionalSampler, MarginalSampler, Sampler
from nnvis_dash.analysis.prediction_difference.tally import Scale
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Images, Ints, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.incremental.inference import Incremental

POOL = 2000  # images of a dataset that are drawn from
_POOL_BYTES = 512 * 2**20
_SMALL = 64  # pixels up to which two groups of windows an axis do, and four beyond
TOP = 3  # classes, or
STRONGEST = 8  # channels that are explained where none was chosen


@dataclass(frozen=True)
class Question:
    """The parameters of a prediction difference, see `prediction_difference`."""

    window: int = 10
    outer: int = 14
    samples: int = 20
    sampler: str = "conditional"
    stride: int = 1
    seed: int = 0
    laplace: int = 100_000
    antithetic: bool = True
    layer: str | None = None
    reduce: str = "mean"
    precision: str = "float32"

    def check(self, card: ModelCard) -> None:
        """Raise ParameterError for what doesn't fit a classifier; says what does."""
        height, width, _ = card.input_shape
        side = min(height, width)
        for name, value, low, high in (
            ("window", self.window, 1, side - 1),
            ("seed", self.seed, 0, 2**63),
            ("stride", self.stride, 1, side),
            ("samples", self.samples, 1, 100_000),
            ("laplace", self.laplace, 1, 10**12),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ParameterError(
                    f"The {name} is {value!r}, for images of {width} × {height} pixels",
                    f"Give a whole number from {low} to {high}.",
                )
        if self.sampler not in SAMPLERS:
            raise ParameterError(f"There is no sampler {self.sampler!r}", f"Use one of: {', '.join(SAMPLERS)}.")
        whole = isinstance(self.outer, int) and not isinstance(self.outer, bool)
        if self.sampler != "marginal" and not (whole and self.window < self.outer <= side):
            raise ParameterError(
                f"The outer window has {self.outer!r} pixels, the window {self.window}, the image {width} × {height}",
                f"Give an outer window from {self.window + 1} to {side} pixels"
                + (", or a smaller window." if self.window + 1 >= side else "."),
            )
        if self.reduce not in ("mean", "max"):
            raise ParameterError(f"A map can't be reduced by {self.reduce!r}", "Use mean or max.")
        if self.layer is not None and card.layer(self.layer) is None:
            missing = NotFound.among("layer", self.layer, [entry.name for entry in card.layers])
            raise ParameterError(missing.what, missing.mend)

    @property
    def per_channel(self) -> bool:
        """Whether patches are fitted one channel at a time."""
        return self.sampler == "conditional per channel"

    @property
    def step(self) -> int:
        """Samples that are drawn together."""
        return 2 if self.antithetic and self.sampler != "marginal" else 1

    @property
    def whole_samples(self) -> int:
        """The samples of a window: whole pairs where they are drawn in pairs."""
        return -(-self.samples // self.step) * self.step

    def lattice(self, card: ModelCard) -> Lattice:
        """Return the windows."""
        return Lattice(card.input_shape[:2], (self.window, self.window), self.stride)

    def scale(self, card: ModelCard) -> Scale:
        """Return how what is read becomes evidence."""
        return Scale(self.layer is None, card.n_classes, self.laplace)

    def plan(self, clf: Classifier) -> Incremental:
        """Return how the classifier computes windows."""
        from nnvis_dash.analysis.incremental.inference import incremental
        from nnvis_dash.analysis.incremental.readouts import Readout

        n_buckets = 2 if max(clf.card.input_shape[:2]) <= _SMALL else 4
        readout = Readout(self.layer, self.reduce)  # type: ignore[arg-type]
        return incremental(clf, (self.window, self.window), readout, n_buckets, precision=self.precision)

    def make_sampler(self, source: PatchModel | Images, image: Images) -> Sampler:
        """Return the sampler: from a patch model, or for the marginal one from images fitted to the classifier."""
        window = (self.window, self.window)
        if isinstance(source, PatchModel):
            return ConditionalSampler(source, image, window, self.seed, self.antithetic)
        return MarginalSampler(source, window, self.samples, self.seed)

    def chosen(self, clf: Classifier, image: Images, wanted: Sequence[int]) -> Ints:
        """Return the classes or channels that are explained.

        Parameters
        ----------
        wanted : sequence of int
            Empty: the most probable classes, or the channels with the greatest activation.

        Raises
        ------
        ParameterError
            A class or channel that isn't there.
        """
        if self.layer is None:
            n, what = clf.card.n_classes, "class"
        else:
            layer = clf.card.layer(self.layer)
            n, what = int((layer.output_shape[-1] if layer and layer.output_shape else None) or 0), "unit"
        for entry in wanted:
            if isinstance(entry, bool) or not isinstance(entry, (int, np.integer)) or not 0 <= entry < n:
                where = f"layer {self.layer!r}" if self.layer else f"classifier with {n} classes"
                raise ParameterError(f"There is no {what} {entry!r} in the {where}", f"Give numbers from 0 to {n - 1}.")
        if len(wanted):
            return np.asarray(wanted, np.int32)
        everything = np.arange(n, dtype=np.int32)
        values = self.plan(clf).begin(image).original(everything)[:n]
        return np.argsort(-values, kind="stable")[: TOP if self.layer is None else STRONGEST].astype(np.int32)


def pool(clf: Classifier | ModelCard, data: Any) -> Images:
    """Return images of a dataset, or of an array, fitted to a classifier: at most `POOL`, drawn at random."""
    from nnvis_dash.analysis.classifier import Classifier

    card = clf.card if isinstance(clf, Classifier) else clf
    height, width, channels = card.input_shape
    limit = max(1, min(POOL, _POOL_BYTES // (height * width * channels)))
    chosen = np.arange(len(data))
    if len(data) > limit:
        chosen = np.sort(np.random.default_rng(0).choice(len(data), limit, replace=False))
    if hasattr(data, "batch"):
        return np.asarray(data.batch(chosen.tolist(), card.input_shape, card.resize))
    if not isinstance(clf, Classifier):
        raise TypeError("an array of images is fitted by a classifier")
    return clf.prepare([data[number] for number in chosen] if isinstance(data, (list, tuple)) else data[chosen])
