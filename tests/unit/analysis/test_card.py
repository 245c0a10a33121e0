"""What a card says of a model, what is guessed, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis import card as cards
from nnvis_dash.analysis.card import batch_size, chunk_size, describe, feature_point, layer_with_map, units_of
from nnvis_dash.analysis.graph import Graph
from nnvis_dash.errors import ModelError, ParameterError
from nnvis_dash.types import ModelCard, Preprocessing, Unit
from tests import networks


def test_card_of_a_plain_model():
    card = describe(networks.sequential(), class_names=["a", "b", "c", "d", "e"], source="plain.keras")
    assert card.name == "sequential"
    assert card.input_shape == (12, 10, 3)
    assert card.n_classes == 5
    assert card.output == "softmax"
    assert card.preprocessing.name == "raw"
    assert card.grad_cam_layer == "conv2"
    assert card.feature_layer == "hidden"
    assert card.source == "plain.keras"
    assert card.notes == {}
    conv1, conv2 = 3 * 3 * 3 * 4 + 4, 3 * 3 * 4 * 6 + 6
    assert card.parameters == conv1 + conv2 + (3 * 2 * 6 * 8 + 8) + (8 * 5 + 5)
    assert ModelCard.from_json(card.to_json()) == card


@pytest.mark.parametrize(
    ("name", "output", "feature_layer", "grad_cam_layer"),
    [
        ("residual", "softmax", "average", "separable"),
        ("shared", "softmax", "flatten", "twice:1"),
        ("nested", "softmax", "head/hidden", "base:1/conv"),
        ("one_sigmoid", "sigmoid", "flatten", "conv"),
        ("logits", "logits", "greatest", "conv"),
        ("fully_convolutional", "softmax", "average", "conv"),
    ],
)
def test_what_is_read_from_a_model(name, output, feature_layer, grad_cam_layer):
    card = describe(networks.ALL[name]())
    assert card.output == output
    assert card.feature_layer.startswith(feature_layer)
    assert card.grad_cam_layer == grad_cam_layer


def test_one_sigmoid_is_two_classes():
    assert describe(networks.one_sigmoid(), class_names=["no", "yes"]).n_classes == 2


def test_a_guessed_output_is_noted():
    assert "softmax is applied" in describe(networks.logits()).notes["output"]
    assert "output" not in describe(networks.logits(), output="logits").notes


@pytest.mark.parametrize(
    ("name", "build", "expected"),
    [
        ("own", lambda layers: [], "unit"),
        ("own", lambda layers: [layers.Rescaling(1 / 255)], "raw"),
        ("own", lambda layers: [layers.RandomFlip(), layers.Normalization(mean=0.0, variance=1.0)], "raw"),
        ("vgg16", lambda layers: [], "caffe"),
        ("resnet50", lambda layers: [], "caffe"),
        ("resnet50v2", lambda layers: [], "symmetric"),
        ("inception_resnet_v2", lambda layers: [], "symmetric"),
        ("mobilenet_1.00_224", lambda layers: [], "symmetric"),
        ("MobileNetV3Small", lambda layers: [], "raw"),
        ("densenet121", lambda layers: [], "imagenet"),
        ("xception", lambda layers: [], "symmetric"),
    ],
)
def test_preprocessing_is_guessed_and_noted(name, build, expected):
    import keras
    from keras import layers

    model = keras.Sequential(
        [layers.Input((4, 4, 3)), *build(layers), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)], name=name
    )
    card = describe(model, preprocessing="auto")
    assert card.preprocessing == Preprocessing.named(expected)
    assert card.notes["preprocessing"].startswith(f"guessed: {expected}, ")


def test_preprocessing_of_a_nested_application_and_of_arithmetic():
    import keras
    from keras import layers

    base = keras.Sequential([layers.Input((4, 4, 3)), layers.Conv2D(2, 3)], name="vgg16")
    inputs = keras.Input((4, 4, 3))
    plain = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(base(inputs))))
    scaled = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(base(inputs / 127.5 - 1.0))))
    assert describe(plain, preprocessing="auto").preprocessing.name == "caffe"
    assert describe(scaled, preprocessing="auto").preprocessing.name == "raw"


def test_a_colour_scheme_is_not_guessed_for_grey_images():
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2)], name="vgg16")
    assert describe(model, preprocessing="auto").preprocessing.name == "unit"


def test_fingerprint_follows_weights_preprocessing_and_fitting():
    model = networks.sequential()
    first = describe(model).fingerprint
    assert describe(networks.sequential()).fingerprint == first
    assert describe(model, name="other").fingerprint == first
    assert describe(model, preprocessing="unit").fingerprint != first
    assert describe(model, resize="crop").fingerprint != first
    model.get_layer("head").bias.assign_add(np.ones(5))
    assert describe(model).fingerprint != first


def test_models_of_any_size_get_one_that_is_noted():
    import keras
    from keras import layers

    inputs = keras.Input((None, None, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, strides=2, name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    card = describe(model)
    assert card.input_shape == (224, 224, 3)
    assert "guessed: 224" in card.notes["input size"]
    assert card.layer("conv").output_shape == (111, 111, 4)
    small = describe(model, input_size=(33, 17))
    assert small.input_shape == (33, 17, 3)
    assert small.layer("conv").output_shape == (16, 8, 4)
    assert "input size" not in small.notes


def test_features_are_pooled_where_a_flattened_map_is_large(monkeypatch):
    graph = Graph(networks.one_sigmoid())
    step, pooled = feature_point(graph)
    assert (step.kind, pooled) == ("Flatten", False)
    monkeypatch.setattr(cards, "FEATURE_LIMIT", 6 * 6 * 3 - 1)
    step, pooled = feature_point(graph)
    assert (step.name, pooled) == ("conv", True)


def test_features_of_a_model_with_one_layer_are_its_outputs():
    import keras
    from keras import layers

    one = keras.Sequential([layers.Input((5, 5, 1)), layers.Conv2D(3, 5, name="only"), layers.Flatten()])
    step, pooled = feature_point(Graph(one))
    assert (step.name, pooled) == ("only", True)


def test_units_in_the_order_of_layers():
    units = units_of(describe(networks.sequential()))
    assert units[0] == Unit("conv1", 0)
    assert units[4] == Unit("conv2", 0)
    assert units[-1] == Unit("head", 4)
    assert len(units) == 4 + 6 + 8 + 5


def test_batches_shrink_with_the_largest_activation():
    import keras
    from keras import layers

    def card(size, channels):
        inputs = keras.Input((size, size, 3))
        x = layers.GlobalAveragePooling2D()(layers.Conv2D(channels, 3, padding="same")(inputs))
        return describe(keras.Model(inputs, layers.Dense(2)(x)))

    assert batch_size(card(32, 64)) == 128  # 32 MB / (32 · 32 · 64 · 4 bytes)
    assert batch_size(card(224, 64)) == 4  # 2, but never under 4
    assert batch_size(card(8, 4)) == 256
    for size, channels in ((32, 64), (224, 64), (8, 4)):
        chosen = card(size, channels)
        assert chunk_size(chosen) % batch_size(chosen) == 0
        assert batch_size(chosen) <= chunk_size(chosen) <= 2048


def test_layer_with_map_names_those_that_can():
    card = describe(networks.sequential())
    assert layer_with_map(card, None).name == "conv2"
    assert layer_with_map(card, "pool").name == "pool"
    with pytest.raises(
        ParameterError, match=r"'hidden' \(Dense\) gives \(8,\), not a map.*conv1, pool, conv2, dropout"
    ):
        layer_with_map(card, "hidden")
    with pytest.raises(ParameterError, match=r"no layer 'conv9'.*conv1, pool"):
        layer_with_map(card, "conv9")


def _model(shape, *layers_):
    import keras
    from keras import layers

    return keras.Sequential([layers.Input(shape), *(build(layers) for build in layers_)], name="bad")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: _model((8,), lambda layers: layers.Dense(2)), r"takes inputs of shape \(8,\)"),
        (lambda: _model((8, 8, 2), lambda layers: layers.Flatten(), lambda layers: layers.Dense(2)), r"\(8, 8, 2\)"),
        (lambda: _model((8, 8, 3), lambda layers: layers.Conv2D(2, 3)), r"puts out \(6, 6, 2\)"),
        (
            lambda: _model(
                (2, 2, 1), lambda layers: layers.Flatten(), lambda layers: layers.Dense(1, activation="softmax")
            ),
            "softmax over one class",
        ),
        (lambda: _model((2, 2, 1), lambda layers: layers.Flatten()), "no convolution and no dense layer"),
    ],
)
def test_models_that_classify_no_images_are_refused(build, message):
    with pytest.raises(ModelError, match=message) as caught:
        describe(build())
    assert caught.value.mend


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": ["a", "b"]}, "2 class names for a model with 5 classes"),
        ({"preprocessing": "vgg"}, "no preprocessing 'vgg'"),
        ({"preprocessing": Preprocessing("own", mean=(1.0, 2.0))}, "2 values of mean for 3 channel"),
        ({"preprocessing": Preprocessing("own", deviation=(0.0,))}, "divides by"),
        ({"resize": "stretch"}, "no resizing 'stretch'"),
        ({"output": "votes"}, "no output kind 'votes'"),
        ({"input_size": (8, 8)}, "8 × 8 was given for a model that takes 12 × 10"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ParameterError, match=message) as caught:
        describe(networks.sequential(), **options)
    assert caught.value.mend
