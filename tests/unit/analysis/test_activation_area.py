"""Where a unit is active: a detector of one bright pixel, and units that are nowhere or silent."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.activation_area import activation_area
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit
from tests import networks


@pytest.fixture(scope="module")
def spot() -> Classifier:
    """Return a classifier whose unit 1 of "pool" is the brightest pixel of each 4 × 4; unit 0 is dead."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            layers.Input((16, 12, 1)),
            layers.Conv2D(2, 1, activation="relu", name="conv"),
            layers.MaxPooling2D(4, name="pool"),
            layers.GlobalMaxPooling2D(name="most"),
            layers.Dense(2, name="head"),
        ]
    )
    kernel = np.array([0.0, 1.0], np.float32).reshape(1, 1, 1, 2)
    model.layers[0].set_weights([kernel, np.array([0.0, -10.0], np.float32)])
    return Classifier.from_keras(model, preprocessing="raw")


def dots(*places: tuple[int, int]) -> np.ndarray:
    images = np.zeros((len(places), 16, 12, 1), np.uint8)
    for image, place in zip(images, places, strict=True):
        image[place] = 210
    return images


def test_the_box_and_the_mask_are_where_the_dot_is(spot: Classifier):
    found = activation_area(spot, dots((5, 9), (15, 0)), Unit("pool", 1))
    assert found.positions.tolist() == [[1, 2], [3, 0]]
    assert found.boxes.tolist() == [[4, 8, 8, 12], [12, 0, 16, 4]]
    np.testing.assert_allclose(found.values, [200, 200])
    assert found.mask.shape == (2, 16, 12) and found.mask.dtype == np.bool_
    inside = found.mask[0, 4:8, 8:12]
    assert inside.mean() > 0.7 and inside[1:3, 1:].all()  # middle at (5.5, 9.5)
    assert found.mask[0].sum() <= 25 and not found.mask[0, :2].any() and not found.mask[0, :, :6].any()


def test_in_full_size_the_mask_is_the_map_above_its_share(spot: Classifier):
    image = networks.images(1, (16, 12, 1))
    found = activation_area(spot, image, Unit("conv", 1), share=0.75)
    activation = np.maximum(image[0, ..., 0].astype(float) - 10, 0)
    np.testing.assert_array_equal(found.mask[0], activation >= 0.75 * activation.max())
    row, column = found.positions[0]
    assert found.boxes[0].tolist() == [row, column, row + 1, column + 1]
    assert activation[row, column] == activation.max()


def test_a_smaller_share_covers_more(spot: Classifier):
    image = networks.images(1, (16, 12, 1))
    masks = [activation_area(spot, image, Unit("conv", 1), share).mask for share in (1.0, 0.6, 0.2)]
    assert masks[0].sum() >= 1
    assert (masks[0] <= masks[1]).all() and (masks[1] <= masks[2]).all() and masks[1].sum() < masks[2].sum()


def test_a_silent_unit_covers_nothing(spot: Classifier):
    for unit, image in ((Unit("conv", 0), dots((3, 3))), (Unit("conv", 1), np.zeros((1, 16, 12, 1), np.uint8))):
        found = activation_area(spot, image, unit)
        assert not found.mask.any() and found.boxes.tolist() == [[0, 0, 0, 0]] and found.values.tolist() == [0]
        assert found.positions.tolist() == [[-1, -1]]


def test_a_neuron_is_nowhere_so_it_covers_everything(spot: Classifier):
    found = activation_area(spot, dots((5, 9)), Unit("most", 1))
    assert found.mask.all() and found.boxes.tolist() == [[0, 0, 16, 12]] and found.values.tolist() == [200]


def test_images_of_other_sizes_are_fitted_and_none_is_an_answer(spot: Classifier):
    large = np.kron(dots((5, 9))[0, ..., 0], np.ones((2, 2), np.uint8))
    found = activation_area(spot, [large[..., None], dots((0, 0))[0]], Unit("pool", 1))
    assert found.mask.shape == (2, 16, 12) and found.positions.tolist() == [[1, 2], [0, 0]]
    none = activation_area(spot, np.zeros((0, 16, 12, 1), np.uint8), Unit("pool", 1))
    assert none.mask.shape == (0, 16, 12) and none.boxes.shape == (0, 4) and none.values.shape == (0,)


@pytest.mark.parametrize(
    ("unit", "share", "reason"),
    [
        (Unit("conv", 2), 0.5, "no unit 2"),
        (Unit("nowhere", 0), 0.5, "layer 'nowhere'"),
        (Unit("conv", 1), 0.0, "share of the maximum is 0"),
        (Unit("conv", 1), 1.5, "1.5"),
    ],
)
def test_what_cannot_be_is_said(spot: Classifier, unit: Unit, share: float, reason: str):
    with pytest.raises(ParameterError, match=reason):
        activation_area(spot, dots((0, 0)), unit, share)
