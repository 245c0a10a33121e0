"""Spatter: drops of water or mud on the lens."""

from __future__ import annotations

import math

import numpy as np

from nnvis_dash.analysis.batches import Bytes
from nnvis_dash.analysis.corrupting.filters import as_bytes, as_fractions
from nnvis_dash.analysis.corrupting.severity import DrawnSeverity, Published, Row, corruption
from nnvis_dash.analysis.corrupting.weather import RGB_TO_GREY, smoothed
from nnvis_dash.analysis.fields import normal
from nnvis_dash.types import Floats

WATER: Floats = np.array([175 / 255, 238 / 255, 238 / 255], np.float32)
MUD: Floats = np.array([63 / 255, 42 / 255, 20 / 255], np.float32)
DENSE = 0.8  # mud thinner than this leaves nothing


def drops(*published: tuple[float, float, float, float, float, int]) -> tuple[Row, ...]:
    """Return grain, cover, strength of water, softness of mud, share of mud.

    Published are mean, deviation and blur of a normal field, the threshold above which it is liquid, the strength of
    water or the blur of mud, and which of the two it is. The threshold is brought to standard deviations of the
    *blurred* field here, so that the same part of images of any size is covered.
    """
    rows = []
    for mean, deviation, sigma, threshold, strength, muddy in published:
        cover = (threshold - mean) * 2 * math.sqrt(math.pi) * sigma / deviation
        rows.append((sigma, cover, 0.5 if muddy else strength, strength if muddy else 0.6, float(muddy)))
    return tuple(rows)


PUBLISHED = Published(
    drops(
        (0.65, 0.3, 4, 0.69, 0.6, 0),
        (0.65, 0.3, 3, 0.68, 0.6, 0),
        (0.65, 0.3, 2, 0.68, 0.5, 0),
        (0.65, 0.3, 1, 0.65, 1.5, 1),
        (0.67, 0.4, 1, 0.65, 1.5, 1),
    ),
    drops(
        (0.62, 0.1, 0.7, 0.7, 0.5, 0),
        (0.65, 0.1, 0.8, 0.7, 0.5, 0),
        (0.65, 0.3, 1, 0.69, 0.5, 0),
        (0.65, 0.1, 0.7, 0.69, 0.6, 1),
        (0.65, 0.1, 0.5, 0.68, 0.6, 1),
    ),
    harmless=(None, 6.0, None, None, None),  # no field of noise goes beyond 6 deviations
    lengths=(0, 3),
)


@corruption("spatter", "Spatter", DrawnSeverity)
def spatter(images: Bytes, parameters: DrawnSeverity) -> Bytes:
    """Put drops of water on the lens, from severity 4 on mud."""
    height, width = images.shape[1:3]
    grain, cover, strength, softness, muddy = PUBLISHED.at(parameters.degree, height, width)
    field = smoothed(normal((height, width), parameters.seed), grain)
    field /= max(float(field.std()), 1e-6)
    fractions = as_fractions(images)
    found = np.zeros_like(fractions)
    if muddy < 1:
        wet = strength * _gleam(field, cover)[..., None]
        found += (1 - muddy) * np.minimum(fractions + wet * _colour(WATER, images.shape[3]), 1)
    if muddy > 0:
        thick = np.minimum(smoothed((field > cover).astype(np.float32), softness), 1)[..., None]
        dirt = np.where(thick < DENSE, np.float32(0), thick)
        found += muddy * (fractions * (1 - dirt) + dirt * _colour(MUD, images.shape[3]))
    return as_bytes(found)


def _gleam(field: Floats, cover: float) -> Floats:
    """Return how much light the drops of a field throw back, (height, width), 0..1: more on their upper left."""
    depth = np.clip((field - cover) / 0.5, 0, 1)
    slope = sum(np.gradient(depth, axis=axis) if depth.shape[axis] > 1 else np.zeros_like(depth) for axis in (0, 1))
    steepest = max(float(np.abs(slope).max()), 1e-6)
    return np.asarray(depth * (0.6 + 0.4 * slope / steepest), np.float32)


def _colour(colour: Floats, channels: int) -> Floats:
    return colour if channels == 3 else np.array([colour @ RGB_TO_GREY], np.float32)
