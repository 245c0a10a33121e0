"""FGSM flips as many images as Foolbox's at the same epsilon; more only where cross entropy stands still."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.attacks import EPSILONS, Case, flipped, foolbox, known, unsure
from nnvis_dash.analysis.attacks import attack
from nnvis_dash.analysis.classifier import load_classifier
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.shapes import draw_shapes
from nnvis_dash.workspace.datasets import load_dataset

N = 200


def compare(case: Case) -> None:
    theirs = foolbox(case, "fgsm")
    open_ = unsure(case)
    assert len(open_) == N and open_.mean() > 0.8
    for epsilon in EPSILONS:
        own = attack(case.clf, case.images, case.labels, "fgsm", epsilon=epsilon / 255)
        rounded = np.rint(theirs(case.images, case.labels, epsilon / 255))
        other = flipped(case, rounded)
        np.testing.assert_array_equal(own.success, flipped(case, own.images))
        assert abs(own.success[open_].mean() - other[open_].mean()) <= 0.01
        assert own.success.mean() >= other.mean() - 0.01
        assert (own.images == rounded)[open_].mean() > 0.99


@pytest.mark.parametrize("name", ["shapes-small", "shapes-medium"])
def test_on_the_shapes_networks(name: str) -> None:
    data = draw_shapes(seed=5, n_per_class=200)
    clf = load_classifier(WEIGHTS / f"{name}.keras", read_cards()[name]["preprocessing"], data.class_names)
    compare(known(name, clf, data.images[:400], data.labels[:400], N))


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["lenet1", "lenet4"])
def test_on_the_networks_for_mnist(name: str, shared_data) -> None:
    clf = load_classifier(shared_data / "models" / "mnist" / f"{name}.keras", "unit")
    digits = load_dataset(next(iter(sorted((shared_data / "mnist").glob("*images*")))))
    compare(known(name, clf, np.asarray(digits.images[:300]), digits.labels[:300], N))
