"""How much of each method's positive relevance lies on the object, on the demo's shapes whose masks are known.

Two groups of held-out samples that the network calls by their name: shapes off grass, where a good map lies on the
object, and pentagons on grass, a class that the networks know by its background (docs/demo.md): there a map that is
faithful to the network lies beside the object.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.report import PAGE, table, write_section
from nnvis_dash.analysis.attribution import METHODS, attribute
from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.relevance.patterns import learn_patterns
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT, TRAIN, DemoDataset
from nnvis_dash.demo.shapes import GREEN_CLASS, draw_shapes
from nnvis_dash.errors import NNVisError
from nnvis_dash.types import Floats

NETWORKS = ("shapes-small", "shapes-vgg13")
SIDE = 8  # pixels: methods that look through a layer use the last one with maps of at least this size
N_FOR_PATTERNS = 1000
BATCH = 16
Groups = dict[str, np.ndarray[Any, Any]]


def groups(clf: Classifier, data: DemoDataset, n: int) -> Groups:
    """Return the ids of the samples of both groups: held out, without another planted flaw, predicted right."""
    extras = data.extras
    right = np.asarray(clf.predict(data.images)).argmax(axis=1) == extras["true_label"]
    plain = right & (extras["split"] == HELD_OUT) & (extras["flaw"] == 0)
    pentagon, green = extras["true_label"] == GREEN_CLASS, extras["green_background"]
    each = n // (len(data.class_names) - 1)
    shapes = [
        np.flatnonzero(plain & ~green & (extras["true_label"] == label))[:each]
        for label in range(len(data.class_names))
        if label != GREEN_CLASS
    ]
    return {"shapes": np.concatenate(shapes), "pentagons": np.flatnonzero(plain & pentagon & green)[:n]}


def shares_inside(heatmaps: Floats, masks: np.ndarray[Any, Any]) -> Floats:
    """Return the share of what is positive inside the mask, for each map that has something positive."""
    positive = np.maximum(heatmaps, 0).astype(np.float64)
    total = positive.sum(axis=(1, 2))
    inside = (positive * masks).sum(axis=(1, 2))
    return np.asarray(inside[total > 0] / total[total > 0])


def cell(shares: Floats, n: int) -> str:
    """Return the mean, and of how many maps where some had nothing positive."""
    if not len(shares):
        return "nothing positive"
    return f"{shares.mean():.2f}" + (f" ({len(shares)} of {n})" if len(shares) < n else "")


def heatmaps(clf: Classifier, images: np.ndarray[Any, Any], method: str, patterns: object) -> Floats:
    """Return the maps of each image's own prediction."""
    traits = METHODS[method].traits
    parameters = {"patterns": patterns} if "patterns" in traits else {}
    large = [layer.name for layer in clf.card.layers if layer.is_map and layer.output_shape[0] >= SIDE]
    layer = large[-1] if "through a layer" in traits or method == "activation" else None
    found = [
        attribute(clf, images[start : start + BATCH], method, layer=layer, **parameters).heatmap()
        for start in range(0, len(images), BATCH)
    ]
    return np.concatenate(found)


def measure(name: str, data: DemoDataset, n: int, wanted: list[str]) -> dict[str, dict[str, str]]:
    """Return for one network by method and group: the share, or why there is none. The first row is the area."""
    card = read_cards()[name]
    clf = load_classifier(WEIGHTS / f"{name}.keras", card["preprocessing"], data.class_names)
    trained_on = np.flatnonzero(data.extras["split"] == TRAIN)[:N_FOR_PATTERNS]
    patterns = learn_patterns(clf, data.images[trained_on])
    rows: dict[str, dict[str, str]] = {"": {}}
    for group, ids in groups(clf, data, n).items():
        masks = data.extras["masks"][ids]
        rows[""][group] = f"{masks.mean():.2f}"
        for method in wanted or METHODS:
            try:
                found = cell(shares_inside(heatmaps(clf, data.images[ids], method, patterns), masks), len(ids))
            except NNVisError as error:
                found = str(error)
            rows.setdefault(method, {})[group] = found
            print(name, group, method, found, flush=True)
    return rows


def body(measured: dict[str, dict[str, dict[str, str]]], n: int) -> str:
    """Return the section's text."""
    columns = ["method", *(f"{group}, `{name}`" for name in measured for group in ("shapes", "pentagons"))]
    first = next(iter(measured.values()))
    rows = []
    for method in first:
        title = f"{METHODS[method].title} (`{method}`)" if method else "*area of the object (what chance gives)*"
        rows.append([title, *(shown for network in measured.values() for shown in network[method].values())])
    return (
        "Mean share, 0..1, of the map's positive values on the object's pixels; own prediction, logits, every "
        f"parameter as it comes; about {n} images a group (where fewer maps have anything positive: how many). "
        "*shapes*: nine classes off grass, where the object is the evidence: above the area is better. *pentagons*: on "
        "grass, the planted background that the networks know them by: below the area means that the map shows it. "
        "Methods that look through a layer, and the activation, use the last layer whose maps have "
        f"{SIDE} × {SIDE} or more.\n\n" + table(columns, rows)
    )


def main() -> None:
    """Measure, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=36, help="in each group")
    parser.add_argument("--networks", nargs="*", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--methods", nargs="*", default=[], help="only these")
    parser.add_argument("--write", action="store_true", help="update the section in docs/attribution.md")
    given = parser.parse_args()
    data = draw_shapes()
    measured = {name: measure(name, data, given.images, given.methods) for name in given.networks}
    text = body(measured, given.images)
    print(text)
    if given.write:
        page = PAGE.with_name("attribution.md")
        write_section("object_masks", "How much of the map lies on the object", text, page)


if __name__ == "__main__":
    main()
