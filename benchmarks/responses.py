"""Response curves of one image against the forward passes that they are made of.

Goal: 41 degrees of blur, brightness, hue, rotation and adversarial strength within a second for VGG-16 at 32 × 32.
"""

from __future__ import annotations

import argparse
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import mobilenet_at_224, vgg16_at_32
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.response import DEGREES, response

NAMES = ("blur", "brightness", "hue", "rotation", "adversarial")
CASES = (("VGG-16 at 32 × 32", vgg16_at_32), ("MobileNet at 224 × 224", mobilenet_at_224))


def main() -> None:
    """Measure both networks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    rows = []
    for title, build in CASES:
        clf = Classifier.from_keras(build(), preprocessing="unit")
        rng = np.random.default_rng(2)
        image = rng.integers(0, 256, clf.card.input_shape, dtype=np.uint8)
        frames = rng.integers(0, 256, (len(NAMES) * DEGREES, *clf.card.input_shape), dtype=np.uint8)
        times = interleaved(
            {
                "curves": lambda clf=clf, image=image: [response(clf, image, name) for name in NAMES],
                "passes": lambda clf=clf, frames=frames: clf.predict(frames),
            },
            given.rounds,
        )
        wall = [statistics.median(times[name].wall) for name in ("curves", "passes")]
        ratio = times["curves"].ratio(times["passes"])
        rows.append((title, f"{wall[0]:.2f}", f"{wall[1]:.2f}", f"{ratio:.2f}"))
    columns = ("network", "five curves, s", f"{len(NAMES) * DEGREES} forward passes, s", "curves by passes, CPU")
    body = f"{DEGREES} degrees of each of {', '.join(NAMES)}; one image, warm.\n\n{table(columns, rows)}"
    print(body)
    if given.write:
        write_section("responses", "Response curves", body)


if __name__ == "__main__":
    main()
