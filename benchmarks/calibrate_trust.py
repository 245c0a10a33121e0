"""From where on a heatmap is doubtful or fails: measured on maps that are known to be good, and known to be bad.

`--write` keeps the thresholds beside the code that reads them and the tables in docs/trust.md. Networks: the demo's
six, and the LeNets of the shared data on MNIST where they are there. What is known:

- good at pointing: `oracle`, the object's mask, where there is one, and occlusion, which asks the classifier itself;
- good in that they follow the classifier: gradient and Grad-CAM, which pass the sanity checks (Adebayo et al., 2018),
  integrated gradients and occlusion, which are made of the classifier's answers alone;
- bad: `random` and `smooth random` numbers, drawn from the image's content; Sobel `edges`; a `centre` blob;
  `untrained`, maps of the same network with random weights; guided backpropagation and DeconvNet, which restore the
  image rather than explain the network (Adebayo et al., 2018; Nie et al., 2018, arXiv:1805.07039).

Each measure is held against the maps that it has to do with: edges do lie on objects and a centre blob on centred ones,
so they may well point at what an answer needs; what a planted map doesn't depend on it can't be blamed for twice.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from nnvis_dash.analysis.quality.calibration import (
    BAD_THAT_PASS,
    GOOD_THAT_FAIL,
    Known,
    calibrated,
    rates,
    record,
    share_of_each,
)
from nnvis_dash.analysis.quality.thresholds import DECIDING, FILE, SOUND, Threshold
from nnvis_dash.analysis.quality.verdict import deciding, measured, verdicts
from nnvis_dash.analysis.random_weights import random_weights
from nnvis_dash.analysis.stratified import choose_samples
from nnvis_dash.demo.build import SOURCES, WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("NNVIS_SHARED_DATA", ROOT.parent / "shared" / "data"))
PAGE = ROOT / "docs" / "trust.md"
LENETS = ("lenet1", "lenet4")

METHODS = ("gradient", "integrated_gradients", "grad_cam", "occlusion")
RESTORING = ("guided_backprop", "deconvnet")
KNOWN: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # of each measure the good maps, and the bad ones
    "faithfulness_correlation": (("oracle", "occlusion"), ("random", "smooth random", "untrained")),
    "randomisation": (METHODS, ("edges", "centre", *RESTORING)),
    "random_logit": (METHODS, ("edges", "centre", *RESTORING)),
    "average_sensitivity": (METHODS, ("random", "smooth random")),
}
SHOWN = ("lrp_epsilon", "lrp_preset_a", "lrp_alpha_1_beta_0", "layer_cam", "smoothgrad")  # neither: what they come to

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
            np.random.default_rng([*np.ascontiguousarray(one).tobytes()])
            .standard_normal(one.shape[:2])
            .astype(np.float32)
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
    for name in (*METHODS, *RESTORING, *SHOWN):
        explain = _method(name)
        found = explain(clf, images, targets)
        yield name, Case(clf, images, found.heatmap(), targets, found, explain)
    with random_weights(clf) as drawn:
        untrained = drawn.classifier(len(drawn.layers), seed=1)
        maps = [_method(name)(untrained, images, targets).heatmap() for name in METHODS]
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
    """One map's values; `image` numbers the image over all datasets."""

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
        datasets[network.name] = network.dataset
        first = n * list(dict.fromkeys(datasets.values())).index(network.dataset)  # its networks see the same images
        for name, case in cases(network):
            values = measured(case, deciding(case)).values
            for row in range(len(case.targets)):
                own = {measure: float(given[row]) for measure, given in values.items()}
                found.append(Measured(network.name, name, first + row, own))
        print(f"{network.name}: {time.process_time() - began:.0f} s of CPU time", flush=True)
    return found, datasets


def thresholds_of(found: Sequence[Measured]) -> dict[str, Threshold]:
    """Return each measure's threshold from known maps."""
    limits = {}
    for name, pools in KNOWN.items():
        higher = "higher is better" in MEASURES[name].traits
        good, bad = (
            Known(np.array([one.values[name] for one in some]), np.array([one.image for one in some]))
            for some in ([one for one in found if one.map in maps and name in one.values] for maps in pools)
        )
        limits[name] = calibrated(name, higher, good, bad, alpha=share_of_each(len(KNOWN)))
    return limits


def badges_of(found: Sequence[Measured], limits: Mapping[str, Threshold]) -> list[int]:
    """Return each map's badge under thresholds."""
    every = {**limits, "soundness": SOUND}
    names = dict.fromkeys(name for one in found for name in one.values)
    values = {name: np.array([one.values.get(name, np.nan) for one in found], np.float32) for name in names}
    return [one.badge for one in verdicts(values, len(found), every)]


def shares(found: Sequence[Measured]) -> list[tuple[object, ...]]:
    """Return of each map how often it fails, is doubtful and passes, with thresholds from the other half's images."""
    halves = [[one for one in found if one.image % 2 == half] for half in (0, 1)]
    badges: dict[str, list[int]] = {}
    for own, other in (halves, halves[::-1]):
        for one, badge in zip(own, badges_of(own, thresholds_of(other)), strict=True):
            badges.setdefault(one.map, []).append(badge)
    lines = []
    for name, given in badges.items():
        share = rates(given)
        lines.append((name, len(given), *(f"{share[word]:.0%}" for word in ("passes", "doubtful", "fails"))))
    return lines


def quantiles(found: Sequence[Measured]) -> list[tuple[object, ...]]:
    """Return of each map the 5 %, 50 % and 95 % quantiles of every measure."""
    lines = []
    for name in dict.fromkeys(one.map for one in found):
        cells: list[object] = [name]
        for measure in KNOWN:
            values = np.array([one.values.get(measure, np.nan) for one in found if one.map == name])
            values = values[~np.isnan(values)]
            cells.append(
                " / ".join(f"{one:.2f}" for one in np.quantile(values, (0.05, 0.5, 0.95))) if len(values) else ""
            )
        lines.append(tuple(cells))
    return lines


def limits_table(limits: Mapping[str, Threshold]) -> list[tuple[object, ...]]:
    """Return a line for each measure: what passes, what fails, with intervals, and the maps."""
    lines = []
    for limit in limits.values():
        from_, below = ("from", "below") if limit.higher else ("up to", "above")
        spans = [
            f"{word} {value:.2f} ({span[0]:.2f} to {span[1]:.2f})"
            for word, value, span in (
                (from_, limit.passes, limit.passes_interval),
                (below, limit.fails, limit.fails_interval),
            )
        ]
        good, bad = (", ".join(maps) for maps in KNOWN[limit.measure])
        lines.append((MEASURES[limit.measure].title, *spans, f"{good} ({limit.n_good})", f"{bad} ({limit.n_bad})"))
    return lines


def write(found: Sequence[Measured], datasets: Mapping[str, str], n: int) -> None:
    """Keep the thresholds where the code reads them, and the tables in docs/trust.md."""
    limits = thresholds_of(found)
    before = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    measures = {
        name: {**record(limit), "parameters": dict(DECIDING[name]), "good": KNOWN[name][0], "bad": KNOWN[name][1]}
        for name, limit in limits.items()
    }
    same = json.loads(json.dumps(measures)) == before.get("measures")
    about = {
        "edition": int(before.get("edition", 0)) + (not same),
        "date": datetime.date.today().isoformat(),
        "images": n,
        "networks": dict(datasets),
        "bad_that_pass": BAD_THAT_PASS,
        "good_that_fail": GOOD_THAT_FAIL,
        "measures": measures,
    }
    FILE.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    names = [MEASURES[name].title for name in KNOWN]
    tables = {
        "thresholds": table(
            ("measure", "passes (95 % interval)", "fails (95 % interval)", "good maps", "bad maps"),
            limits_table(limits),
        ),
        "known maps": table(("map", *names), quantiles(found)),
        "badges": table(("map", "maps", "passes", "doubtful", "fails"), shares(found)),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, body in tables.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        text = text[: text.index(begin)] + f"{begin}\n{body}\n{end}" + text[text.index(end) + len(end) :]
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    """Measure, print, and keep with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20, help="of each network (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="keep the thresholds, and the tables in docs/trust.md")
    args = parser.parse_args()
    found, datasets = measure_all(args.images)
    print(table(("measure", "passes", "fails", "good maps", "bad maps"), limits_table(thresholds_of(found))))
    print(table(("map", *KNOWN), quantiles(found)))
    print(table(("map", "maps", "passes", "doubtful", "fails"), shares(found)))
    if args.write:
        write(found, datasets, args.images)


if __name__ == "__main__":
    main()
