"""From where on a heatmap is doubtful or fails: measured on maps that are known to be good, and known to be bad.

`--write` keeps the thresholds beside the code that reads them and the tables in docs/trust.md. Networks: the demo's six,
and the LeNets of the shared data on MNIST where they are there. What is known:

- good: `oracle`, the object's mask, where there is one; methods that follow from the classifier's function (integrated
  gradients, occlusion) or are reported to pass the sanity checks (gradient, Grad-CAM: Adebayo et al., 2018);
- bad: `random` and `smooth random` numbers, drawn from the image's content; Sobel `edges`; a `centre` blob; `untrained`,
  maps of the same network with random weights; guided backpropagation and DeconvNet, which restore the image rather
  than explain the network (Adebayo et al., 2018; Nie et al., 2018, arXiv:1805.07039).

Each measure is held against the bad maps that it is there to find: edges do lie on objects and a centre blob on centred
ones, so the displacement may well pass them; a map of random numbers doesn't depend on the weights, the edges neither.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy import ndimage

from benchmarks.report import table
from nnvis_dash.analysis.attribution import Attribution, attribute
from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.calibration import Known, calibrated, rates, record, share_of_each
from nnvis_dash.analysis.quality.thresholds import DECIDING, FILE, Threshold
from nnvis_dash.analysis.quality.verdict import measured
from nnvis_dash.analysis.random_weights import random_weights
from nnvis_dash.analysis.stratified import choose_samples
from nnvis_dash.demo.build import SOURCES, WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("NNVIS_SHARED_DATA", ROOT.parent / "shared" / "data"))
PAGE = ROOT / "docs" / "trust.md"
LENETS = ("lenet1", "lenet4")

GOOD = ("oracle", "gradient", "integrated_gradients", "grad_cam", "occlusion")
RESTORING = ("guided_backprop", "deconvnet")
BAD: Mapping[str, tuple[str, ...]] = {  # what each measure is there to find
    "displacement": ("random", "smooth random", "untrained"),
    "randomisation": ("edges", "centre", *RESTORING),
    "random_logit": ("edges", "centre", *RESTORING),
    "average_sensitivity": ("random", "smooth random"),
}
SHOWN = ("lrp_epsilon", "lrp_alpha_1_beta_0", "layer_cam", "smoothgrad")  # neither: what they come to

Planted = Callable[[Any], Any]  # (n, H, W, C) pixels -> (n, H, W) float32


@dataclass(frozen=True)
class Network:
    """A trained network with images that it wasn't trained on, (n, H, W, C), and masks where there are."""

    name: str
    dataset: str
    classifier: Classifier
    images: Any
    masks: Any


def networks(n: int) -> Iterator[Network]:
    """Yield the networks with n images each, all classes in proportion."""
    contents = {name: draw() for name, draw in SOURCES.items()}
    for name, card in read_cards().items():
        data = contents[card["dataset"]]
        clf = load_classifier(WEIGHTS / f"{name}.keras", card["preprocessing"], class_names=data.class_names)
        ids = data.ids(HELD_OUT)
        ids = ids[choose_samples(data.labels[ids], len(ids), n, seed=0)]
        masks = data.extras["masks"][ids] if "masks" in data.extras else None
        yield Network(name, card["dataset"], clf, data.images[ids], masks)
    if (SHARED / "models" / "mnist").is_dir():
        from nnvis_dash.workspace.datasets import load_dataset

        mnist = load_dataset(SHARED / "mnist" / "t10k-images-idx3-ubyte.gz")
        ids = choose_samples(mnist.labels, len(mnist), n, seed=0)
        for name in LENETS:
            clf = load_classifier(SHARED / "models" / "mnist" / f"{name}.keras", "unit")
            yield Network(name, "MNIST", clf, mnist.batch(ids, clf.card.input_shape), None)


def noise(images: Any) -> Any:
    """Return random numbers for each image, drawn from its content: another image, another map."""
    return np.stack(
        [
            np.random.default_rng([*np.ascontiguousarray(one).tobytes()]).standard_normal(one.shape[:2]).astype(np.float32)
            for one in images
        ]
    )


def smooth_noise(images: Any) -> Any:
    """Return random blobs, as wide as a small object."""
    return ndimage.gaussian_filter(noise(images), (0, *(side / 12 for side in images.shape[1:3])))


def edges(images: Any) -> Any:
    """Return the size of the Sobel gradient of the brightness."""
    grey = np.asarray(images, np.float32).mean(axis=-1)
    return np.hypot(ndimage.sobel(grey, axis=1), ndimage.sobel(grey, axis=2)).astype(np.float32)


def centre(images: Any) -> Any:
    """Return the same blob in the middle of each image."""
    height, width = images.shape[1:3]
    down, right = np.mgrid[:height, :width]
    blob = np.exp(-(((down + 0.5) / height - 0.5) ** 2 + ((right + 0.5) / width - 0.5) ** 2) / 0.08)
    return np.repeat(blob[None].astype(np.float32), len(images), axis=0)


PLANTED: Mapping[str, Planted] = {"random": noise, "smooth random": smooth_noise, "edges": edges, "centre": centre}


def cases(network: Network) -> Iterator[tuple[str, Case]]:
    """Yield every known map of a network's images as a case, with how it is made where it is a method."""
    clf, images = network.classifier, network.images
    targets = clf.predict(images).argmax(axis=1).astype(np.int32)
    if network.masks is not None:
        yield "oracle", Case(clf, images, network.masks.astype(np.float32), targets)
    for name, plant in PLANTED.items():
        explain = _planted(plant)
        found = explain(clf, images, targets)
        yield name, Case(clf, images, found.heatmap(), targets, found, explain)
    for name in (*GOOD[1:], *RESTORING, *SHOWN):
        explain = _method(name)
        found = explain(clf, images, targets)
        yield name, Case(clf, images, found.heatmap(), targets, found, explain)
    with random_weights(clf) as drawn:
        untrained = drawn.classifier(len(drawn.layers), seed=1)
        maps = [_method(name)(untrained, images, targets).heatmap() for name in GOOD[1:]]
    for found in maps:
        yield "untrained", Case(clf, images, found, targets)


def _planted(plant: Planted) -> Any:
    def explain(clf: Classifier, images: Any, targets: Any) -> Attribution:
        values, size = plant(np.asarray(images)), clf.card.input_shape[:2]
        return Attribution(values, "planted", targets, None, "logits", np.zeros(len(images), np.float32), size)

    return explain


def _method(name: str) -> Any:
    def explain(clf: Classifier, images: Any, targets: Any) -> Attribution:
        return attribute(clf, images, name, targets)

    return explain


@dataclass(frozen=True)
class Measured:
    """One map's values; `image` numbers the image over all networks."""

    network: str
    map: str
    image: int
    values: Mapping[str, float]


def measure_all(n: int) -> tuple[list[Measured], dict[str, str]]:
    """Measure all known maps; also return each network's dataset."""
    found: list[Measured] = []
    datasets: dict[str, str] = {}
    for network in networks(n):
        began = time.process_time()
        first = len(datasets) * n
        datasets[network.name] = network.dataset
        for name, case in cases(network):
            values = measured(case, _known(case)).values
            for row in range(len(case.targets)):
                own = {measure: float(given[row]) for measure, given in values.items()}
                found.append(Measured(network.name, name, first + row, own))
        print(f"{network.name}: {time.process_time() - began:.0f} s of CPU time", flush=True)
    return found, datasets


def _known(case: Case) -> dict[str, Any]:
    from nnvis_dash.analysis.quality.verdict import deciding

    return {name: given for name, given in deciding(case).items() if name in BAD}


def thresholds_of(found: list[Measured]) -> dict[str, Threshold]:
    """Return each measure's threshold from known maps."""
    limits = {}
    for name, bad in BAD.items():
        higher = "higher is better" in MEASURES[name].traits
        pools = []
        for maps in (GOOD, bad):
            some = [one for one in found if one.map in maps and name in one.values]
            pools.append(Known(np.array([one.values[name] for one in some]), np.array([one.image for one in some])))
        limits[name] = calibrated(name, higher, *pools, alpha=share_of_each(len(BAD)))
    return limits


def main() -> None:
    found, _ = measure_all(12)
    import pickle
    Path("/tmp/verdict-scratch/found.pkl").write_bytes(pickle.dumps(found))
    for measure in BAD:
        print(measure)
        for name in dict.fromkeys(one.map for one in found):
            values = np.array([one.values[measure] for one in found if one.map == name and measure in one.values])
            values = values[~np.isnan(values)]
            if len(values):
                print(f"   {name:22s}", len(values), np.round(np.quantile(values, (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)), 3))
    for limit in thresholds_of(found).values(): print(limit)


if __name__ == "__main__":
    main()
