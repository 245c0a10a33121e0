"""A live map of prediction differences at 224 × 224: when it is there, and when it looks like the full one.

Goals, MobileNet, warm: a coarse map within 15 s; correlation .95 with the full map (every window) for at most a
hundredth of the forward passes that the published settings take (20 whole images a window). At 32 × 32 a coarse map
within 2 s.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import mobilenet_at_224, vgg16_at_32
from benchmarks.report import table, write_section
from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.prediction_difference.maps import begun, computed, finished, sampled
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.question import Question, pool
from nnvis_dash.analysis.prediction_difference.schedule import Aim, next_tasks, pieces
from nnvis_dash.workspace.datasets import load_dataset

PIECE = 1024
ALIKE = 0.95


def photographs() -> Any:
    """Return crops of scikit-learn's two photographs, (N, 224, 224, 3) uint8."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    crops = []
    for photo in load_sample_images().images:
        for _ in range(32):
            top, left = (int(rng.integers(0, side - 224)) for side in photo.shape[:2])
            crops.append(photo[top : top + 224, left : left + 224])
    return np.stack(crops)


def live(clf: Classifier, image: Any, question: Question, patches: PatchModel, full: Any) -> dict[str, float]:
    """Follow one live map until it is like the full one; return seconds and forward passes at each mark."""
    began = time.perf_counter()
    chosen = question.chosen(clf, image, [])[:1]
    run = question.plan(clf).begin(image)
    tally = begun(clf, question, run, chosen)
    draw = question.make_sampler(patches, image)
    aim = Aim(question.whole_samples, question.step, coarse=True, adaptive=True)
    spent, marks, taken = 0.0, {}, time.perf_counter() - began
    rows, columns = tally.lattice.levels[0]
    while (tasks := next_tasks(tally, aim)) and "alike" not in marks:
        began = time.perf_counter()
        piece = next(pieces(tasks[0], PIECE))
        tally.add_sums(piece.places, sampled(run, draw, tally, piece, chosen))
        taken += time.perf_counter() - began
        spent += piece.n_samples * run.plan.cost(*tally.lattice.corners(piece.places))
        coarse = bool(tally.known[np.ix_(rows, columns)].all())
        if coarse and "coarse" not in marks:
            marks["coarse"] = taken
        if not coarse:
            continue
        if full is None:
            break
        alike = float(np.corrcoef(finished(tally, question, chosen, 0, 0.0).values.ravel(), full.ravel())[0, 1])
        if "coarse alike" not in marks:
            marks |= {"coarse alike": alike, "coarse passes": spent}
        if alike >= ALIKE:
            marks |= {"alike": alike, "alike passes": spent, "alike seconds": taken}
    return marks


def main() -> None:
    """Measure, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a classifier at 224 × 224; a MobileNet with random weights else")
    parser.add_argument("--photos", type=Path, help="a folder of images; crops of scikit-learn's photographs else")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--samples", type=int, default=20, help="of each window of the full map")
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    clf = load_classifier(given.model) if given.model else Classifier.from_keras(mobilenet_at_224(), "unit")
    images = pool(clf, load_dataset(given.photos)) if given.photos else photographs()
    patches = PatchModel.fit(images, 14)
    question = Question(10, 14, 20, seed=1)
    lattice = question.lattice(clf.card)
    published = lattice.shape[0] * lattice.shape[1] * 20
    rows = []
    warm = {"coarse": 0.0}
    for number in range(given.images + 1):
        image = images[7 * number]
        chosen = question.chosen(clf, image, [])[:1]
        if number == 0:
            live(clf, image, question, patches, None)
            continue
        warm = live(clf, image, question, patches, None)
        began = time.perf_counter()
        full = computed(clf, image, Question(10, 14, given.samples, seed=5), chosen, patches)
        seconds = time.perf_counter() - began
        marks = live(clf, image, question, patches, full.values)
        rows.append(
            [
                str(number),
                f"{warm['coarse']:.1f}",
                f"{marks['coarse alike']:.3f}",
                f"{marks['coarse passes']:,.0f}",
                f"{marks.get('alike seconds', float('nan')):.1f}",
                f"{marks.get('alike passes', float('nan')):,.0f}",
                f"{published / marks.get('alike passes', float('nan')):,.0f}",
                f"{seconds:.0f}",
                f"{full.equivalents:,.0f}",
            ]
        )
        print(" | ".join(rows[-1]), flush=True)
    small = Classifier.from_keras(vgg16_at_32(), "unit")
    crops = images[:, 96:128, 96:128]
    little = PatchModel.fit(crops, 8)
    short = Question(4, 8, 20)
    live(small, crops[0], short, little, None)
    at_32 = live(small, crops[1], short, little, None)["coarse"]
    columns = ["image", "coarse map, s", "its correlation", "its passes", f"correlation {ALIKE}, s", "passes",
               "times fewer", "full map, s", "its passes"]  # fmt: skip
    text = (
        f"{clf.card.name} at 224 × 224, windows of 10, patches of 14, warm. *Passes*: forward passes of whole images "
        f"that the computing cost. *Published*: {published:,} (20 whole images for each of "
        f"{lattice.shape[0] * lattice.shape[1]:,} windows). The full map has every window with {given.samples} "
        f"samples, drawn apart. VGG-16 at 32 × 32, windows of 4: a coarse map in {at_32:.2f} s.\n\n"
        + table(columns, rows)
    )
    print(text)
    if given.write:
        write_section("difference_live", "Prediction difference: live", text)


if __name__ == "__main__":
    main()
