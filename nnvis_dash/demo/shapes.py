"""Shapes on textured backgrounds, drawn by this project, with three planted flaws whose ground truth is known.

The flaws are what a tester should find with the tool, and what tests use as truth (docs/demo.md shows how and how
many). `FLAWS` names them, the extra ``"flaw"`` marks every sample that gives one away:

- a *pentagon* nearly always lies on grass, so a model learns the grass: the few pentagons elsewhere are missed, and
  other shapes on grass are called pentagons;
- an *arrow* always points up (a triangle points anywhere), so a model doesn't know an arrow that is turned;
- a handful of stars is labelled *heart*.

Invariant: the same seed gives the same bytes. Only `Generator.random` is drawn from, one row of numbers a sample, and
all arithmetic is float64 without matrix products, so that neither library versions nor processors change a pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.demo.backgrounds import GRASS, N_NUMBERS, draw_backgrounds, hsv_to_rgb, luminance
from nnvis_dash.demo.contents import HELD_OUT, TRAIN, DemoDataset

Doubles = npt.NDArray[np.float64]
Inside = npt.NDArray[np.bool_]

SIZE = 32  # pixels
SUPERSAMPLING = 4  # along each axis; a pixel's coverage is the share of its 16 points that lie inside
SEED = 20
N_PER_CLASS = 500
N_HELD_OUT_PER_CLASS = 100

CLASS_NAMES = ("circle", "square", "triangle", "star", "cross", "ring", "arrow", "crescent", "heart", "pentagon")
GREEN_CLASS = CLASS_NAMES.index("pentagon")
UPRIGHT_CLASS = CLASS_NAMES.index("arrow")
FREE_CLASS = CLASS_NAMES.index("triangle")  # the class in all orientations that the arrow is held against
MISLABELLED_CLASS, WRONG_LABEL = CLASS_NAMES.index("star"), CLASS_NAMES.index("heart")

FLAWS = ("none", "pentagon off grass", "other shape on grass", "turned arrow", "star labelled heart")
OFF_GREEN, ON_GREEN, TURNED, MISLABELLED = 1, 2, 3, 4  # codes of the extra "flaw"

# How many samples give a flaw away: in the training split and in the held-out split.
N_OFF_GREEN = (10, 15)  # of the 500 pentagons, so 95 % lie on grass
N_ON_GREEN_PER_CLASS = (0, 5)  # of each other class
N_TURNED = (0, 20)
N_MISLABELLED = (8, 4)

UPRIGHT_TOLERANCE = 8.0  # degrees to either side
TURNED_FROM = 60.0  # degrees to either side

_ROW = N_NUMBERS + 10  # random numbers a sample: its background's, then its object's


@dataclass(frozen=True)
class _Plan:
    """What each sample is to be, before anything is drawn; every array has N entries."""

    true_labels: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    split: npt.NDArray[np.uint8]
    flaw: npt.NDArray[np.uint8]
    green: Inside
    rotation: Doubles  # degrees counter-clockwise, -180..180


def draw_shapes(seed: int = SEED, n_per_class: int = N_PER_CLASS) -> DemoDataset:
    """Draw the dataset.

    Parameters
    ----------
    seed : int
    n_per_class : int
        Samples of each true class, at least 200; a fifth is held out.

    Returns
    -------
    DemoDataset
        images (N, 32, 32, 3) uint8 in random order and the labels that a user sees. Extras: "masks" (N, 32, 32) bool,
        pixels at least half covered by the object; "flaw" (N,) uint8, an index into `FLAWS`; "true_label" (N,) int32;
        "green_background" (N,) bool; "rotation_degrees" (N,) float32, counter-clockwise, -180..180, 0 as named;
        "split" (N,) uint8.
    """
    if n_per_class < 200:
        raise ValueError(f"n_per_class is {n_per_class}, too few for the planted flaws; use 200 or more")
    generator = np.random.Generator(np.random.PCG64(seed))
    n = n_per_class * len(CLASS_NAMES)
    plan = _plan(n_per_class, generator.random(n), generator.random(n))
    numbers = generator.random((n, _ROW))
    images = np.empty((n, SIZE, SIZE, 3), np.uint8)
    masks = np.empty((n, SIZE, SIZE), np.bool_)
    for label, shape in enumerate(_SHAPES):
        members = np.flatnonzero(plan.true_labels == label)
        for ids in np.array_split(members, max(1, len(members) // 100)):
            images[ids], masks[ids] = _draw(shape, numbers[ids], plan.green[ids], plan.rotation[ids])
    return DemoDataset(
        name="shapes",
        images=images,
        labels=plan.labels,
        class_names=CLASS_NAMES,
        extras={
            "masks": masks,
            "flaw": plan.flaw,
            "true_label": plan.true_labels,
            "green_background": plan.green,
            "rotation_degrees": plan.rotation.astype(np.float32),
            "split": plan.split,
        },
        notes={
            "source": f"drawn by this project, seed {seed}",
            "planted flaws": "pentagons nearly always on grass; arrows only upright; a handful of stars labelled heart",
            "flaw": "extra 'flaw': " + ", ".join(f"{code} {name}" for code, name in enumerate(FLAWS)),
            "split": f"extra 'split': {TRAIN} trained on, {HELD_OUT} held out (a fifth of each class)",
        },
    )


def _plan(n_per_class: int, order: Doubles, turns: Doubles) -> _Plan:
    """Decide labels, splits, flaws, grass and rotation; `order` shuffles the samples, `turns` (0..1) rotates them."""
    n = len(order)
    true_labels = np.repeat(np.arange(len(CLASS_NAMES), dtype=np.int32), n_per_class)
    n_train = n_per_class - n_per_class * N_HELD_OUT_PER_CLASS // N_PER_CLASS
    split = np.where(np.arange(n) % n_per_class < n_train, TRAIN, HELD_OUT).astype(np.uint8)
    flaw = np.zeros(n, np.uint8)

    def plant(code: int, label: int, counts: tuple[int, int]) -> None:
        for part, count in zip((TRAIN, HELD_OUT), counts, strict=True):
            free = np.flatnonzero((true_labels == label) & (split == part) & (flaw == 0))
            flaw[free[:count]] = code

    plant(OFF_GREEN, GREEN_CLASS, N_OFF_GREEN)
    plant(TURNED, UPRIGHT_CLASS, N_TURNED)
    plant(MISLABELLED, MISLABELLED_CLASS, N_MISLABELLED)
    for label in range(len(CLASS_NAMES)):
        if label != GREEN_CLASS:
            plant(ON_GREEN, label, N_ON_GREEN_PER_CLASS)

    around = 360.0 * turns - 180.0
    upright = UPRIGHT_TOLERANCE * (2.0 * turns - 1.0)
    side = np.where(turns < 0.5, -1.0, 1.0)  # turned arrows: TURNED_FROM..180 degrees to either side
    turned = side * (TURNED_FROM + (180.0 - TURNED_FROM) * np.abs(2.0 * turns - 1.0))
    rotation = np.where(true_labels == UPRIGHT_CLASS, np.where(flaw == TURNED, turned, upright), around)
    shuffled = np.argsort(order, kind="stable")
    return _Plan(
        true_labels=true_labels[shuffled],
        labels=np.where(flaw == MISLABELLED, WRONG_LABEL, true_labels).astype(np.int32)[shuffled],
        split=split[shuffled],
        flaw=flaw[shuffled],
        green=np.where(true_labels == GREEN_CLASS, flaw != OFF_GREEN, flaw == ON_GREEN)[shuffled],
        rotation=rotation[shuffled],
    )


def _draw(shape: Shape, numbers: Doubles, green: Inside, rotation: Doubles) -> tuple[npt.NDArray[np.uint8], Inside]:
    """Draw the samples of one class: images (n, 32, 32, 3) uint8 and masks (n, 32, 32)."""
    canvas = draw_backgrounds(numbers[:, :N_NUMBERS], np.where(green, GRASS, -1), SIZE)
    free = numbers[:, N_NUMBERS:]
    radius = 7.5 + 5.5 * free[:, 0]
    room = SIZE / 2 - radius - 1  # so the border's pixels stay free
    centre_x = SIZE / 2 + room * (2 * free[:, 1] - 1)
    centre_y = SIZE / 2 + room * (2 * free[:, 2] - 1)
    coverage = _coverage(shape, centre_x, centre_y, radius, rotation)

    shadow = 0.35 * _blur(_shift(coverage))
    canvas = canvas * (1 - shadow[..., None])
    colour = _object_colours(free, luminance(canvas).reshape(len(canvas), -1).mean(axis=1))
    across = np.arange(SIZE) + 0.5
    # Lit from the top left: up to an eighth lighter or darker over the radius.
    light = -(across[None, None, :] - centre_x[:, None, None] + across[None, :, None] - centre_y[:, None, None])
    light = 1 + 0.12 * np.clip(light / (1.4 * radius[:, None, None]), -1, 1)
    fill = np.clip(colour[:, None, None, :] * light[..., None], 0, 1)
    canvas = canvas * (1 - coverage[..., None]) + fill * coverage[..., None]
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8), coverage >= 0.5


def _object_colours(free: Doubles, behind: Doubles) -> Doubles:
    """Choose any hue, then move its lightness away from the background's until the object stands out: (n, 3)."""
    rgb = hsv_to_rgb(free[:, 3], 0.5 + 0.5 * free[:, 4], 0.45 + 0.55 * free[:, 5])
    gap = 0.22 + 0.15 * free[:, 6]
    own = luminance(rgb)
    darker = np.where(behind > 0.5, True, (behind > 0.35) & (free[:, 7] < 0.5))
    too_close = np.abs(own - behind) < gap
    target = np.where(darker, behind - gap, behind + gap)
    dark = rgb * np.clip(target / np.maximum(own, 1e-6), 0, 1)[:, None]
    mixed = np.clip((target - own) / np.maximum(1 - own, 1e-6), 0, 1)[:, None]
    return np.where(too_close[:, None], np.where(darker[:, None], dark, rgb * (1 - mixed) + mixed), rgb)


def _coverage(shape: Shape, centre_x: Doubles, centre_y: Doubles, radius: Doubles, degrees: Doubles) -> Doubles:
    """Return the share of each pixel that the object covers: (n, 32, 32), 0..1."""
    n, fine = len(radius), SIZE * SUPERSAMPLING
    points = (np.arange(fine) + 0.5) / SUPERSAMPLING
    x = (points[None, None, :] - centre_x[:, None, None]) / radius[:, None, None]
    y = (centre_y[:, None, None] - points[None, :, None]) / radius[:, None, None]  # up is positive
    angle = np.deg2rad(degrees)[:, None, None]
    cosine, sine = np.cos(angle), np.sin(angle)
    inside = shape(cosine * x + sine * y, cosine * y - sine * x)
    cells = inside.reshape(n, SIZE, SUPERSAMPLING, SIZE, SUPERSAMPLING)
    return cells.sum(axis=(2, 4)) / SUPERSAMPLING**2


def _shift(coverage: Doubles) -> Doubles:
    """Move a pixel down and right."""
    moved = np.zeros_like(coverage)
    moved[:, 1:, 1:] = coverage[:, :-1, :-1]
    return moved


def _blur(plane: Doubles) -> Doubles:
    """Blur with the kernel (1, 2, 1) / 4 along both axes, edges repeated."""
    for axis in (1, 2):
        padded = np.pad(plane, [(0, 0), *((1, 1) if axis == other else (0, 0) for other in (1, 2))], mode="edge")
        ends = [padded.take(range(start, start + SIZE), axis=axis) for start in range(3)]
        plane = (ends[0] + 2 * ends[1] + ends[2]) / 4
    return plane


# The shapes: x to the right, y up, upright, within the unit circle.

Shape = Callable[[Any, Any], Any]


def _beyond(x: Doubles, y: Doubles, n_sides: int, distance: float) -> Any:
    """Count of the regular polygon's half-planes (one vertex up) that hold each point."""
    angles = np.pi / 2 + np.pi / n_sides + 2 * np.pi * np.arange(n_sides) / n_sides
    count = np.zeros(np.broadcast(x, y).shape, np.int8)
    for angle in angles:
        count += np.cos(angle) * x + np.sin(angle) * y < distance
    return count


def _circle(x: Doubles, y: Doubles) -> Any:
    return x * x + y * y < 0.9


def _square(x: Doubles, y: Doubles) -> Any:
    return np.maximum(np.abs(x), np.abs(y)) < 0.7


def _triangle(x: Doubles, y: Doubles) -> Any:
    return _beyond(x, y, 3, float(np.cos(np.pi / 3))) == 3


def _star(x: Doubles, y: Doubles) -> Any:
    # Edges of a pentagram lie on five lines; a point of it is beyond one of them at most.
    return _beyond(x, y, 5, float(np.cos(2 * np.pi / 5))) >= 4


def _cross(x: Doubles, y: Doubles) -> Any:
    wide, tall = np.abs(x), np.abs(y)
    return (np.minimum(wide, tall) < 0.3) & (np.maximum(wide, tall) < 0.92)


def _ring(x: Doubles, y: Doubles) -> Any:
    squared = x * x + y * y
    return (squared < 0.95) & (squared > 0.3)


def _arrow(x: Doubles, y: Doubles) -> Any:
    shaft = (np.abs(x) < 0.22) & (y > -0.95) & (y < 0.2)
    head = (y > 0.02) & (np.abs(x) < 0.74 * (1 - (y - 0.02) / 0.95))
    return shaft | head


def _crescent(x: Doubles, y: Doubles) -> Any:
    return (x * x + y * y < 0.95) & ((x - 0.42) * (x - 0.42) + y * y > 0.5)


def _heart(x: Doubles, y: Doubles) -> Any:
    u, v = 1.2 * x, 1.2 * y + 0.18
    lifted = 1.25 * v - 0.75 * np.sqrt(np.abs(u))
    return u * u + lifted * lifted < 1


def _pentagon(x: Doubles, y: Doubles) -> Any:
    return _beyond(x, y, 5, 0.95 * float(np.cos(np.pi / 5))) == 5


_SHAPES: tuple[Shape, ...] = (
    _circle,
    _square,
    _triangle,
    _star,
    _cross,
    _ring,
    _arrow,
    _crescent,
    _heart,
    _pentagon,
)
