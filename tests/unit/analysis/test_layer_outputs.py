"""Feature maps are what a direct Keras sub-model gives; kernels are the layer's weights as images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.layer_outputs import feature_maps, kernels, ranked
from nnvis_dash.errors import NotFound, ParameterError
from tests import networks
from tests.unit.analysis.mutation.by_hand import vgg_like


@pytest.fixture(scope="module")
def clf():
    return Classifier.from_keras(vgg_like(), preprocessing="unit")


@pytest.mark.parametrize("build", [vgg_like, networks.sequential, networks.residual, networks.one_sigmoid])
def test_every_layer_equals_a_sub_model(build):
    import keras

    model = build()
    clf = Classifier.from_keras(model, preprocessing="unit")
    images = networks.images(3, clf.card.input_shape)
    names = [layer.name for layer in clf.card.layers]
    found = feature_maps(clf, images, names)
    assert list(found) == names
    x = images.astype("float32") / 255
    outputs = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])(x, training=False)
    for name, expected in zip(names, outputs, strict=True):
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)
        assert found[name].dtype == np.float32


def test_layers_of_nested_models_equal_sub_models_of_those():
    import keras

    model = networks.nested()
    clf = Classifier.from_keras(model, preprocessing="raw")
    images = networks.images(2, (16, 16, 3))
    base, head = model.get_layer("base"), model.get_layer("head")
    found = feature_maps(clf, images, ["base/conv", "base:1/norm", "mean", "head/hidden"])
    x = images.astype("float32") / 255
    conv = keras.Model(base.inputs[0], base.get_layer("conv").output)
    np.testing.assert_allclose(found["base/conv"], conv(x), rtol=1e-4, atol=1e-5)
    again = base(np.minimum(x, 0.5), training=False)
    np.testing.assert_allclose(found["base:1/norm"], again, rtol=1e-4, atol=1e-5)
    mean = (base(x, training=False) + again) / 2
    np.testing.assert_allclose(found["mean"], mean, rtol=1e-4, atol=1e-5)
    hidden = keras.Model(head.inputs[0], head.get_layer("hidden").output)
    np.testing.assert_allclose(found["head/hidden"], hidden(mean), rtol=1e-4, atol=1e-5)


@pytest.mark.shared_data
def test_a_mobilenet_equals_its_sub_models(shared_data):
    import keras

    clf = load_classifier(shared_data / "models" / "imagenet" / "mobilenet_v1_05_160.keras", "symmetric")
    images = networks.images(1, (160, 160, 3))
    names = ["conv1", "conv_dw_3", "conv_pw_7_relu", "conv_pw_13", "conv_preds"]
    found = feature_maps(clf, images, names)
    model = clf.model
    direct = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
    for name, expected in zip(names, direct(images.astype("float32") / 127.5 - 1, training=False), strict=True):
        np.testing.assert_allclose(found[name], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max(), err_msg=name)


def test_one_layer_may_be_given_by_its_name(clf):
    found = feature_maps(clf, networks.images(2, (16, 16, 3)), "pool2")
    assert list(found) == ["pool2"] and found["pool2"].shape == (2, 4, 4, 6)
    assert list(feature_maps(clf, networks.images(1, (16, 16, 3)), ["fc1", "conv1_1", "fc1"])) == ["fc1", "conv1_1"]


def test_with_frozen_units_later_layers_change_and_earlier_ones_do_not(clf):
    images = networks.images(2, (16, 16, 3))
    layers = ["conv1_1", "conv1_2", "conv2_1", "fc1"]
    own, left = feature_maps(clf, images, layers), feature_maps(clf, images, layers, {"conv1_2": [0, 1]})
    for name in layers[:2]:
        np.testing.assert_array_equal(left[name], own[name])
    for name in layers[2:]:
        assert not np.allclose(left[name], own[name])


def test_no_images_give_no_maps(clf):
    assert feature_maps(clf, np.empty((0, 16, 16, 3), np.uint8), "pool1")["pool1"].shape == (0, 8, 8, 4)


def test_layers_that_are_not_there_are_said(clf):
    with pytest.raises(NotFound, match=r"no layer 'conv9'\. Choose one of: conv1_1, conv1_2"):
        feature_maps(clf, networks.images(1, (16, 16, 3)), "conv9")
    opaque = Classifier(clf.model, replace(clf.card, layers=()))
    for call in (lambda: feature_maps(opaque, networks.images(1, (16, 16, 3)), "conv1_1"), lambda: kernels(opaque)):
        with pytest.raises(ParameterError, match="without layers"):
            call()


def test_channels_are_ranked_by_mean_by_difference_or_as_numbered():
    maps = np.zeros((1, 2, 2, 4), np.float32)
    maps[0, :, :, 1] = 1.0
    maps[0, 0, 0, 2] = 3.0
    maps[0, :, :, 3] = -1.0
    np.testing.assert_array_equal(ranked(maps), [1, 2, 0, 3])
    np.testing.assert_array_equal(ranked(maps[0]), [1, 2, 0, 3])
    np.testing.assert_array_equal(ranked(maps, "index"), [0, 1, 2, 3])
    other = maps.copy()
    other[0, 0, 0, 0] = -2.0  # L2 norm 2
    other[0, :, :, 3] = 0.2  # 2.4
    np.testing.assert_array_equal(ranked(maps, "difference", other), [3, 0, 1, 2])
    np.testing.assert_array_equal(ranked(np.float32([3, 5, 5])), [1, 2, 0])
    np.testing.assert_array_equal(ranked(np.empty((0, 2, 2, 3))), [0, 1, 2])


def test_orders_that_can_not_be_made_are_said():
    maps = np.zeros((2, 3), np.float32)
    with pytest.raises(ParameterError, match=r"\(2, 3\) and those to compare them with None"):
        ranked(maps, "difference")
    with pytest.raises(ParameterError, match=r"\(2, 3\) and those to compare them with \(1, 3\)"):
        ranked(maps, "difference", maps[:1])
    with pytest.raises(ParameterError, match=r"There is no order 'size'\. Use one of: activation"):
        ranked(maps, "size")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="no channels"):
        ranked(np.float32(3))


def test_kernels_are_the_first_layers_weights(clf):
    weights = clf.model.get_layer("conv1_1").get_weights()[0]
    found = kernels(clf)
    assert found.shape == (4, 3, 3, 3)
    np.testing.assert_array_equal(found[2], weights[..., 2])
    np.testing.assert_array_equal(kernels(clf, "conv2_1")[5], clf.model.get_layer("conv2_1").get_weights()[0][..., 5])


@pytest.mark.parametrize("kind", ["DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"])
def test_kernels_of_every_kind_say_what_a_unit_multiplies_a_position_by(kind):
    """An image that is 1 at one position of one channel is answered by the weights there."""
    import keras
    from keras import layers

    arguments = {"depthwise_initializer": "ones"} if kind == "DepthwiseConv2D" else {"filters": 4}
    if kind != "Conv2DTranspose":
        arguments["depth_multiplier"] = 2
    model = networks.seeded(
        keras.Sequential(
            [
                layers.Input((3, 3, 3)),
                getattr(layers, kind)(kernel_size=3, use_bias=False, **arguments, name="first"),
                layers.GlobalMaxPooling2D(),
                layers.Dense(2, name="head"),
            ]
        )
    )
    clf = Classifier.from_keras(model)
    found = kernels(clf, "first")
    for row, column, channel in ((0, 2, 1), (1, 1, 2)):
        image = np.zeros((1, 3, 3, 3), np.uint8)
        image[0, row, column, channel] = 1
        answer = feature_maps(clf, image, "first")["first"][0]
        if kind == "Conv2DTranspose":  # a pixel is painted with the kernel
            np.testing.assert_allclose(
                answer[row : row + 3, column : column + 3], np.moveaxis(found[..., channel], 0, -1), 1e-5
            )
        elif kind == "SeparableConv2D":
            np.testing.assert_allclose(answer[0, 0], found[:, row, column, channel], rtol=1e-5)
        else:  # two units for each channel
            expected = np.zeros(6)
            expected[2 * channel : 2 * channel + 2] = found[2 * channel : 2 * channel + 2, row, column, 0]
            np.testing.assert_allclose(answer[0, 0], expected, rtol=1e-5)


def test_kernels_of_a_dense_layer_on_pixels_are_images_in_red_green_blue():
    import keras
    from keras import layers

    model = networks.seeded(
        keras.Sequential([layers.Input((4, 5, 3)), layers.Flatten(), layers.Dropout(0.1), layers.Dense(3, name="head")])
    )
    plain, swapped = (kernels(Classifier.from_keras(model, preprocessing=name)) for name in ("raw", "caffe"))
    assert plain.shape == (3, 4, 5, 3)
    kernel = model.get_layer("head").get_weights()[0]
    assert plain[1, 2, 3, 0] == kernel[(2 * 5 + 3) * 3 + 0, 1]
    np.testing.assert_array_equal(swapped, plain[..., ::-1])


def test_weights_that_are_no_images_are_said(clf):
    with pytest.raises(ParameterError, match=r"'predictions' \(Dense\) are no images\. Choose one of: conv1_1"):
        kernels(clf, "predictions")
    with pytest.raises(ParameterError, match=r"'pool1' \(MaxPooling2D\)"):
        kernels(clf, "pool1")
    with pytest.raises(NotFound, match="no layer 'conv9'"):
        kernels(clf, "conv9")
