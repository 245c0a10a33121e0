"""Images that differ from one image in a window: incremental inference against whole images in their best batch.

Goals: VGG-16 at 224 × 224 with windows of 10 pixels at least 8 times as fast, |Δ log2 odds| at most 1e-4; VGG-16 at
32 × 32 with windows of 4 at least 1.45 times, with the same logits to the bit. The bound is what the multiplications
would allow, were each window computed by itself and reading cost nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import mobilenet_at_224, resnet50_at_224, vgg16_at_32, vgg16_at_224
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.incremental.inference import Incremental, Run
from nnvis_dash.analysis.incremental.readouts import Readout

#         title, network, window, groups an axis, goal
NETWORKS: dict[str, tuple[str, Any, int, int, float | None]] = {
    "vgg224": ("VGG-16 at 224 × 224", vgg16_at_224, 10, 4, 8.0),
    "vgg32": ("VGG-16 at 32 × 32", vgg16_at_32, 4, 3, 1.45),
    "mobilenet": ("MobileNet at 224 × 224", mobilenet_at_224, 10, 4, None),
    "resnet": ("ResNet-50 at 224 × 224", resnet50_at_224, 10, 4, None),
}
BATCHES = {224: (8, 16, 32), 32: (32, 128, 256)}  # of whole images, by their size: the best of these counts
LARGEST = {224: 160, 32: 480}  # images of a group's batch
COMPARED = {224: 64, 32: 256}  # whole images that are timed
SAMPLES = 20
CHOSEN = np.arange(3)


def whole(clf: Classifier, image: Any, rows: Any, columns: Any, windows: Any) -> Any:
    """Return the images (n · S, h, w, c) with the windows put in."""
    n, repeats, side = windows.shape[0], windows.shape[1], windows.shape[2]
    images = np.repeat(np.repeat(image[None, None], n, axis=0), repeats, axis=1)
    for place in range(n):
        images[place, :, rows[place] : rows[place] + side, columns[place] : columns[place] + side] = windows[place]
    return images.reshape(-1, *image.shape)


def measure(name: str, rounds: int) -> list[str]:
    """Return one row of the table."""
    import tensorflow as tf

    title, build, window, n_buckets, goal = NETWORKS[name]
    clf = Classifier.from_keras(build(), preprocessing="unit")
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, clf.card.input_shape).astype(np.float32)
    side = clf.card.input_shape[0]
    plan = Incremental(clf, (window, window), Readout(), n_buckets)
    run = Run(plan, image)
    n = plan.n_windows[0]
    every = np.divmod(np.arange(n * n), n)
    batches = {}
    shares = {}
    apart = bits = 0.0
    same = True
    for number, (group, places) in enumerate(plan.grouped(*every)):
        count = max(1, min(group.room, LARGEST[side]) // SAMPLES)
        some = rng.choice(places, count)
        rows, columns = every[0][some], every[1][some]
        windows = rng.uniform(0, 255, (count, SAMPLES, window, window, 3)).astype(np.float32)
        batches[f"group {number}"] = (rows, columns, windows)
        shares[f"group {number}"] = len(places) / (n * n) / (count * SAMPLES)
        few = slice(0, max(1, 24 // SAMPLES))
        found = run(rows[few], columns[few], windows[few], CHOSEN).reshape(-1, 9)
        composed = whole(clf, image, rows[few], columns[few], windows[few])
        logits = clf.logits(composed)[:, CHOSEN]
        p = clf.predict(composed)[:, CHOSEN].astype(np.float64)
        own = found[:, :3].astype(np.float64)
        apart = max(apart, float(np.abs(own - p).max()))
        bits = max(bits, float(np.abs(np.log2(own / found[:, 3:6]) - np.log2(p / (1 - p))).max()))
        same = same and np.array_equal(found[:, 6:], logits)
    function = clf._function("probabilities", np.dtype(np.float32))
    images = np.concatenate([whole(clf, image, *given) for given in batches.values()])[: COMPARED[side]]
    by_size = {
        f"whole {size}": lambda size=size: [
            function(tf.constant(images[start : start + size])).numpy() for start in range(0, len(images), size)
        ]
        for size in BATCHES[side]
    }
    tried = interleaved(by_size, 1)
    best = min(by_size, key=lambda key: tried[key].cpu[0])
    contestants: dict[str, Any] = {best: by_size[best]}
    contestants |= {key: (lambda given=given: run(*given, CHOSEN)) for key, given in batches.items()}
    times = interleaved(contestants, rounds)

    def ratio(kind: str) -> float:
        by_round = [
            (getattr(times[best], kind)[turn] / len(images))
            / sum(getattr(times[key], kind)[turn] * share for key, share in shares.items())
            for turn in range(rounds)
        ]
        return statistics.median(by_round)

    each = 1000 * sum(statistics.median(times[key].wall) * share for key, share in shares.items())
    row = [
        f"{title}, windows of {window}",
        f"{ratio('cpu'):.2f}",
        f"{ratio('wall'):.2f}",
        f"{goal:g}" if goal else "",
        f"{plan.bound:.2f}",
        f"{1 / plan.cost(*every):.2f}",
        f"{each:.2f}",
        best.removeprefix("whole "),
        f"{apart:.1e}",
        f"{bits:.1e}",
        "yes" if same else "no",
    ]
    print(" | ".join(row), flush=True)
    return row


def main() -> None:
    """Measure, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    rows = [measure(name, given.rounds) for name in given.networks]
    columns = ["", "times as fast, CPU", "wall", "goal", "bound", "with groups", "ms an image", "best batch",
               "max Δp", "max Δ log2 odds", "logits equal to the bit"]  # fmt: skip
    text = (
        f"Windows from everywhere one pixel apart, {SAMPLES} samples each; every group of windows weighed by its "
        "share; random weights. *Bound*: multiplications of whole images by those that each window alone would need; "
        "*with groups*: by those that are done, since windows of a group have patches of one size. Compared with one "
        "`tf.function` over whole images in the batch size that is best for it.\n\n" + table(columns, rows)
    )
    print(text)
    if given.write:
        write_section("incremental", "Incremental inference", text)


if __name__ == "__main__":
    main()
