"""What the doctor tries: every usual way in which pixels are scaled, and both ways in which an image is fitted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nnvis_dash.types import PREPROCESSINGS, ModelCard, Preprocessing, Resize
from nnvis_dash.workspace.datasets import Dataset, FileImages

_SAME_ASPECT = 0.02  # two aspect ratios that differ less are one


@dataclass(frozen=True)
class Candidate:
    """One way in which images may have become the model's input."""

    preprocessing: Preprocessing
    resize: Resize


def preprocessings(channels: int) -> tuple[Preprocessing, ...]:
    """Return the usual preprocessings for images of 1 or 3 channels, the commonest first."""
    names = ("unit", "symmetric", "raw", "imagenet", "caffe") if channels == 3 else ("unit", "symmetric", "raw")
    known = [PREPROCESSINGS[name] for name in names]
    if channels == 3:
        known += [swapped(PREPROCESSINGS[name]) for name in ("unit", "symmetric", "raw")]
    return tuple(known)


def swapped(record: Preprocessing) -> Preprocessing:
    """Return the preprocessing with the channels in the order blue, green, red."""
    return replace(record, name=f"{record.name}_bgr", bgr=True)


def candidates(card: ModelCard, data: Dataset) -> tuple[Candidate, ...]:
    """Return what is to be tried on a dataset: the card's own first, then the commonest first."""
    own = card.preprocessing
    records = [own, *(record for record in preprocessings(card.input_shape[2]) if not _same(record, own))]
    resizes: list[Resize] = [card.resize]
    if _needs_fitting(data, card.input_shape):
        resizes.append("crop" if card.resize == "squash" else "squash")
    return tuple(Candidate(record, resize) for resize in resizes for record in records)


def _same(one: Preprocessing, other: Preprocessing) -> bool:
    """Whether two preprocessings compute the same, whatever they are called."""
    return replace(one, name="") == replace(other, name="")


def _needs_fitting(data: Dataset, input_shape: tuple[int, int, int]) -> bool:
    """Whether squashing and cropping give different images for some image of the dataset."""
    aspect = input_shape[0] / input_shape[1]
    return bool((np.abs(np.array(_aspects(data)) / aspect - 1) > _SAME_ASPECT).any())


def _aspects(data: Dataset) -> Iterable[float] | npt.NDArray[np.float64]:
    if data.card.image_shape is not None:
        return [data.card.image_shape[0] / data.card.image_shape[1]]
    if isinstance(data.images, FileImages):
        return data.images.shapes[:, 0] / data.images.shapes[:, 1].astype(np.float64)
    return []
