"""How long a person waits for a layer's feature maps: of a new image, of another layer, and with other units frozen.

    python -m benchmarks.feature_maps [--write]

The questions are answered as an engine's worker answers them, with everything that goes over the wire. A walk looks at
all layers of a few images, one after the other in an order by chance; the goal is a median of 300 ms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from benchmarks import networks
from benchmarks.report import table, write_section
from nnvis_dash.engine import layer_memory
from nnvis_dash.engine.desk import Desk
from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.workspace.store import Workspace

GOAL_MS = 300.0
IMAGES = 4
NETWORKS: tuple[Callable[[], Any], ...] = (
    networks.vgg16_at_32,
    networks.mobilenet_at_224,
    networks.resnet50_at_224,
    networks.vgg16_at_224,
)


class Held:
    """A desk of one classifier in memory."""

    def __init__(self, clf: Any, workspace: Workspace, dataset: Any) -> None:
        self.path, self.workspace = str(workspace.path), workspace
        self._clf, self._dataset = clf, dataset

    def classifier(self, fingerprint: str) -> Any:
        return self._clf

    def dataset(self, fingerprint: str) -> Any:
        return self._dataset


class Took(NamedTuple):
    """Milliseconds of one answer: wall time, and processor time of all threads, which neighbours change less."""

    wall: float
    cpu: float


def took(desk: Held, name: str, **wanted: Any) -> Took:
    """Return how long one answer takes."""
    entry = QUESTIONS[name]
    began, began_cpu = time.perf_counter(), time.process_time()
    entry.function(cast(Desk, desk), entry.read({"dataset": "d", "model": "m", **wanted}))
    return Took(1000 * (time.perf_counter() - began), 1000 * (time.process_time() - began_cpu))


def both(all_took: list[Took]) -> str:
    """Return the medians of wall and processor time."""
    medians = [statistics.median(times) for times in zip(*all_took, strict=True)]
    return " / ".join(f"{median:.0f}" if median >= 20 else f"{median:.1f}" for median in medians)


def measure(build: Callable[[], Any], folder: Path) -> tuple[str, ...]:
    """Return a line of the table."""
    from nnvis_dash.analysis.classifier import Classifier

    clf = Classifier.from_keras(build(), preprocessing="unit")
    workspace = Workspace(folder / clf.card.name)
    rng = np.random.default_rng(0)
    shape = clf.card.input_shape
    coarse = rng.integers(0, 256, (IMAGES + 2, 8, 8, 3), dtype=np.uint8)
    images = coarse.repeat(shape[0] // 8, axis=1).repeat(shape[1] // 8, axis=2)
    card, _ = workspace.add_dataset(images, name="patches")
    desk = Held(clf, workspace, workspace.dataset(card.fingerprint))
    layers = [layer.name for layer in clf.card.layers if layer.n_units]
    first = layers[0]
    took(desk, "feature_maps", image=0, layer=first)  # traces the graph
    took(desk, "feature_maps", image=0, layer=first, frozen={first: [0]}, pair=True)
    new, other = [], []
    for image in range(1, IMAGES + 1):
        for place, layer in enumerate(rng.permutation(layers)):
            (other if place else new).append(took(desk, "feature_maps", image=image, layer=str(layer)))
    frozen = [
        took(desk, "feature_maps", image=IMAGES, layer=layers[-2], frozen={first: [unit]}, pair=True)
        for unit in range(1, 5)
    ]
    took(desk, "feature_maps", image=IMAGES + 1, layer=first)
    two = took(desk, "compare", image=IMAGES, against=IMAGES + 1)
    means = took(desk, "mean_maps", image=IMAGES)
    held = layer_memory.outputs_of(cast(Desk, desk), "m", "d", IMAGES, [first]).size
    return (
        clf.card.name,
        str(len(layers)),
        both([*new, *other]),
        both(new),
        both(other),
        both(frozen),
        both([two]),
        both([means]),
        f"{held / 2**20:.0f}",
        f"{GOAL_MS:g}",
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(build, Path(folder)) for build in NETWORKS]
    columns = (
        "network",
        "layers with units",
        "a walk",
        "a new image",
        "another layer",
        "other units frozen",
        "two inputs compared",
        "means of all layers",
        "kept of an image, MB",
        "goal of the walk, ms",
    )
    text = table(columns, rows)
    print(text)
    if args.write:
        words = (
            "Medians in milliseconds, wall time / processor time of all threads. One pass over an image records "
            "its layers; after that only the tiles of the layer looked at are made.\n\n"
        )
        write_section("feature_maps", "Feature maps", words + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
