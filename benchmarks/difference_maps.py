"""A whole map of prediction differences: adaptive, incremental, in pairs, against the published settings.

The published way: every window, 20 independent samples, whole images through `model.predict` in its best batch. Goal:
at least 10 times as fast with no more error, held against a map of 200 samples.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.report import table, write_section
from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.prediction_difference import prediction_difference
from nnvis_dash.analysis.prediction_difference.maps import computed
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.question import Question
from nnvis_dash.analysis.prediction_difference.tally import Tally
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT
from nnvis_dash.demo.digits import load_digits
from nnvis_dash.demo.shapes import draw_shapes

NETWORKS = ("shapes-medium", "shapes-small", "shapes-vgg13", "digits-large", "digits-medium")
WINDOW, OUTER, SAMPLES, REFERENCE = 4, 8, 20, 200
BATCHES = (32, 128, 512)


def published(clf: Classifier, image: Any, target: int, patches: PatchModel, batch: int) -> Any:
    """Return the map as published (h, w): whole images by `model.predict`, independent samples."""
    question = Question(WINDOW, OUTER, SAMPLES, seed=7, antithetic=False)
    lattice = question.lattice(clf.card)
    rows, columns = lattice.corners(np.arange(lattice.shape[0] * lattice.shape[1]))
    sampler = question.make_sampler(patches, image)
    images = np.repeat(np.repeat(image[None, None].astype(np.float32), len(rows), axis=0), SAMPLES, axis=1)
    windows = sampler.draw(rows, columns, 0, SAMPLES)
    for place, (row, column) in enumerate(zip(rows, columns, strict=True)):
        images[place, :, row : row + WINDOW, column : column + WINDOW] = windows[place]
    images = images.reshape(-1, *image.shape) * np.float32(clf.card.preprocessing.scale)
    p = clf.model.predict(images, batch_size=batch, verbose=0)[:, target].reshape(len(rows), SAMPLES, 1)
    original = clf.model.predict(image[None] * np.float32(clf.card.preprocessing.scale), verbose=0)[0, target]
    q = 1.0 - p.astype(np.float64)
    tally = Tally(lattice, [original, 1 - float(original), 0.0], question.scale(clf.card))
    tally.add(np.arange(len(rows)), np.concatenate([p, q, np.zeros_like(p)], axis=2), 1)
    return lattice.pixels(tally.evidence())[0]


def timed(function: Any) -> tuple[float, float, Any]:
    """Return seconds of processor and of wall, and what the function returned."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = function()
    return time.process_time() - cpu, time.perf_counter() - wall, found


def interval(values: Any, digits: int = 2) -> str:
    """Return the mean and its 95 % interval by bootstrap."""
    values = np.asarray(values)
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (2000, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{values.mean():.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def measure(name: str, n_images: int) -> list[str]:
    """Return one row of the table."""
    data = draw_shapes() if name.startswith("shapes") else load_digits()
    clf = load_classifier(WEIGHTS / f"{name}.keras", read_cards()[name]["preprocessing"], data.class_names)
    held_out = np.flatnonzero((data.extras["split"] == HELD_OUT) & (data.extras.get("flaw", 0) == np.int64(0)))
    chosen = np.random.default_rng(3).choice(held_out, n_images, replace=False)
    patches = PatchModel.fit(data.images[:2000], OUTER)
    errors: dict[str, list[float]] = {"published": [], "adaptive": [], "same settings": []}
    ratios: dict[str, list[float]] = {"cpu": [], "wall": []}
    samples, seconds = [], []
    batch = 0
    for number, place in enumerate(chosen):
        image = data.images[place]
        target = int(clf.predict(image[None])[0].argmax())
        question = Question(WINDOW, OUTER, SAMPLES, seed=11)
        ids = np.array([target], np.int32)
        prepared = clf.prepare(image[None])[0]

        def adaptive(prepared: Any = prepared, question: Question = question, ids: Any = ids) -> Any:
            return computed(clf, prepared, question, ids, patches, adaptive=True)

        def theirs(size: int, image: Any = image, target: int = target) -> Any:
            return published(clf, image, target, patches, size)

        if number == 0:  # warm, and find the batch that is best for the other
            adaptive()
            for size in BATCHES:
                theirs(size)
            batch = min(BATCHES, key=lambda size, theirs=theirs: timed(partial(theirs, size))[0])  # type: ignore[misc]
        cpu, wall, found = timed(adaptive)
        other_cpu, other_wall, other = timed(partial(theirs, batch))
        truth = prediction_difference(clf, image, target, WINDOW, OUTER, REFERENCE, patches=patches, seed=23).values
        plain = prediction_difference(
            clf, image, target, WINDOW, OUTER, SAMPLES, patches=patches, seed=31, antithetic=False
        ).values
        for key, made in (("adaptive", found.values), ("published", other), ("same settings", plain)):
            errors[key].append(float(np.linalg.norm(made - truth) / np.linalg.norm(truth)))
        ratios["cpu"].append(other_cpu / cpu)
        ratios["wall"].append(other_wall / wall)
        samples.append(float(found.counts.mean()))
        seconds.append(wall)
    better = np.array(errors["adaptive"]) / np.array(errors["published"])
    row = [
        f"`{name}`, {clf.card.input_shape[0]} × {clf.card.input_shape[1]}",
        interval(ratios["cpu"], 1),
        interval(ratios["wall"], 1),
        interval(errors["published"], 3),
        interval(errors["adaptive"], 3),
        interval(better),
        f"{np.mean(samples):.1f}",
        f"{np.median(seconds):.2f}",
        str(batch),
    ]
    print(" | ".join(row), flush=True)
    return row


def main() -> None:
    """Measure, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    rows = [measure(name, given.images) for name in given.networks]
    columns = ["network", "times as fast, CPU", "wall", "error, published", "error, ours", "ours by published",
               "samples a window", "our seconds a map", "best batch"]  # fmt: skip
    text = (
        f"Windows of {WINDOW} pixels one pixel apart, patches of {OUTER}, {given.images} held-out images each. "
        f"*Published*: {SAMPLES} independent samples a window, whole images by `model.predict` in its best batch. "
        "*Ours*: `adaptive=True`. *Error*: distance to a map of "
        f"{REFERENCE} samples a window (drawn apart), by that map's norm. In brackets 95 % intervals of the mean over "
        "the images.\n\n" + table(columns, rows)
    )
    print(text)
    if given.write:
        write_section("difference_maps", "Prediction difference: a whole map", text)


if __name__ == "__main__":
    main()
