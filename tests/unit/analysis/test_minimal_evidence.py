"""Minimal evidence on networks whose evidence is known, and its promises on any network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution.baselines import baseline
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.minimal_evidence import FILLINGS, MinimalEvidence, minimal_evidence
from nnvis_dash.errors import ParameterError
from tests import networks

SIDE = 6
WHITE = np.full((SIDE, SIDE, 1), 255, np.uint8)


def adding(blocks: list[list[float]], bias: float) -> Classifier:
    """Return a classifier of 6 × 6 grey images with two classes, the second's logit 0.

    The first's is `bias` and, for each of the 3 × 3 blocks of 2 × 2 pixels, its weight × mean brightness 0..1.
    """
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((SIDE, SIDE, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="scores"),
            keras.layers.Softmax(),
        ]
    )
    weights = np.kron(np.array(blocks), np.full((2, 2), 1 / 4))
    kernel = np.stack([weights.ravel(), np.zeros(SIDE * SIDE)], axis=1)
    model.set_weights([kernel.astype(np.float32), np.array([bias, 0], np.float32)])
    return Classifier.from_keras(model, preprocessing="unit")


def search(clf: Classifier, image: np.ndarray = WHITE, **given: Any) -> MinimalEvidence:
    return minimal_evidence(clf, image, **{"kind": "grid", "n_regions": 9, "filling": "black", **given})


def blocks(mask: np.ndarray) -> list[int]:
    """Return the numbers of the 2 × 2 blocks that a mask is made of."""
    numbers = np.kron(np.arange(9).reshape(3, 3), np.ones((2, 2), int))
    found = np.unique(numbers[mask])
    np.testing.assert_array_equal(mask, np.isin(numbers, found))
    return found.tolist()


def test_evidence_worked_by_hand():
    # Whole image: 5 + 3 + 2 + 1 - 2 - 6.5 = 2.5 > 0. Alone 5 + 3 - 6.5 = 1.5 is enough, 5 alone isn't.
    # Without 5: -2.5; without 3: -0.5; so the greatest alone is necessary.
    clf = adding([[5, 0, 0], [3, 2, 0], [1, 0, -2]], -6.5)
    found = search(clf)
    assert (found.target, found.prediction) == (0, 0)
    assert found.probability == pytest.approx(1 / (1 + np.exp(-2.5)), abs=1e-4)
    assert found.sufficient_found and blocks(found.sufficient) == [0, 3]
    assert found.sufficient_probability == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-4)
    assert found.necessary_found and blocks(found.necessary) == [0]
    assert found.necessary_probability == pytest.approx(1 / (1 + np.exp(2.5)), abs=1e-4)
    assert found.necessary_class == 1
    assert found.necessary_class_probability == pytest.approx(1 - found.necessary_probability, abs=1e-5)
    assert found.regions.shape == (SIDE, SIDE) and found.regions.dtype == np.int32


def test_what_is_sufficient_can_be_asked_to_be_probable_too():
    clf = adding([[5, 0, 0], [3, 2, 0], [1, 0, -2]], -6.5)
    assert blocks(search(clf, least=0.8).sufficient) == [0, 3]  # logit 1.5: 0.82
    found = search(clf, least=0.9)
    assert blocks(found.sufficient) == [0, 3, 4]  # 3.5: 0.97
    assert found.sufficient_probability == pytest.approx(1 / (1 + np.exp(-3.5)), abs=1e-4)
    assert blocks(found.necessary) == [0]  # is as it was
    assert not search(clf, least=0.999).sufficient_found


def test_the_search_asks_about_all_candidates_of_a_step_at_once(monkeypatch: pytest.MonkeyPatch):
    clf = adding([[5, 0, 0], [3, 2, 0], [1, 0, -2]], -6.5)
    asked: list[int] = []
    logits = Classifier.logits

    def counting(self: Classifier, given: np.ndarray) -> np.ndarray:
        asked.append(len(given))
        return logits(self, given)

    monkeypatch.setattr(Classifier, "logits", counting)
    found = search(clf)
    # the image; nothing, 9 and 8 candidates, 2 to spare; nothing taken, 9 candidates, 1 to spare; the class at the end
    assert asked == [1, 1, 9, 8, 2, 1, 9, 1, 1]
    assert (found.steps, found.evaluated) == (7, 31)


def test_regions_that_became_dispensable_are_dropped_again():
    import keras

    # The logit of class 0 is 4 a + 9 relu(b + c - 1) - 5: greedy takes a first, though b and c do it alone.
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((1, 3, 1)),
            layers.Flatten(),
            layers.Dense(2, activation="relu"),
            layers.Dense(2),
            layers.Softmax(),
        ]
    )
    hidden = np.array([[1, 0], [0, 1], [0, 1]], np.float32), np.array([0, -1], np.float32)
    model.set_weights([*hidden, np.array([[4, 0], [9, 0]], np.float32), np.array([-5, 0], np.float32)])
    clf = Classifier.from_keras(model, preprocessing="unit")
    image = np.full((1, 3, 1), 255, np.uint8)
    found = minimal_evidence(clf, image, kind="grid", n_regions=3, filling="black")
    assert found.sufficient[0].tolist() == [False, True, True]


def test_what_the_filling_alone_is_predicted_as_cannot_be_broken():
    found = search(adding([[1, 0, 0], [0, 0, 0], [0, 0, 0]], 0.5))
    assert found.sufficient_found and not found.sufficient.any()
    assert not found.necessary_found and not found.necessary.any()
    assert found.necessary_class == found.target == 0
    assert (
        found.necessary_probability == found.sufficient_probability == pytest.approx(1 / (1 + np.exp(-0.5)), abs=1e-4)
    )


def test_evidence_of_a_class_that_is_not_predicted():
    # The second class wins only where block 8 is not there: -2 + 1 + ... = never by what stays, so by what goes.
    clf = adding([[1, 0, 0], [0, 0, 0], [0, 0, -3]], 0.5)
    found = search(clf, target=0)
    assert (found.target, found.prediction) == (0, 1)
    assert found.sufficient_found and not found.sufficient.any()  # the filling alone: 0.5
    assert found.necessary_found and not found.necessary.any()  # nothing has to go
    never = search(adding([[1, 0, 0], [0, 0, 0], [0, 0, 0]], -2), target=0)
    assert not never.sufficient_found and not never.sufficient.any()
    assert never.sufficient_probability == never.probability


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("seed", range(4))
def test_no_region_can_be_spared_and_the_goal_is_reached(filling: str, seed: int):
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    image = networks.images(1, (12, 10, 3), seed=seed)[0]
    found = minimal_evidence(clf, image, n_regions=20, filling=filling)
    filled = np.rint(baseline(image[None], FILLINGS[filling])[0]).astype(np.uint8)

    def predicted(kept: np.ndarray) -> int:
        return int(clf.predict(np.where(kept[..., None], image, filled)[None])[0].argmax())

    assert predicted(np.ones((12, 10), bool)) == found.target
    assert predicted(found.sufficient) == found.target and found.sufficient_found
    for number in np.unique(found.regions[found.sufficient]):
        assert predicted(found.sufficient & (found.regions != number)) != found.target
    if found.necessary_found:
        assert predicted(~found.necessary) == found.necessary_class != found.target
        for number in np.unique(found.regions[found.necessary]):
            assert predicted(~found.necessary | (found.regions == number)) == found.target
    else:
        assert predicted(np.zeros((12, 10), bool)) == found.target


def test_the_image_is_fitted_and_the_result_does_not_change():
    clf = Classifier.from_keras(networks.sequential(), preprocessing="unit")
    large = networks.images(1, (30, 40, 3), seed=1)[0]
    one, again = (minimal_evidence(clf, large, n_regions=12) for _ in range(2))
    assert one.regions.shape == one.sufficient.shape == (12, 10)
    np.testing.assert_array_equal(one.sufficient, again.sufficient)
    np.testing.assert_array_equal(one.necessary, again.necessary)


def test_images_with_fractions_are_taken_as_they_are():
    clf = adding([[5, 0, 0], [3, 2, 0], [1, 0, -2]], -6.5)
    assert blocks(search(clf, WHITE.astype(np.float32) - 0.25).sufficient) == [0, 3]


def test_progress_goes_up_to_the_whole():
    seen: list[float] = []
    with progress.reporting(lambda done, total: seen.append(done / total)):
        search(adding([[5, 0, 0], [3, 2, 0], [1, 0, -2]], -6.5))
    assert seen == sorted(seen) and seen[-1] == 1 and len(seen) >= 4


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"target": 2}, "no class 2"),
        ({"target": True}, "no class True"),
        ({"target": 0.5}, "no class 0.5"),
        ({"n_regions": 1}, "number of regions is 1"),
        ({"n_regions": "many"}, "number of regions is 'many'"),
        ({"filling": "snow"}, "no filling 'snow'"),
        ({"least": 1.5}, "least probability is 1.5"),
        ({"least": "much"}, "least probability is 'much'"),
        ({"kind": "hexagons"}, "no regions 'hexagons'"),
        ({"image": np.zeros((2, SIDE, SIDE, 1), np.uint8)}, "shape"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(given: dict[str, Any], reason: str):
    clf = adding([[5, 0, 0], [3, 2, 0], [1, 0, -2]], -6.5)
    with pytest.raises(ParameterError, match=reason):
        search(clf, given.pop("image", WHITE), **given)
