"""What could stand in a window: pixels drawn from other images, or given what lies around it.

Draws are pure functions of the seed and the window, so that a map is the same however its windows are put together,
and a window that is sampled further keeps what it has.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel, grouped, ungrouped
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Images

SAMPLERS = ("conditional", "conditional per channel", "marginal")

Numbers = npt.NDArray[np.int64]


class Sampler(Protocol):
    """Draws what could stand in windows of one image."""

    step: int  # samples that belong together: 2 where they are mirror images of one another

    def draw(self, rows: Numbers, columns: Numbers, start: int, stop: int) -> Floats:
        """Return samples start..stop-1 of the windows at these corners: (n, stop − start, k, k, C) raw pixels."""
        ...


def check_enough(images: Images, samples: int) -> None:
    """Raise ParameterError where there are fewer images than samples that are to be drawn from them."""
    if len(images) < max(2, samples):
        raise ParameterError(
            f"There are {len(images)} images to draw {samples} samples from",
            f"Give {max(2, samples)} images or more, or fewer samples.",
        )


class MarginalSampler:
    """The same place in other images, each drawn at random for every window and sample.

    Parameters
    ----------
    images : (N, h, w, C) array of raw pixels
    window : (height, width)
    samples : int
        How many will be drawn, so that there are images enough.
    seed : int

    Raises
    ------
    ParameterError
        Fewer images than samples.
    """

    step = 1

    def __init__(self, images: Images, window: tuple[int, int], samples: int, seed: int = 0) -> None:
        check_enough(images, samples)
        self._images, self._window, self._seed = images, window, seed

    def draw(self, rows: Numbers, columns: Numbers, start: int, stop: int) -> Floats:
        """Return (n, stop − start, k, k, C) float32."""
        streams = zip(rows, columns, strict=True)
        which = np.stack(
            [_stream(self._seed, row, column).integers(0, len(self._images), stop)[start:] for row, column in streams]
        )
        height, width = self._window
        top = rows[:, None, None, None] + np.arange(height)[:, None]
        left = columns[:, None, None, None] + np.arange(width)
        return np.asarray(self._images[which[:, :, None, None], top, left], np.float32)


class ConditionalSampler:
    """Normal patches given what lies around the window, in the l × l patch that holds it in its middle.

    At the borders the patch is shifted inside. Values are clipped to the dataset's range.

    Parameters
    ----------
    model : PatchModel
    image : (h, w, C) array of raw pixels
    window : (height, width)
        Smaller than the model's patch.
    seed : int
    antithetic : bool
        Draw pairs mean ± deviation, whose errors cancel as far as the classifier is linear (unbiased either way).

    Raises
    ------
    ParameterError
        A window that isn't smaller than the patch.
    """

    def __init__(
        self, model: PatchModel, image: Images, window: tuple[int, int], seed: int = 0, antithetic: bool = True
    ) -> None:
        if max(window) >= model.outer:
            raise ParameterError(
                f"The window has {max(window)} pixels and the patch around it {model.outer}",
                "Make the outer window larger than the window.",
            )
        self._model, self._window, self._seed = model, window, seed
        self._image = np.asarray(image, np.float32)
        self.step = 2 if antithetic else 1

    def draw(self, rows: Numbers, columns: Numbers, start: int, stop: int) -> Floats:
        """Return (n, stop − start, k, k, C) float32; start and stop are multiples of `step`."""
        model, (height, width), side = self._model, self._window, self._model.outer
        channels = model.mean.shape[2]
        groups = len(model.cholesky)
        pixels = height * width
        first, last = start // self.step, stop // self.step
        tops, lefts = (
            np.clip(at - (side - extent) // 2, 0, size - side)
            for at, extent, size in zip((rows, columns), self._window, self._image.shape[:2], strict=True)
        )
        drawn = np.empty((len(rows), stop - start, height, width, channels), np.float32)
        cases = (rows - tops) * side + (columns - lefts)
        for case in np.unique(cases):
            (some,) = np.nonzero(cases == case)
            inner = divmod(int(case), side)
            hidden = np.zeros((side, side), bool)
            hidden[inner[0] : inner[0] + height, inner[1] : inner[1] + width] = True
            known = model.given(hidden)
            offset = np.arange(side)
            patches = self._image[
                (tops[some][:, None] + offset)[:, :, None], (lefts[some][:, None] + offset)[:, None, :]
            ]
            away = grouped(patches - model.mean, model.per_channel)[:, :, known.others]
            mean = (
                away @ known.weights.transpose(0, 2, 1)
                + grouped(model.mean[None], model.per_channel)[:, :, known.hidden]
            )
            shape = (last, groups, len(known.hidden))
            noise = np.stack(
                [
                    _stream(self._seed, row, column).standard_normal(shape, np.float32)[first:]
                    for row, column in zip(rows[some], columns[some], strict=True)
                ]
            )
            flat = noise.transpose(2, 0, 1, 3).reshape(groups, -1, shape[2])
            # In double precision: in single, the last bit depends on how many samples are drawn at once.
            product = flat.astype(np.float64) @ known.spread.transpose(0, 2, 1).astype(np.float64)
            moved = product.astype(np.float32).reshape(groups, len(some), -1, shape[2])
            values = mean[:, :, None] + moved
            if self.step == 2:  # mean + deviation, mean − deviation, one behind the other
                values = np.stack([values, mean[:, :, None] - moved], axis=3).reshape(
                    groups, len(some), stop - start, -1
                )
            made = ungrouped(values, pixels, channels)
            drawn[some] = made.reshape(len(some), stop - start, height, width, channels)
        return np.clip(drawn, model.low, model.high, out=drawn)


def _stream(seed: int, row: int, column: int) -> np.random.Generator:
    """Return the random numbers of one window, apart from those of every other."""
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, 0], counter=[0, 0, int(row), int(column)]))
