"""The demo's pentagons stand on grass, and its networks know them by that: the analysis has to show it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.prediction_difference import prediction_difference
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.analysis.prediction_difference.question import Question
from nnvis_dash.analysis.prediction_difference.region import erase
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT, DemoDataset
from nnvis_dash.demo.shapes import GREEN_CLASS, draw_shapes

NAME = "shapes-small"
N = 6


@pytest.fixture(scope="module")
def data() -> DemoDataset:
    return draw_shapes()


@pytest.fixture(scope="module")
def clf(data: DemoDataset) -> Classifier:
    return load_classifier(WEIGHTS / f"{NAME}.keras", read_cards()[NAME]["preprocessing"], data.class_names)


@pytest.fixture(scope="module")
def patches(data: DemoDataset) -> PatchModel:
    return PatchModel.fit(data.images[:2000], 14)


def held_out(data: DemoDataset, clf: Classifier, green: bool) -> Any:
    """Return samples that the network calls by their name: pentagons on grass, or other shapes off it."""
    extras = data.extras
    label = extras["true_label"]
    wanted = (label == GREEN_CLASS) & extras["green_background"] if green else ~extras["green_background"]
    wanted &= (extras["split"] == HELD_OUT) & (extras["flaw"] == 0) & (green | (label != GREEN_CLASS))
    ids = np.flatnonzero(wanted)[: 3 * N]
    right = clf.predict(data.images[ids]).argmax(axis=1) == label[ids]
    return ids[right][:N]


@pytest.mark.parametrize("sampler", ["conditional", "marginal"])
def test_without_the_grass_the_pentagon_is_gone_and_without_the_pentagon_hardly(
    data: DemoDataset, clf: Classifier, patches: PatchModel, sampler: str
) -> None:
    source = data.images[~data.extras["green_background"]][:500] if sampler == "marginal" else patches
    stronger = {}
    for green in (True, False):
        found = []
        for place in held_out(data, clf, green):
            mask = data.extras["masks"][place].astype(bool)
            target = [int(data.extras["true_label"][place])]
            question = Question(1, 14, 10, sampler)
            object_, background = (
                erase(clf, data.images[place], region, source, target, question).evidence[0] for region in (mask, ~mask)
            )
            found.append(background > object_)
        stronger[green] = np.mean(found)
    assert stronger[True] > 0.8
    assert stronger[False] < 0.5


def test_grass_speaks_for_the_pentagon_in_the_map(data: DemoDataset, clf: Classifier, patches: PatchModel) -> None:
    outside = {}
    for green in (True, False):
        outside[green] = [
            prediction_difference(
                clf, data.images[place], GREEN_CLASS, 8, 14, 10, patches=patches, stride=4, output="logits"
            ).values[~data.extras["masks"][place].astype(bool)].mean()
            for place in held_out(data, clf, green)
        ]  # fmt: skip
    assert min(outside[True]) > 0
    assert np.mean(outside[True]) > 3 * abs(np.mean(outside[False]))
