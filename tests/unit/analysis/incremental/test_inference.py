"""Images that differ in a window give what they give when they are computed whole."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.incremental.inference import Incremental, incremental
from nnvis_dash.analysis.incremental.readouts import Readout
from tests import networks
from tests.unit.analysis.incremental.graphs import check, classifier, composed, drawn, network, places

SHAPE = (13, 10, 3)


def conv(layers, x, n=4, size=3, padding="same", activation="relu", **more):
    return layers.Conv2D(n, size, padding=padding, activation=activation, **more)(x)


def plain(layers, x):
    x = layers.MaxPooling2D()(conv(layers, x))
    return conv(layers, x, padding="valid", use_bias=False)


def strided(layers, x):
    return conv(layers, conv(layers, x, size=(3, 2), strides=2), size=4, padding="valid", strides=(1, 2))


def dilated(layers, x):
    return conv(layers, conv(layers, x, dilation_rate=(1, 2)), padding="valid", dilation_rate=2)


def grouped(layers, x):
    return conv(layers, conv(layers, x, n=6), n=4, groups=2)


def depthwise(layers, x):
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu")(x)
    return layers.DepthwiseConv2D((3, 3), strides=2, padding="valid")(x)


def separable(layers, x):
    x = layers.SeparableConv2D(4, 3, padding="same", depth_multiplier=2, activation="relu")(x)
    return layers.SeparableConv2D(3, 3, strides=2, padding="same")(x)


def normalised(layers, x):
    x = layers.BatchNormalization()(conv(layers, x, activation=None))
    x = layers.BatchNormalization(center=False, scale=False)(conv(layers, layers.ReLU()(x), activation=None))
    return layers.Dropout(0.5)(layers.LeakyReLU()(x))


def residual(layers, x):
    stem = conv(layers, x)
    branch = conv(layers, conv(layers, stem), size=1, activation=None)
    x = layers.Activation("relu")(layers.Add()([stem, branch]))
    down = conv(layers, x, strides=2, activation=None)
    return layers.Add()([down, conv(layers, x, size=1, strides=2, activation=None)])


def concatenated(layers, x):
    one, two = conv(layers, x, n=2, size=1), conv(layers, x, n=3, size=5)
    x = layers.Concatenate()([one, two, layers.MaxPooling2D(3, strides=1, padding="same")(x)])
    return layers.Concatenate()([x, conv(layers, x, dilation_rate=2)])


def combined(layers, x):
    one, two = conv(layers, x), conv(layers, x, activation="tanh")
    x = layers.Multiply()([one, two])
    x = layers.Subtract()([layers.Maximum()([x, one]), layers.Minimum()([x, two])])
    return layers.Average()([x, conv(layers, x)])


def squeezed(layers, x):
    """Squeeze and excitation: each channel by what all positions say."""
    x = conv(layers, x)
    share = layers.Dense(4, "sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return conv(layers, layers.Multiply()([x, share]))


def padded(layers, x):
    x = conv(layers, layers.ZeroPadding2D(((2, 1), (0, 3)))(x), padding="valid")
    return layers.Cropping2D(((1, 2), (2, 0)))(x)


def max_same(layers, x):
    """Below 0, so that what lies beyond the border must be less than 0."""
    x = layers.MaxPooling2D(3, strides=2, padding="same")(layers.Rescaling(-1.0, -0.1)(conv(layers, x)))
    return layers.MaxPooling2D(2, padding="same")(x)


def max_valid(layers, x):
    return layers.MaxPooling2D((2, 3), strides=(2, 1))(layers.MaxPooling2D(3, strides=1)(conv(layers, x)))


def average_same(layers, x):
    x = layers.AveragePooling2D(3, strides=2, padding="same")(conv(layers, x))
    return layers.AveragePooling2D(2, strides=1, padding="same")(x)


def average_valid(layers, x):
    return layers.AveragePooling2D((2, 3), strides=(2, 1))(layers.AveragePooling2D(2)(conv(layers, x)))


def prelu_shared(layers, x):
    return conv(layers, layers.PReLU(shared_axes=[1, 2])(conv(layers, x, activation=None)))


def prelu_of_each_place(layers, x):
    return conv(layers, layers.PReLU()(conv(layers, x, activation=None)))


def transposed(layers, x):
    return conv(layers, layers.Conv2DTranspose(3, 3, strides=2)(layers.MaxPooling2D()(conv(layers, x))))


def upsampled(layers, x):
    small = layers.MaxPooling2D(padding="same")(conv(layers, x))
    large = layers.Cropping2D(((0, 1), (0, 0)))(layers.UpSampling2D()(small))
    return conv(layers, layers.Concatenate()([conv(layers, x), large]))


def layer_normalised(layers, x):
    return conv(layers, layers.LayerNormalization(axis=[1, 2, 3])(conv(layers, x)))


def permuted(layers, x):
    return conv(layers, layers.Permute((2, 1, 3))(conv(layers, x)))


def reshaped(layers, x):
    return conv(layers, layers.Reshape((5, 26, 3))(conv(layers, x, n=3)))


def pixel_wise(layers, x):
    x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5])(layers.Rescaling(2.0, offset=-1.0)(x))
    x = layers.ELU()(conv(layers, x, activation="gelu"))
    return layers.Softmax()(layers.SpatialDropout2D(0.5)(conv(layers, x, activation="swish")))


def called_twice(layers, x):
    both = layers.Conv2D(3, 3, padding="same", activation="tanh")
    return both(both(x))


def nested(layers, x):
    import keras

    base = keras.Sequential(
        [layers.Input(SHAPE), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D()], name="base"
    )
    return conv(layers, base(x))


def operations(layers, x):
    import keras

    x = keras.ops.relu(conv(layers, x, activation=None)) * 0.5
    return keras.ops.relu(conv(layers, x) + x)


BODIES = (
    *(plain, strided, dilated, grouped, depthwise, separable, normalised, residual, concatenated, combined, squeezed),
    *(padded, max_same, max_valid, average_same, average_valid, prelu_shared, prelu_of_each_place, transposed),
    *(upsampled, layer_normalised, permuted, reshaped, pixel_wise, called_twice, nested, operations),
)
WHOLE_FROM = {  # the first layer that needs whole maps
    squeezed: "GlobalAveragePooling2D",
    prelu_of_each_place: "PReLU",
    transposed: "Conv2DTranspose",
    upsampled: "UpSampling2D",
    layer_normalised: "LayerNormalization",
    permuted: "Permute",
    reshaped: "Reshape",
    operations: "Multiply",  # by a number: an operation, not the layer of two maps
}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_window_gives_what_the_whole_image_gives(body):
    plan = check(classifier(body, SHAPE), n_buckets=1)
    unknown = [step.kind for step in plan.steps if step.outputs[0] not in plan.axes[0].low]
    assert unknown[0] == WHOLE_FROM.get(body, "Flatten")


@pytest.mark.parametrize("name", ["residual", "shared", "nested", "one_sigmoid", "logits", "fully_convolutional"])
def test_of_every_ending(name):
    check(Classifier.from_keras(networks.ALL[name](), preprocessing="unit"))


@pytest.mark.parametrize(("activation", "k"), [("sigmoid", 1), ("sigmoid", 4), ("linear", 4)])
def test_probabilities_are_those_of_the_kind_of_output(activation, k):
    output = "logits" if activation == "linear" else activation
    model = network(plain, (9, 9, 1), activation=activation, k=k)
    check(Classifier.from_keras(model, preprocessing="unit", output=output), n_buckets=2)


@pytest.mark.parametrize(
    ("shape", "preprocessing", "window"),
    [((9, 15, 1), "unit", (2, 5)), ((16, 7, 3), "caffe", (4, 2)), ((8, 8, 3), "imagenet", (1, 1)),
     ((8, 8, 1), "raw", (7, 7)), ((8, 9, 1), "symmetric", (8, 3))],
    ids=["wide grey", "tall BGR", "one pixel", "nearly all", "a column"],
)  # fmt: skip
def test_of_every_shape_and_preprocessing(shape, preprocessing, window):
    body = plain
    if preprocessing in ("raw", "caffe"):  # large numbers: the logits stay moderate

        def body(layers, x):
            return plain(layers, layers.Rescaling(1 / 128)(x))

    check(classifier(body, shape, preprocessing), window)


def test_every_window_of_an_image():
    rows, columns = np.divmod(np.arange(6 * 7), 7)
    check(classifier(plain, (8, 9, 1)), (3, 3), at=(rows, columns))


@pytest.fixture(scope="module")
def clf():
    return classifier(residual, SHAPE)


@pytest.mark.parametrize("n_buckets", [0, 3, 50])
def test_it_does_not_depend_on_the_groups(clf, n_buckets):
    plan = check(clf, n_buckets=n_buckets)
    assert plan.group(0, 0).whole >= ({0} if n_buckets == 0 else set())


@pytest.mark.parametrize("memory", [1, 12_000])
def test_it_does_not_depend_on_the_batches(clf, memory):
    plan = Incremental(clf, (3, 3), Readout(), memory=memory)
    assert (plan.group(0, 0).room == 1) == (memory == 1)
    assert plan.group(0, 0).room < 10
    rows, columns = (corners[::4] for corners in places(plan))
    image, windows = drawn(clf, (3, 3), len(rows), variants=5)
    chosen = np.array([2, 0], np.int32)
    whole = incremental(clf, (3, 3), Readout()).begin(image)(rows, columns, windows, chosen)
    np.testing.assert_allclose(plan.begin(image)(rows, columns, windows, chosen), whole, rtol=1e-4, atol=1e-5)


def test_what_is_read_is_of_the_chosen_classes_in_their_order(clf):
    plan = incremental(clf, (3, 3), Readout())
    image, windows = drawn(clf, (3, 3), 1)
    run, corner = plan.begin(image), (np.array([4]), np.array([2]))
    everything = run(*corner, windows, np.arange(3, dtype=np.int32))
    some = run(*corner, windows, np.array([2, 0], np.int32))
    np.testing.assert_allclose(some, everything[..., [2, 0, 5, 3, 8, 6]], rtol=1e-5, atol=1e-6)


def test_a_certain_prediction_keeps_its_complement():
    """float32 can't tell p from 1 beyond 24 bits; 1 − p comes from the logits."""
    clf = classifier(plain, (8, 8, 1))
    head = clf.model.get_layer("head")
    kernel, bias = head.get_weights()
    head.set_weights([kernel, bias + np.array([60.0, 0, 0], np.float32)])
    plan = Incremental(clf, (3, 3), Readout())
    image, windows = drawn(clf, (3, 3), 1)
    p, q, z = plan.begin(image)(np.array([2]), np.array([2]), windows, np.array([0], np.int32))[0, 0]
    assert p == 1.0
    assert 0 < q < 1e-20
    logits = clf.logits(composed(image, [2], [2], windows)[:1])[0].astype(np.float64)
    assert np.log(q) == pytest.approx(np.log(np.exp(logits[1:]).sum()) - logits[0], abs=1e-4)
    assert z == pytest.approx(logits[0], abs=1e-4)


@pytest.mark.parametrize("reduce", ["mean", "max"])
@pytest.mark.parametrize("kind", ["convolution", "late", "dense"])
def test_the_channels_of_a_hidden_layer(reduce, kind):
    import keras

    def body(layers, x):
        x = layers.Conv2D(5, 3, activation="relu", name="convolution")(x)
        x = layers.Conv2D(6, 3, padding="same", name="late")(layers.MaxPooling2D(padding="same")(x))
        return layers.Dense(7, "relu", name="dense")(layers.Flatten()(x))

    clf = classifier(body, SHAPE)
    plan = incremental(clf, (3, 4), Readout(kind, reduce))
    assert plan.steps[-1].name == kind  # nothing behind it is computed
    rows, columns = places(plan)
    image, windows = drawn(clf, (3, 4), len(rows))
    chosen = np.array([4, 0, 2], np.int32)
    found = plan.begin(image)(rows, columns, windows, chosen)
    model = keras.Model(clf.model.input, clf.model.get_layer(kind).output)
    values = np.asarray(model(composed(image, rows, columns, windows) / np.float32(255)))
    values = getattr(values.reshape(len(values), -1, values.shape[-1]), reduce)(axis=1)[:, chosen]
    np.testing.assert_allclose(found.reshape(values.shape), values, rtol=1e-4, atol=1e-5)


def test_each_is_made_once(clf):
    assert incremental(clf, (3, 3), Readout()) is incremental(clf, (3, 3), Readout())
    assert incremental(clf, (3, 3), Readout()) is not incremental(clf, (3, 4), Readout())


def test_windows_cost_less_than_images_and_no_less_than_the_bound():
    def body(layers, x):
        for _ in range(3):
            x = conv(layers, x, n=8)
        return layers.GlobalAveragePooling2D()(x)

    clf = classifier(body, (32, 32, 1))
    plans = [Incremental(clf, (3, 3), Readout(), n_buckets) for n_buckets in (0, 1, 3, 6)]
    rows, columns = np.divmod(np.arange(900), 30)
    costs = [plan.cost(rows, columns) for plan in plans]
    assert costs[0] == pytest.approx(1.0)
    assert costs[0] > costs[1] >= costs[2] >= costs[3] >= 1 / plans[0].bound
    # the third convolution alone reaches 3 + 2·3 of 32 rows and columns, less at the border
    assert 0.02 < costs[3] < (9 / 32) ** 2
    assert plans[0].whole_work > 32 * 32 * (9 * 1 * 8 + 2 * 9 * 8 * 8)
    assert plans[1].kept_bytes >= 4 * 32 * 32 * (1 + 8 + 8)


def test_in_bfloat16_it_is_a_preview():
    clf = classifier(plain, (8, 8, 3))
    exact, rough = (Incremental(clf, (3, 3), Readout(), precision=name) for name in ("float32", "bfloat16"))
    rows, columns = places(exact)
    image, windows = drawn(clf, (3, 3), len(rows))
    chosen = np.arange(3, dtype=np.int32)
    one, two = (plan.begin(image)(rows, columns, windows, chosen)[..., :3] for plan in (exact, rough))
    assert 0 < np.abs(one - two).max() < 0.05


def test_a_graph_without_layers_is_computed_whole(tmp_path):
    import tensorflow as tf

    from nnvis_dash.analysis.card import describe
    from nnvis_dash.analysis.opaque import OpaqueGraph
    from nnvis_dash.analysis.saved_model import freeze_file
    from tests import saved_models

    saved = saved_models.save_function(
        tmp_path / "saved", lambda module, images: tf.nn.softmax(saved_models.linear(module, images))
    )
    given = {"path": str(saved), "folder": str(tmp_path), "max_bytes": 1 << 20, "max_parameters": 10_000}
    freeze_file(given, lambda phase: None)
    graph = OpaqueGraph.open(tmp_path / "model.pb")
    clf = Classifier(graph, describe(graph, name="opaque", preprocessing="unit", content="c"))
    plan = check(clf, (2, 2))
    assert plan.cost(np.array([0]), np.array([0])) == 1.0
