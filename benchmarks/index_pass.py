"""The index pass against bare `model.predict(batch_size=32)`, which gives probabilities and nothing else.

Goals: at most 1.0 times its CPU time in float32, 0.5 times in bfloat16 (on processors that compute in it).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import mobilenet_at_224, vgg16_at_32
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.index import index_chunk

CASES: tuple[tuple[str, Callable[[], Any], int], ...] = (
    ("VGG-16 at 32 × 32", vgg16_at_32, 512),
    ("MobileNet at 224 × 224", mobilenet_at_224, 128),
)


def measure(build: Callable[[], Any], n_images: int, rounds: int) -> list[tuple[str, str, str, str]]:
    """Return a row for each contestant: name, CPU ratio, images a second, note."""
    model = build()
    clf = Classifier.from_keras(model, preprocessing="unit")
    images = np.random.default_rng(1).integers(0, 256, (n_images, *clf.card.input_shape), dtype=np.uint8)
    scaled = images.astype(np.float32) / 255
    exact = clf.predict(images)
    times = interleaved(
        {
            "model.predict, batch 32": lambda: model.predict(scaled, batch_size=32, verbose=0),
            "predict only": lambda: clf.predict(images),
            "index, float32": lambda: index_chunk(clf, images),
            "index, bfloat16": lambda: index_chunk(clf, images, "bfloat16"),
        },
        rounds,
    )
    base = times["model.predict, batch 32"]
    rows = []
    for name, own in times.items():
        note = f"batch {batch_size(clf.card)}" if name.startswith("index") else ""
        if name == "index, bfloat16":
            rough = index_chunk(clf, images, "bfloat16")["probabilities"]
            note += f", largest change of a probability {np.abs(rough - exact).max():.1e}"
        rows.append((name, f"{own.ratio(base):.2f}", f"{n_images / min(own.wall):.0f}", note))
    return rows


def main() -> None:
    """Measure both networks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    parts = []
    for name, build, n_images in CASES:
        rows = measure(build, n_images, given.rounds)
        columns = (name, "CPU time / model.predict", "images/s (best)", "")
        parts.append(table(columns, rows))
        print(parts[-1], flush=True)
    if given.write:
        write_section("index_pass", "Index pass", "\n\n".join(parts))


if __name__ == "__main__":
    main()
