"""Frozen units are held against the card, become masks, and travel as JSON that nobody has to trust."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nnvis_dash.analysis.mutation.frozen import (
    LONGEST,
    freezing,
    frozen_json,
    frozen_units,
    mask,
    n_frozen,
    read_frozen,
)
from nnvis_dash.errors import NNVisError, NotFound, ParameterError
from nnvis_dash.types import Layer, ModelCard, Preprocessing

CARD = ModelCard(
    name="net",
    fingerprint="f1",
    input_shape=(8, 8, 3),
    n_classes=3,
    class_names=(),
    output="softmax",
    preprocessing=Preprocessing("raw"),
    resize="squash",
    layers=(
        Layer("conv1", "Conv2D", (8, 8, 4), 112, 4),
        Layer("pool", "MaxPooling2D", (4, 4, 4), 0, 0),
        Layer("head", "Dense", (3,), 15, 3),
    ),
    parameters=127,
    feature_layer="pool",
    grad_cam_layer="conv1",
    source="",
)


def test_come_in_the_classifiers_order_each_unit_once_and_no_empty_layer():
    assert list(frozen_units(CARD, {"head": np.array([2, 0, 2]), "conv1": range(1, 3)}).items()) == [
        ("conv1", (1, 2)),
        ("head", (0, 2)),
    ]
    assert frozen_units(CARD, {"conv1": []}) == {}
    assert frozen_units(CARD, {}) == {}
    assert n_frozen(frozen_units(CARD, {"head": [2, 0, 2], "conv1": {1}})) == 3


@pytest.mark.parametrize(
    ("frozen", "words"),
    [
        ({"conv9": [0]}, "no layer with units 'conv9'. Choose one of: conv1, head."),
        ({"pool": [0]}, "'pool' of 'net' has no units of its own to freeze. Choose one of: conv1, head."),
        ({"pool": []}, "'pool' of 'net' has no units"),
        ({"head": [3]}, "'head' has no unit 3. It has 3: give numbers from 0 to 2."),
        ({"head": [-1]}, "'head' has no unit -1."),
        ({"head": [1.0]}, "A frozen unit of 'head' is 1.0. Give whole numbers"),
        ({"head": [True]}, "A frozen unit of 'head' is True."),
        ({"head": [np.bool_(True)]}, "Give whole numbers"),
        ({"head": [None]}, "is None"),
        ({"head": [10**5000]}, "no unit a int too long to show"),
        ({"head": "12"}, "are '12'. Give a list"),
        ({"head": 1}, "are 1. Give a list"),
        ({"head": {1: 2}}, "Give a list"),
        ({3: [1]}, "no layer with units '3'"),
        ([("head", [1])], "The frozen units are [('head', [1])]"),
    ],
)
def test_what_does_not_fit_is_said(frozen, words):
    with pytest.raises((NotFound, ParameterError)) as error:
        frozen_units(CARD, frozen)
    assert words in str(error.value)


def test_a_graph_without_layers_has_nothing_to_freeze():
    opaque = replace(CARD, layers=())
    assert frozen_units(opaque, {}) == {}
    with pytest.raises(ParameterError, match=r"without layers.*Keras model itself"):
        frozen_units(opaque, {"conv1": [0]})


def test_masks_are_zero_at_the_frozen_units():
    found = mask(CARD, {"head": [1], "conv1": [0, 3]})
    assert list(found) == ["conv1", "head"]
    np.testing.assert_array_equal(found["conv1"], np.float32([0, 1, 1, 0]))
    np.testing.assert_array_equal(found["head"], np.float32([1, 0, 1]))
    assert found["head"].dtype == np.float32


def test_the_inner_visit_sees_a_layers_own_output():
    import tensorflow as tf

    seen = {}

    def watch(name, tensor):
        seen[name] = tensor.numpy()
        return tensor

    visit = freezing({"conv1": np.float32([1, 0])}, watch)
    own = tf.constant([[[[2.0, 3.0]]]])
    np.testing.assert_array_equal(visit("conv1", own), [[[[2.0, 0.0]]]])
    np.testing.assert_array_equal(seen["conv1"], own)
    assert visit("other", own) is own
    broken = tf.constant([[[[np.nan, np.inf]]]])
    np.testing.assert_array_equal(freezing({"conv1": np.float32([0, 0])})("conv1", broken), [[[[0.0, 0.0]]]])
    each = freezing({"conv1": tf.constant([[[[0.0, 1.0]]], [[[1.0, 1.0]]]])})("conv1", tf.ones((2, 3, 3, 2)))
    np.testing.assert_array_equal(each[:, 1, 1], [[0, 1], [1, 1]])


def test_json_goes_out_and_in():
    text = frozen_json(CARD, {"head": [2, 0], "conv1": [3]})
    assert json.loads(text) == {"classifier": "net", "fingerprint": "f1", "frozen": {"conv1": [3], "head": [0, 2]}}
    assert read_frozen(text, CARD) == {"conv1": (3,), "head": (0, 2)}
    assert read_frozen(frozen_json(CARD, {}), CARD) == {}


def test_json_of_another_classifier_is_taken_where_it_fits_and_named_where_not():
    other = replace(CARD, name="wide", fingerprint="f2", layers=(Layer("head", "Dense", (9,), 0, 9),))
    assert read_frozen(frozen_json(other, {"head": [2]}), CARD) == {"head": (2,)}
    with pytest.raises(ParameterError, match=r"those of 'wide' and don't fit 'net': The layer 'head' has no unit 8"):
        read_frozen(frozen_json(other, {"head": [8]}), CARD)
    assert read_frozen('{"frozen": {"head": [1]}}', CARD) == {"head": (1,)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"frozen": 3}',
        '{"frozen": [["head", [1]]]}',
        '{"frozen": {"head": 1}}',
        '{"frozen": {"head": [1e400]}}',
        '{"frozen": {"head": [NaN]}}',
        '{"frozen": {"head": [0.0]}}',
        '{"frozen": {"head": [true]}}',
        '{"frozen": {"head": ["0"]}}',
        '{"frozen": {"head": [%s]}}' % ("9" * 4000),
        '{"frozen": {"head": [%s]}}' % ("9" * 5000),
        '{"frozen": {"head": [%s]}}' % ("[" * 900 + "]" * 900),
        '{"frozen": {"\\ud800": [0]}}',
        '{"classifier": ["x"], "frozen": {"x": [0]}}',
        '{"classifier": "<script>", "fingerprint": 4, "frozen": {"../../etc": [0]}}',
        "[" * 100_000,
        " " * (LONGEST + 1),
        b"{}",
        None,
    ],
)
def test_hostile_json_is_answered_in_words(text):
    with pytest.raises(NNVisError) as error:
        read_frozen(text, CARD)
    assert len(str(error.value)) < 500
    str(error.value).encode()
