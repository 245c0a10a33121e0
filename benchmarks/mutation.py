"""A mutation campaign against one whole forward pass for each unit and image, on the same units and images.

Goal: at least 10 times as fast for a late layer, with the same numbers. Whole passes are those of a `tf.function` that
takes the mask as an argument, in the batches that suit the classifier; they are made for some of the layer's units only
and counted by the unit.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import mobilenet_at_224, resnet50_at_224, vgg16_at_32
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.mutation.campaign import MutationCampaign, mutation_campaign
from nnvis_dash.analysis.mutation.frozen import freezing
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT
from nnvis_dash.demo.shapes import draw_shapes

# Network, images, units of the whole passes, and layers counted from behind among those with units.
CASES = (
    ("VGG-16 at 32 × 32", 16, 8, (2, 3, 4, 5, 14)),
    ("shapes-vgg13, trained", 32, 8, (2, 3, 6)),
    ("MobileNet at 224 × 224", 4, 4, (2,)),
    ("ResNet-50 at 224 × 224", 2, 4, (2,)),
)
BUILDERS = {
    "VGG-16 at 32 × 32": vgg16_at_32,
    "MobileNet at 224 × 224": mobilenet_at_224,
    "ResNet-50 at 224 × 224": resnet50_at_224,
}


def network(title: str, n: int) -> tuple[Classifier, np.ndarray, np.ndarray]:
    """Return a classifier, n images (n, h, w, c) uint8 and labels (n,) int32."""
    if title not in BUILDERS:
        data = draw_shapes()
        ids = np.flatnonzero(data.extras["split"] == HELD_OUT)[:n]
        file, card = WEIGHTS / "shapes-vgg13.keras", read_cards()["shapes-vgg13"]
        clf = load_classifier(file, card["preprocessing"], data.class_names)
        return clf, np.asarray(data.images)[ids], np.asarray(data.labels)[ids].astype(np.int32)
    clf = Classifier.from_keras(BUILDERS[title](), preprocessing="unit")
    images = np.random.default_rng(2).integers(0, 256, (n, *clf.card.input_shape), dtype=np.uint8)
    last = [step.operation for step in clf.graph.steps if step.n_units][-1]
    scale = clf.logits(images).std() / 2  # so that probabilities are neither all the same nor 0 and 1
    last.set_weights([weight / scale for weight in last.get_weights()])
    clf = Classifier(clf.model, clf.card)
    return clf, images, clf.predict(images).argmax(axis=1).astype(np.int32)


def whole_passes(clf: Classifier, layer: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return images, units -> probabilities (units, N, K) with each unit of the layer frozen by itself."""
    import tensorflow as tf

    n_units = next(entry.n_units for entry in clf.card.layers if entry.name == layer)
    size = batch_size(clf.card)
    function = tf.function(lambda raw, mask: clf.scores(raw, freezing({layer: mask})), autograph=False)
    function = function.get_concrete_function(clf.signature(np.uint8), tf.TensorSpec((n_units,), tf.float32))

    def run(images: np.ndarray, units: np.ndarray) -> np.ndarray:
        found = []
        for unit in units:
            mask = tf.constant(np.arange(n_units) != unit, tf.float32)
            batches = (tf.constant(images[start : start + size]) for start in range(0, len(images), size))
            found.append(np.concatenate([function(batch, mask).numpy() for batch in batches]))
        return np.stack(found)

    return run


def main() -> None:
    """Measure all networks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    rows = []
    for title, n_images, n_whole, places in CASES:
        clf, images, labels = network(title, n_images)
        layers = [layer for layer in clf.card.layers if layer.n_units]
        for place in places:
            layer = layers[-place]
            units = np.linspace(0, layer.n_units - 1, n_whole).astype(int)
            passes = whole_passes(clf, layer.name)
            kept: dict[str, MutationCampaign | np.ndarray] = {}
            times = interleaved(
                {
                    "campaign": lambda clf=clf, images=images, labels=labels, name=layer.name, kept=kept: kept.update(
                        campaign=mutation_campaign(clf, images, name, labels)
                    ),
                    "passes": lambda images=images, passes=passes, units=units, kept=kept: kept.update(
                        passes=passes(images, units)
                    ),
                },
                given.rounds,
            )
            apart, equal = difference(clf, images, labels, units, kept["campaign"], kept["passes"])
            each = [statistics.median(times[name].wall) for name in ("campaign", "passes")]
            each = [each[0] / layer.n_units, each[1] / len(units)]
            faster = layer.n_units / len(units) / times["campaign"].ratio(times["passes"])
            rows.append(
                (
                    title,
                    f"{layer.name} ({layer.n_units})",
                    f"{1000 * each[0]:.2f}",
                    f"{1000 * each[1]:.1f}",
                    f"{each[1] / each[0]:.1f}",
                    f"{faster:.1f}",
                    f"{kept['campaign'].largest.max():.2f}",
                    f"{apart:.0e}",
                    "yes" if equal else "no",
                )
            )
            print(*rows[-1], sep=" | ", flush=True)
    columns = (
        "network",
        "layer (units)",
        "campaign, ms a unit",
        "whole passes, ms a unit",
        "times as fast, wall",
        "CPU",
        "largest change of a probability",
        "difference, campaign to passes",
        "accuracy equal",
    )
    counts = ", ".join(f"{n} for {title}" for title, n, _, _ in CASES)
    body = (
        f"Images: {counts}; random weights where nothing else is said. The difference is that of the largest change of "
        f"a probability and of each class's mean probability; changes of accuracy are compared exactly. "
        f"VGG-16's conv2d_12 is its last convolution, conv2d_10 the first of its last block, conv2d_1 its second.\n\n"
        f"{table(columns, rows)}"
    )
    print(body)
    if given.write:
        write_section("mutation", "Mutation campaigns", body)


def difference(
    clf: Classifier,
    images: np.ndarray,
    labels: np.ndarray,
    units: np.ndarray,
    campaign: MutationCampaign,
    frozen: np.ndarray,
) -> tuple[float, bool]:
    """Return the largest difference of a probability's change, and whether all changes of accuracy are equal."""
    before = clf.predict(images)
    apart, equal = 0.0, True
    for unit, after in zip(units, frozen, strict=True):
        apart = max(apart, abs(float(np.abs(after - before).max()) - float(campaign.largest[unit])))
        for label in np.unique(labels):
            mine = labels == label
            shift = float((after - before)[mine, label].astype(np.float64).mean())
            change = float((after[mine].argmax(axis=1) == label).mean() - (before[mine].argmax(axis=1) == label).mean())
            apart = max(apart, abs(shift - float(campaign.probability_change[unit, label])))
            equal &= abs(change - float(campaign.accuracy_change[unit, label])) < 1e-6
    return apart, equal


if __name__ == "__main__":
    main()
