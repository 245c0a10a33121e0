"""Faithfulness where the truth is known: the object's mask, its edges, and chance, with a network of the demo."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier, read_model
from nnvis_dash.analysis.quality import case_of, measure
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.shapes import GREEN_CLASS, draw_shapes

NAME = "shapes-small"
LOWER = ("deletion", "infidelity")
HIGHER = ("insertion", "faithfulness_correlation", "sensitivity_n")
N = 24


@pytest.fixture(scope="module")
def means() -> dict[str, dict[str, float]]:
    """Return each measure's mean over some images, by heatmap and measure."""
    from scipy.ndimage import sobel

    data = draw_shapes(n_per_class=200)
    clf = Classifier.from_keras(read_model(WEIGHTS / f"{NAME}.keras"), read_cards()[NAME]["preprocessing"])
    # No pentagons: the network knows them by the grass around them.
    usual = np.flatnonzero((data.extras["flaw"] == 0) & (data.labels != GREEN_CLASS))[: 2 * N]
    right = clf.predict(data.images[usual]).argmax(axis=1) == data.labels[usual]
    ids = usual[right][:N]
    assert len(ids) == N
    images, masks, targets = data.images[ids], data.extras["masks"][ids], data.labels[ids]
    grey = images.mean(axis=3)
    heatmaps = {
        "oracle": masks,
        "inverse": -1.0 * masks,
        "edges": np.hypot(sobel(grey, 1), sobel(grey, 2)),
        "chance": np.random.default_rng(0).standard_normal(masks.shape),
        "negative chance": -np.random.default_rng(0).standard_normal(masks.shape),
    }
    measures = (*LOWER, *HIGHER)
    found = {}
    for name, heatmap in heatmaps.items():
        values = measure(case_of(clf, images, heatmap.astype(np.float32), targets), measures).values
        found[name] = {measure: float(values[measure].mean()) for measure in measures}
    return found


@pytest.mark.parametrize("name", (*LOWER, *HIGHER))
def test_the_mask_is_better_than_edges_and_chance(means: dict[str, dict[str, float]], name: str) -> None:
    sign = -1 if name in LOWER else 1
    margin = 0.1
    for worse in ("edges", "chance", "inverse"):
        assert sign * (means["oracle"][name] - means[worse][name]) > margin, (name, worse)
    for better in ("oracle", "edges", "chance"):
        assert sign * (means[better][name] - means["inverse"][name]) > 0, (name, better)


def test_chance_comes_out_as_chance(means: dict[str, dict[str, float]]) -> None:
    for name in ("faithfulness_correlation", "sensitivity_n"):
        assert abs(means["chance"][name]) < 0.08
        np.testing.assert_allclose(means["negative chance"][name], -means["chance"][name], atol=1e-6)
    # A map and its negative delete from both ends: for chance neither end is better.
    for name in ("deletion", "insertion"):
        assert abs(means["chance"][name] - means["negative chance"][name]) < 0.12
        assert min(means["oracle"][name], means["inverse"][name]) < means["chance"][name]
        assert means["chance"][name] < max(means["oracle"][name], means["inverse"][name])
    assert means["chance"]["infidelity"] > 0.7


def test_the_negative_of_a_map_is_as_wrong_as_can_be(means: dict[str, dict[str, float]]) -> None:
    assert means["inverse"]["faithfulness_correlation"] < -0.4
