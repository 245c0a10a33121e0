"""Measures of faithfulness against their bare forward passes, and Quantus beside them in the same run.

Goal: deletion and insertion of 100 steps cost at most 1.15 times their forward passes at the best batch size. Quantus
isn't needed; where it isn't installed its rows are left out. Quantus 0.6.0 ran on this Keras and NumPy, installed
without its dependencies, but pandas, matplotlib, tqdm and cachetools.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import mobilenet_at_224, vgg16_at_32
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.classifier import Classifier, read_model
from nnvis_dash.analysis.quality import MEASURES, Case, case_of, measure, parts
from nnvis_dash.demo.build import WEIGHTS, read_cards

STEPS = 100
GOAL = 1.15
SIZES = (4, 8, 16, 32, 64, 128, 256)  # batch sizes among which the best is looked for
SMALL = "shapes-medium"


def small() -> Any:
    """Return one of the demo's networks: a pass is so short that all beside it shows."""
    return read_model(WEIGHTS / f"{SMALL}.keras")


NETWORKS: dict[str, tuple[str, Callable[[], Any], str, int]] = {
    "vgg": ("VGG-16 at 32 × 32", vgg16_at_32, "unit", 64),
    "small": (f"{SMALL} at 32 × 32", small, read_cards()[SMALL]["preprocessing"], 64),
    "mobilenet": ("MobileNet at 224 × 224", mobilenet_at_224, "unit", 8),
}


@dataclass(frozen=True)
class Contestant:
    """Something that puts so many images through the network."""

    run: Callable[[], object]
    passes: int
    goal: float | None = None


def bare(clf: Classifier, total: int) -> tuple[Contestant, int]:
    """Return `total` forward passes and nothing else, in batches of the size that is fastest, and this size."""
    import tensorflow as tf

    forward = tf.function(lambda raw: clf.scores(raw), autograph=False).get_concrete_function(clf.signature(np.uint8))
    images = np.random.default_rng(1).integers(0, 256, (max(SIZES), *clf.card.input_shape), dtype=np.uint8)

    def through(n: int, size: int) -> None:
        for start in range(0, n, size):
            forward(tf.convert_to_tensor(images[: min(size, n - start)])).numpy()

    def seconds(size: int) -> float:
        began = time.process_time()
        through(min(512, total), size)
        return time.process_time() - began

    through(max(SIZES), max(SIZES))
    taken = {size: min(seconds(size) for _ in range(3)) for size in SIZES}
    best = min(taken, key=lambda size: taken[size])
    return Contestant(lambda: through(total, best), total), best


def ours(case: Case, name: str, passes: int, **parameters: Any) -> Contestant:
    """Return one of our measures, which keeps nothing from call to call; `passes` are those of an image."""

    def run() -> object:
        parts._kept.pop(case.classifier, None)
        return measure(case, {name: parameters})

    return Contestant(run, passes * len(case.images), GOAL if name in ("deletion", "insertion") else None)


def quantus(case: Case) -> dict[str, Contestant]:
    """Return Quantus's ways, with the same network as a Keras model; raises ImportError."""
    import quantus

    clf, n = case.classifier, len(case.images)
    x = case.images.astype(np.float32) * np.float32(clf.card.preprocessing.scale)
    size = int(np.prod(x.shape[1:3]))
    # Of a pixel's channels each is a feature of its own, and the features of a step must divide the pixels: 96 steps.
    in_step, n_steps = size // 32, x.shape[3] * 32

    def given(metric: Any) -> Callable[[], object]:
        return lambda: metric(
            model=clf.model,
            x_batch=x,
            y_batch=case.targets,
            a_batch=case.heatmaps[:, None],
            channel_first=False,
            softmax=True,
            batch_size=n,
            model_predict_kwargs={"batch_size": n, "verbose": 0},
        )

    quiet = {"normalise": False, "abs": False, "disable_warnings": True, "return_aggregate": False}
    flipping = quantus.PixelFlipping(features_in_step=in_step, perturb_baseline="mean", **quiet)
    correlation = quantus.FaithfulnessCorrelation(nr_runs=128, subset_size=size // 5, perturb_baseline="mean", **quiet)
    return {
        "Quantus: PixelFlipping, 96 steps": Contestant(given(flipping), n * n_steps),
        "Quantus: FaithfulnessCorrelation, 128 sets": Contestant(given(correlation), n * 129),
    }


def compare(key: str, rounds: int) -> tuple[str, str]:
    """Return a network's table, and what is missing."""
    title, build, preprocessing, n = NETWORKS[key]
    clf = Classifier.from_keras(build(), preprocessing=preprocessing)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, *clf.card.input_shape), dtype=np.uint8)
    heatmaps = rng.standard_normal((n, *clf.card.input_shape[:2]), dtype=np.float32)
    case = case_of(clf, images, heatmaps, rng.integers(0, clf.card.n_classes, n))
    plain, size = bare(clf, n * (STEPS + 1))
    contestants = {
        f"forward passes alone, batch {size}": plain,
        f"deletion, {STEPS} steps": ours(case, "deletion", STEPS + 1, steps=STEPS),
        f"insertion, {STEPS} steps": ours(case, "insertion", STEPS + 1, steps=STEPS),
    }
    for name, passes in (("faithfulness_correlation", 129), ("infidelity", 97), ("sensitivity_n", 193)):
        contestants[f"{MEASURES[name].title.lower()}, {passes - 1} parts"] = ours(case, name, passes)
    missing = ""
    try:
        contestants |= quantus(case)
    except ImportError as error:
        missing = f"Quantus isn't here ({error}): its rows are left out."
    times = interleaved({label: entry.run for label, entry in contestants.items()}, rounds)
    base = next(iter(times.values()))
    rows = []
    for label, entry in contestants.items():
        own, share = times[label], plain.passes / entry.passes
        ratio = own.ratio(base) * share
        goal = "" if entry.goal is None else f"{entry.goal:g}" + ("" if ratio <= entry.goal else " (missed)")
        wall = statistics.median(a / b for a, b in zip(own.wall, base.wall, strict=True)) * share
        seconds = statistics.median(own.wall)
        rows.append((label, entry.passes // n, f"{ratio:.2f}", goal, f"{wall:.2f}", f"{1000 * seconds / n:.0f}"))
    columns = ("passes an image", "CPU / passes alone", "goal", "wall / passes alone", "ms an image")
    return table((f"{title}, {n} images", *columns), rows), missing


def main() -> None:
    """Measure, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network", choices=(*NETWORKS, "all"), default="all")
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    tables = []
    missing = ""
    for key in NETWORKS:
        if given.network in (key, "all"):
            shown, missing = compare(key, given.rounds)
            tables.append(shown)
            print(shown, flush=True)
    text = (
        "Each measure by as many forward passes as it needs, alone, on images that are there already, in batches of "
        "the size that is fastest for this network; medians over the rounds of one run. What parts take away is kept, "
        "so that a second heatmap of the same images costs correlation, infidelity and sensitivity-n no pass; here "
        "each starts anew.\n\n" + "\n\n".join(tables) + (f"\n\n{missing}" if missing else "")
    )
    print(missing)
    if given.write:
        write_section("quality", "Faithfulness beside its forward passes", text)


if __name__ == "__main__":
    main()
