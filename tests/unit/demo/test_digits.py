"""The digits: exact enlarging, and a split that keeps every class."""

from __future__ import annotations

import numpy as np

from nnvis_dash.demo.build import DIGESTS, content_digest
from nnvis_dash.demo.contents import HELD_OUT, TRAIN
from nnvis_dash.demo.digits import enlarge, load_digits


def test_enlarging_a_step_by_hand() -> None:
    # Two source pixels, 0 and 16: the target's centres lie -3/8, -1/8, 1/8, 3/8, 5/8, 7/8, 9/8, 11/8 source pixels from
    # the first centre, clamped to 0..1: 255 times 0, 0, 1/8, 3/8, 5/8, 7/8, 1, 1.
    row = enlarge(np.array([[[0, 16]]], np.uint8))[0, 0]
    assert row.tolist() == [0, 0, 32, 96, 159, 223, 255, 255]


def test_enlarging_works_alike_on_both_axes() -> None:
    source = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    assert np.array_equal(enlarge(source.transpose(0, 2, 1)), enlarge(source).transpose(0, 2, 1))


def test_a_flat_image_stays_flat() -> None:
    assert np.unique(enlarge(np.full((1, 8, 8), 8, np.uint8))).tolist() == [128]  # 127.5, halves rounded up


def test_the_dataset_is_the_one_that_the_weights_were_trained_on() -> None:
    digits = load_digits()
    assert digits.images.shape == (1797, 32, 32, 1)
    assert digits.images.max() == 255 and digits.images.min() == 0
    assert content_digest(digits) == DIGESTS["digits"]


def test_a_fifth_of_each_class_is_held_out() -> None:
    digits = load_digits()
    everything, held_out = np.bincount(digits.labels), np.bincount(digits.labels[digits.ids(HELD_OUT)])
    assert held_out.tolist() == (everything // 5).tolist()
    assert sorted([*digits.ids(TRAIN), *digits.ids(HELD_OUT)]) == list(range(1797))
