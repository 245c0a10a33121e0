"""Every attribution method of a batch against one forward pass of the same batch.

Goals, in forward passes: Grad-CAM 1.05 (all classes at once 1.1, another class of the same images 0.05), methods of one
gradient 2.1, integrated gradients and SmoothGrad 2.1 a step, relevance 4. The rest is shown for what it costs.
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
from nnvis_dash.analysis.attribution import METHODS, attribute, cams
from nnvis_dash.analysis.attribution.grad_cam import class_maps
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.relevance.patterns import learn_patterns
from nnvis_dash.errors import NNVisError

NETWORKS: dict[str, tuple[str, Callable[[], Any], int]] = {
    "vgg": ("VGG-16 at 32 × 32", vgg16_at_32, 64),
    "mobilenet": ("MobileNet at 224 × 224", mobilenet_at_224, 16),
}
STEPS = 8  # of methods whose cost is so many times a step's
# What a method takes so many passes for, its parameter, and the goal in forward passes a step.
STEPPED = {"integrated_gradients": ("steps", 2.1), "smoothgrad": ("samples", 2.1), "vargrad": ("samples", 2.1)}
ONE_GRADIENT = ("gradient", "input_times_gradient", "guided_backprop", "deconvnet")
RELEVANCE = ("lrp_", "deep_taylor")
# What a method looks at the image through hundreds of times, and the parameter that says how often.
SAMPLED = {"rise": "masks", "lime": "samples", "shapley": "samples", "score_cam": "channels"}
SAMPLES = 64
FEW = 4  # images for methods that take many passes


def goal(name: str) -> float | None:
    """Return how many forward passes a method may cost; None where there is no goal."""
    if name == "grad_cam":
        return 1.05
    if name in ONE_GRADIENT:
        return 2.1
    if name in STEPPED:
        return STEPPED[name][1]
    return 4.0 if name.startswith(RELEVANCE) else None


def measure(build: Callable[[], Any], n_images: int, rounds: int, wanted: list[str]) -> list[tuple[str, ...]]:
    """Return a row for each method: name, CPU time by a forward pass's, the goal, milliseconds of wall an image."""
    clf = Classifier.from_keras(build(), preprocessing="unit")
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (n_images, *clf.card.input_shape), dtype=np.uint8)
    target = {"next": 0}
    needed = [name for name in wanted or METHODS if "patterns" in METHODS[name].traits]
    patterns = learn_patterns(clf, images) if needed else None

    def fresh(run: Callable[[], object]) -> Callable[[], object]:
        """Let nothing be kept of the images from the call before."""

        def forgetful() -> object:
            cams._kept.pop(clf, None)
            return run()

        return forgetful

    def another_class() -> object:
        target["next"] = (target["next"] + 1) % clf.card.n_classes
        return attribute(clf, images, "grad_cam", target=target["next"])

    def explain(name: str, batch: np.ndarray, parameters: dict[str, Any]) -> Callable[[], object]:
        return fresh(lambda: attribute(clf, batch, name, **parameters))

    contestants: dict[str, Callable[[], object]] = {"forward pass": lambda: clf.predict(images)}
    shares: dict[str, float] = {}
    limits: dict[str, float | None] = {}
    for name, entry in METHODS.items():
        if wanted and name not in wanted:
            continue
        parameters, batch, label = {}, images, entry.title
        if name in STEPPED:
            parameters = {STEPPED[name][0]: STEPS}
            label, share = f"{entry.title}, a step", float(STEPS)
        elif name in SAMPLED:
            parameters, batch = {SAMPLED[name]: SAMPLES}, images[:FEW]
            label, share = f"{entry.title}, a sample", FEW * SAMPLES / n_images
        elif "slow" in entry.traits:
            batch, label = images[:FEW], f"{entry.title} (as it comes)"
            share = FEW / n_images
        else:
            share = 1.0
        if "patterns" in entry.traits:
            parameters = {"patterns": patterns}
        contestants[label] = explain(name, batch, parameters)
        shares[label], limits[label] = share, goal(name)
        if name == "grad_cam":
            contestants["Grad-CAM, another class of the same images"] = another_class
            limits["Grad-CAM, another class of the same images"] = 0.05
            contestants["Grad-CAM, all classes at once"] = lambda: class_maps(clf, images)
            limits["Grad-CAM, all classes at once"] = 1.1 if clf.card.n_classes <= 10 else None
    failed = {}
    for label, run in list(contestants.items()):
        try:
            run()
        except NNVisError as error:  # a method that doesn't fit the network is a row of the table
            failed[label] = str(error)
            del contestants[label]
    times = interleaved(contestants, rounds)
    base = times["forward pass"]
    rows = []
    for label, own in times.items():
        share = shares.get(label, 1.0)
        limit = limits.get(label)
        ratio = own.ratio(base) / share
        milliseconds = statistics.median(own.wall) / n_images / share * 1000
        shown = "" if limit is None else f"{limit:g}" + ("" if ratio <= limit else " (missed)")
        rows.append((label, f"{ratio:.2f}", shown, f"{milliseconds:.2f}"))
    return rows + [(label, reason, "", "") for label, reason in failed.items()]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network", choices=(*NETWORKS, "all"), default="vgg")
    parser.add_argument("--methods", nargs="*", default=[], help="only these")
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    parts = []
    for key, (name, build, n_images) in NETWORKS.items():
        if given.network in (key, "all"):
            columns = (f"{name}, {n_images} images", "CPU time / forward pass", "goal", "ms an image (median wall)")
            parts.append(table(columns, measure(build, n_images, given.rounds, given.methods)))
            print(parts[-1], flush=True)
    if given.write:
        write_section("attribution", "Attribution methods", "\n\n".join(parts))


if __name__ == "__main__":
    main()
