"""What is proposed from given rows: never what is clearly worse, and of equals what the classifier has."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnvis_dash.analysis.doctor.candidates import Candidate, preprocessings
from nnvis_dash.analysis.doctor.diagnosis import ClassOrder, Diagnosis, Trial
from nnvis_dash.analysis.doctor.judgement import choose, choose_unlabelled, reordered, worth_going_on
from nnvis_dash.analysis.doctor.statistics import better_share
from nnvis_dash.analysis.doctor.trials import NOT_TRIED
from nnvis_dash.analysis.doctor.unlabelled import mismatches, plausible
from nnvis_dash.types import PREPROCESSINGS

FOUR = tuple(Candidate(record, "squash") for record in preprocessings(3)[:4])


def rows_of(predicted: np.ndarray, loss: np.ndarray | None = None) -> dict[str, np.ndarray]:
    n, total = predicted.shape
    return {
        "predicted": predicted.astype(np.int32),
        "loss": np.zeros((n, total), np.float32) if loss is None else loss.astype(np.float32),
        "confidence": np.full((n, total), 0.5, np.float32),
        "entropy": np.full((n, total), 0.5, np.float32),
        "mean": np.zeros((n, total, 0), np.float32),
        "square": np.zeros((n, total, 0), np.float32),
    }


@given(st.integers(1, 80), st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(0, 1000))
def test_what_is_proposed_is_never_clearly_worse(n, shares, seed):
    rng = np.random.default_rng(seed)
    right = rng.random((n, 4)) < np.array(shares)
    rows = rows_of(right.astype(np.int32), rng.random((n, 4)))
    choice = choose(rows, right, FOUR)
    assert all(better_share(right[:, number], right[:, choice.proposal]) < 0.95 for number in range(4))
    assert sorted(choice.order) == [0, 1, 2, 3] and choice.order[0] == choice.proposal
    assert 0 <= choice.sure <= 1
    left = worth_going_on(rows, np.ones(n, np.int32))
    assert 0 in left and int(right.mean(axis=0).argmax()) in left


def test_the_loss_decides_between_equals_and_then_the_own():
    right = np.ones((50, 4), bool)
    loss = np.tile([0.9, 0.5, 0.2, 0.9], (50, 1)) + np.random.default_rng(0).normal(0, 0.05, (50, 4))
    assert choose(rows_of(right, loss), right, FOUR).proposal == 2
    flat = choose(rows_of(right), right, FOUR)
    assert flat.proposal == 0 and "is kept" in flat.reason and flat.sure == 0.5
    other = right.copy()
    other[:, 0] = False
    commonest = choose(rows_of(other), other, FOUR)
    assert commonest.proposal == 1 and "the commonest is proposed" in commonest.reason


def test_what_was_stopped_early_is_never_proposed():
    predicted = np.ones((40, 4))
    predicted[10:, 3] = NOT_TRIED
    right = predicted == 1
    right[:, :3] &= np.random.default_rng(0).random((40, 3)) < 0.6
    choice = choose(rows_of(predicted), right, FOUR)
    assert choice.proposal != 3 and choice.order[-1] == 3


def test_none_is_stopped_while_all_are_poor():
    labels = np.arange(64, dtype=np.int32) % 4
    predicted = np.stack([np.zeros(64), labels, np.full(64, 9), np.full(64, 9)], axis=1).astype(np.int32)
    assert worth_going_on(rows_of(predicted), labels) == [0, 1]
    assert worth_going_on(rows_of(predicted[:, [0, 2, 2, 3]]), labels) == [0, 1, 2, 3]
    assert worth_going_on(rows_of(predicted), None) == [0, 1, 2, 3]


def test_another_order_counts_only_where_it_is_clearly_better():
    labels = np.repeat(np.arange(4, dtype=np.int32), 10)
    turned = (labels + 1) % 4
    flags, other = reordered(rows_of(np.stack([turned, labels * 0], axis=1)), labels, 4)
    assert other and flags[:, 0].all()
    flags, other = reordered(rows_of(np.stack([turned, labels], axis=1)), labels, 4)
    assert not other and flags[:, 1].all() and not flags[:, 0].any()


def test_mismatch_by_hand():
    rows = rows_of(np.zeros((2, 2)))
    rows["mean"] = np.array([[[0.0], [1.0]], [[0.0], [3.0]]], np.float32)  # means 0 and 2
    rows["square"] = np.array([[[1.0], [5.0]], [[1.0], [11.0]]], np.float32)  # variances 1 and 8 − 4 = 4
    found = mismatches(rows, np.ones(1, np.float32))
    assert found[0] == 0.0
    assert found[1] == pytest.approx(np.log1p((4 + 4 - 1 - np.log(4)) / 2), abs=1e-6)
    assert mismatches(rows, np.zeros(0, np.float32)) == [None, None]
    rows["predicted"][:, 1] = -2
    assert mismatches(rows, np.ones(1, np.float32))[1] is None


def test_entropy_rules_out_extremes_only():
    assert plausible([0.001, 0.5, 0.99, 0.01, 0.95]) == [1, 3, 4]
    rows = rows_of(np.zeros((5, 4)))
    assert choose_unlabelled(rows, np.zeros(0, np.float32), FOUR).proposal == 0
    rows["entropy"][:, 0] = 1.0
    ruled_out = choose_unlabelled(rows, np.zeros(0, np.float32), FOUR)
    assert ruled_out.proposal == 1 and "undecided between all classes" in ruled_out.reason
    rows["entropy"][:] = 0.0
    assert choose_unlabelled(rows, np.zeros(0, np.float32), FOUR).proposal == 0


share = st.floats(0, 1)
trials = st.builds(
    Trial,
    preprocessing=st.sampled_from(list(PREPROCESSINGS.values())),
    resize=st.sampled_from(["squash", "crop"]),
    n=st.integers(1, 500),
    accuracy=st.none() | share,
    accuracy_low=st.none() | share,
    accuracy_high=st.none() | share,
    reordered_accuracy=st.none() | share,
    loss=st.none() | st.floats(0, 14),
    confidence=share,
    confidence_low=share,
    confidence_high=share,
    entropy=share,
    mismatch=st.none() | st.floats(0, 20),
    n_bad=st.integers(0, 9),
    n_predicted=st.integers(0, 9),
)
orders = st.builds(
    ClassOrder,
    permutation=st.lists(st.integers(0, 9), max_size=4).map(tuple),
    class_names=st.lists(st.text(max_size=5), max_size=4).map(tuple),
    before=share, after=share, after_low=share, after_high=share, n=st.integers(0, 500), reason=st.text(max_size=20),
)  # fmt: skip


@given(st.lists(trials, min_size=1, max_size=4), st.none() | orders, st.lists(st.text(max_size=9), max_size=2), share)
def test_a_diagnosis_goes_through_json_unchanged(tried, order, texts, sure):
    found = Diagnosis(
        model="m", model_name="net", dataset="d", dataset_name="six", n_samples=3, n_labelled=3, n_classes=4, seed=0,
        criterion="accuracy", candidates=tuple(tried), proposal=len(tried) - 1, current=0, sure=sure, reason="so",
        class_order=order, problems=tuple(texts), notes=tuple(texts),
    )  # fmt: skip
    again = Diagnosis.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found and again.words == found.words
    assert "so" in found.text() and found.line().startswith("doctor: ")
