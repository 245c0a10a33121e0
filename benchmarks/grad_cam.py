"""Grad-CAM of a batch against one forward pass, and one image at a time against the tutorials' eager loop.

Goals: at most 1.05 forward passes for the last convolution; at 32 × 32 at least 15 times less than the eager loop.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import mobilenet_at_224, vgg16_at_32
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier

CASES: tuple[tuple[str, Callable[[], Any], int], ...] = (
    ("VGG-16 at 32 × 32", vgg16_at_32, 128),
    ("MobileNet at 224 × 224", mobilenet_at_224, 32),
)


def eager_loop(model: Any, layer: str, images: np.ndarray) -> None:
    """Explain images as the usual tutorial does: one by one, not compiled, from a sub-model."""
    import keras
    import tensorflow as tf

    both = keras.Model(model.inputs[0], [model.get_layer(layer).output, model.output])
    for image in images:
        with tf.GradientTape() as tape:
            maps, scores = both(image[None], training=False)
            score = tf.reduce_max(scores)
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))
        tf.nn.relu(tf.einsum("nhwc,nc->nhw", maps, weights)).numpy()


def measure(build: Callable[[], Any], n_images: int, rounds: int) -> list[tuple[str, str, str]]:
    """Return a row for each contestant: name, CPU time by a forward pass's, milliseconds of wall time an image."""
    model = build()
    clf = Classifier.from_keras(model, preprocessing="unit")
    images = np.random.default_rng(1).integers(0, 256, (n_images, *clf.card.input_shape), dtype=np.uint8)
    scaled = images.astype(np.float32) / 255
    layer = clf.card.grad_cam_layer
    maps = [entry.name for entry in clf.card.layers if entry.is_map and entry.n_units]
    middle = maps[len(maps) // 2]
    few = max(n_images // 8, 1)
    times = interleaved(
        {
            "forward pass": lambda: clf.predict(images),
            f"Grad-CAM, {layer} (last)": lambda: attribute(clf, images, "grad_cam"),
            f"Grad-CAM, {middle} (middle)": lambda: attribute(clf, images, "grad_cam", layer=middle),
            "Grad-CAM, one image at a time": lambda: [
                attribute(clf, images[number : number + 1], "grad_cam") for number in range(few)
            ],
            "eager loop of the tutorials": lambda: eager_loop(model, str(layer), scaled[:few]),
        },
        rounds,
    )
    base = times["forward pass"]
    rows = []
    for name, own in times.items():
        share = few / n_images if name.startswith(("eager", "Grad-CAM, one")) else 1.0
        milliseconds = statistics.median(own.wall) / (n_images * share) * 1000
        rows.append((name, f"{own.ratio(base) / share:.2f}", f"{milliseconds:.2f}"))
    return rows


def main() -> None:
    """Measure both networks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    parts = []
    for name, build, n_images in CASES:
        columns = (name, "CPU time an image / forward pass of the batch", "ms an image (median wall)")
        parts.append(table(columns, measure(build, n_images, given.rounds)))
        print(parts[-1], flush=True)
    if given.write:
        write_section("grad_cam", "Grad-CAM", "\n\n".join(parts))


if __name__ == "__main__":
    main()
