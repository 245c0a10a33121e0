"""Two changes at once: the cells of a plain double loop, and interactions worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.simulation.change import change
from nnvis_dash.analysis.simulation.pairs import grid_of, pair_grid
from nnvis_dash.analysis.transformations import transform
from nnvis_dash.errors import ParameterError
from nnvis_dash.workspace.datasets import load_dataset
from tests import networks
from tests.unit.analysis.simulation import lamps
from tests.unit.analysis.simulation.lamps import flat

TURN, BRIGHT = change("rotation", [-25, 0, 60]), change("brightness", [-50, 0, 35, 80])


@pytest.fixture(scope="module")
def clf() -> Classifier:
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


def test_cells_are_those_of_a_plain_double_loop(clf: Classifier) -> None:
    images = networks.images(9, (12, 10, 3), seed=4)
    labels = np.array([0, 1, 2, 3, 4, 0, 1, -1, 3])
    found = pair_grid(clf, images, TURN, BRIGHT, labels=labels)
    known = labels >= 0
    assert found.n == 8 and found.against == "labels" and found.accuracy.shape == (3, 4)
    for row, turn in enumerate(TURN.degrees):
        for column, bright in enumerate(BRIGHT.degrees):
            both = transform(transform(images, "rotation", turn), "brightness", bright)
            said = clf.predict(both)
            right = said.argmax(axis=1) == labels
            assert found.accuracy[row, column] == right[known].mean()
            expected = said[np.arange(9), labels][known].mean()
            assert found.probability[row, column] == pytest.approx(expected, abs=1e-5)
    a = found.accuracy
    np.testing.assert_allclose(found.interaction, a - a[:, 1:2] - a[1:2] + a[1, 1], atol=1e-6)
    assert not found.interaction[1].any() and not found.interaction[:, 1].any()


def test_the_order_matters_and_is_the_given_one() -> None:
    # half 10, half 220: darkened by 15 they are 0 and 205, levelled 102; levelled first they are 115, darkened 100
    image = flat(10)
    image[0, :2] = 220
    darker, levelled = change("brightness", [-15, 0]), change("contrast", [0.0, 1.0])
    assert pair_grid(lamps.lamp(), image, darker, levelled, labels=[1]).accuracy.tolist() == [[1, 1], [1, 1]]
    assert pair_grid(lamps.lamp(), image, levelled, darker, labels=[1]).accuracy.tolist() == [[0, 1], [1, 1]]


def test_degrees_that_change_nothing_are_added() -> None:
    found = pair_grid(lamps.lamp(), flat(98, 110), change("brightness", [4]), change("blur", [2.0]), labels=[0, 1])
    assert found.first.degrees == (0, 4) and found.second.degrees == (0, 2)
    np.testing.assert_allclose(found.accuracy, [[1, 1], [0.5, 0.5]])


def test_an_interaction_by_hand() -> None:
    # each change alone leaves all 4 right, both together break 3: −3/4
    right = np.ones((5, 2, 2), bool)
    right[:3, 1, 1] = False
    rows = {
        "labels": np.array([0, 0, 1, 1, -1]),
        "right": right,
        "true_probability": np.full((5, 2, 2), 0.5, np.float32),
    }
    found = grid_of(change("rotation", [0, 9]), change("brightness", [0, 9]), rows, unlabelled=False)
    np.testing.assert_allclose(found.accuracy, [[1, 1], [1, 0.25]])
    np.testing.assert_allclose(found.interaction, [[0, 0], [0, -0.75]])
    assert found.interaction_low[1, 1] <= -0.75 <= found.interaction_high[1, 1] <= 0
    assert found.n == 4 and found.accuracy_low[0, 0] < 1 == found.accuracy_high[0, 0]


def test_an_attack_may_come_second_and_not_first() -> None:
    # 110 + 4 needs an epsilon of 14, 110 alone one of 10
    epsilon = change("fgsm", [0, 10, 14])
    found = pair_grid(lamps.lamp(), flat(110), change("brightness", [0, 4]), epsilon, labels=[1])
    assert found.accuracy.tolist() == [[1, 0, 0], [1, 1, 0]]
    with pytest.raises(ParameterError, match="FGSM comes first"):
        pair_grid(lamps.lamp(), flat(110), epsilon, change("brightness", [0, 4]))


def test_unlabelled_images_of_several_sizes_agree_with_themselves(clf: Classifier) -> None:
    data = load_dataset([networks.images(1, size, seed=8)[0] for size in ((20, 16, 3), (9, 8, 3), (20, 16, 3))])
    found = pair_grid(clf, data, TURN, BRIGHT)
    assert found.against == "predictions" and "agreement" in found.note and found.accuracy[1, 1] == 1
    for row, turn in enumerate(TURN.degrees):
        said = [
            clf.predict(transform(transform(data.image(number), "rotation", turn), "brightness", 80)[None])
            for number in range(3)
        ]
        clean = [clf.predict(data.image(number)[None]) for number in range(3)]
        agreed = np.mean([one.argmax() == other.argmax() for one, other in zip(said, clean, strict=True)])
        assert found.accuracy[row, 3] == pytest.approx(agreed)


def test_what_makes_no_grid_is_named(clf: Classifier) -> None:
    images = networks.images(2, (12, 10, 3))
    with pytest.raises(ParameterError, match="10302 cells"):
        pair_grid(clf, images, change("rotation", np.arange(-50, 51)), change("hue", np.arange(-50, 52)))
    with pytest.raises(ParameterError, match="No image has a class"):
        pair_grid(clf, images, TURN, BRIGHT, labels=[-1, 1], samples=[0])
