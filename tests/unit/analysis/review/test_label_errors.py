"""Label errors: confident learning by hand, neighbours, the committee's weights, and what an examination changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.review.confident import confident_joint
from nnvis_dash.analysis.review.label_errors import Committee, Examined, label_errors, suspects
from nnvis_dash.analysis.review.neighbours import WIDEST, Neighbourhood, label_shares
from nnvis_dash.errors import ParameterError

# Six samples of two classes; the third is labelled 0 and is surely 1, the fourth is unsure.
TABLE = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.4, 0.6], [0.2, 0.8], [0.0, 1.0]])
LABELS = np.array([0, 0, 0, 1, 1, 1])


def test_confident_learning_on_six_samples_by_hand() -> None:
    found = confident_joint(TABLE, LABELS)
    np.testing.assert_allclose(found.thresholds, [(0.9 + 0.8 + 0.1) / 3, (0.6 + 0.8 + 1.0) / 3])  # 0.6 and 0.8
    assert found.confident.tolist() == [0, 0, 1, -1, 1, 1]  # 0.6 of class 1 doesn't reach 0.8
    assert found.counts.tolist() == [[2, 1], [0, 2]]
    assert found.flagged.tolist() == [False, False, True, False, False, False]
    np.testing.assert_allclose(found.joint, [[2 / 3 / 2, 1 / 3 / 2], [0, 1 / 2]])  # rows scaled to 3 of 6 each
    ranked = label_errors(TABLE, None, LABELS)
    assert ranked.order.tolist() == [2, 3, 1, 4, 0, 5]
    np.testing.assert_allclose(ranked.score, [-0.8, -0.6, 0.8, -0.2, -0.6, -1.0], atol=1e-6)
    assert ranked.likely.tolist() == [1, 1, 1, 0, 0, 0] and ranked.n_estimated == 1
    assert suspects(ranked).tolist() == [2]


def test_samples_without_a_label_are_in_no_count_and_in_no_order() -> None:
    labels = np.append(LABELS, -1)
    table = np.vstack([TABLE, [1.0, 0.0]])
    found, ranked = confident_joint(table, labels), label_errors(table, None, labels)
    np.testing.assert_allclose(found.joint, confident_joint(TABLE, LABELS).joint)
    assert ranked.order.tolist() == [2, 3, 1, 4, 0, 5] and np.isnan(ranked.score[6]) and not ranked.flagged[6]
    nobody = label_errors(table, None, np.full(7, -1))
    assert len(nobody.order) == 0 and nobody.n_estimated == 0


def test_neighbours_are_found_exactly() -> None:
    rng = np.random.default_rng(3)
    around = Neighbourhood.of(rng.standard_normal((700, 5)))
    ids, cosines = around.nearest(6)
    every = around.directions @ around.directions.T
    np.fill_diagonal(every, -np.inf)
    np.testing.assert_array_equal(ids, np.argsort(-every, axis=1, kind="stable")[:, :6])
    np.testing.assert_allclose(cosines, np.sort(every, axis=1)[:, ::-1][:, :6], atol=1e-6)
    assert Neighbourhood.of(np.ones((3, 2))).nearest(9)[0].tolist() == [[1, 2], [0, 2], [0, 1]]
    assert Neighbourhood.of(np.ones((1, 2))).nearest(4)[0].shape == (1, 0)
    wide = Neighbourhood.of(rng.standard_normal((40, WIDEST + 1)))
    assert wide.directions.shape[1] < WIDEST
    np.testing.assert_array_equal(wide.nearest(3, wide.mean[None] + 1)[0].shape, (1, 3))
    assert label_shares(np.array([[0, 1, 2], [2, 2, 2]]), np.array([1, 1, -1]), 2).tolist() == [[0, 1], [0.5, 0.5]]


def test_neighbours_know_what_a_classifier_learnt_by_heart() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    features = rng.standard_normal((60, 4)) * 0.1 + np.where(labels, 1.0, -1.0)[:, None]
    labels[5] = 1
    learnt = np.eye(2)[labels] * 0.98 + 0.01  # it repeats the wrong label
    assert label_errors(learnt, None, labels).score.max() < 0
    found = label_errors(learnt, features, labels, k=5)
    assert found.order[0] == 5 and found.likely[5] == 0


def test_members_weigh_as_much_as_they_are_right() -> None:
    right, half = np.eye(2)[LABELS], np.eye(2)[[0, 1, 0, 1, 0, 0]]
    committee = Committee([right, half], None, LABELS)
    assert committee.weights.tolist() == [1, 0]  # three of six are no better than chance
    assert Committee([half, half], None, LABELS).weights.tolist() == [0.5, 0.5]
    rate = np.array([5 / 6, 4 / 6])
    odds = np.log(rate / (1 - rate))
    tables = [np.eye(2)[[1, 0, 0, 1, 1, 1]], np.eye(2)[[1, 1, 0, 1, 1, 1]]]
    np.testing.assert_allclose(Committee(tables, None, LABELS).weights, odds / odds.sum())


def test_what_speaks_for_a_label_in_any_form_speaks_for_it() -> None:
    table = np.tile([[0.05, 0.95]], (4, 1))
    labels = np.array([0, 0, 1, 1])
    plain = label_errors(table, None, labels)
    np.testing.assert_allclose(plain.score[:2], 0.9, atol=1e-6)
    forms = np.array([[[0.05, 0.95], [0.05, 0.95]], [[0.85, 0.15], [0.05, 0.95]]])  # another colour helps sample 0
    found = label_errors(table, None, labels, examined=Examined(np.array([0, 1]), [forms]))
    assert found.order[:2].tolist() == [1, 0]
    np.testing.assert_allclose(found.score[:2], [(0.95 + 0.15) / 2 - 0.85, 0.9], atol=1e-6)
    assert found.examined.tolist() == [0, 1]
    with pytest.raises(ParameterError, match="doesn't belong"):
        label_errors(table, None, labels, examined=Examined(np.array([0]), [forms]))


@pytest.mark.parametrize(
    ("table", "labels", "says"),
    [
        (TABLE, LABELS[:5], "shape"),
        (TABLE, LABELS + 1, "from 1 to 2"),
        (TABLE[:, :0], LABELS, "shape"),
        ([TABLE, TABLE[:, [0, 1, 1]]], LABELS, "different classes"),
        ([], LABELS, "no classifier"),
    ],
)
def test_what_does_not_belong_together_is_refused(table: object, labels: object, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        label_errors(table, None, labels)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 4), st.integers(8, 30))
def test_order_of_samples_and_monotone_scores(seed: int, n_classes: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    table, features = rng.dirichlet(np.ones(n_classes), n), rng.standard_normal((n, 3))
    labels = rng.integers(-1, n_classes, n)
    found = label_errors(table, features, labels, k=3)
    shuffled = rng.permutation(n)
    other = label_errors(table[shuffled], features[shuffled], labels[shuffled], k=3)
    np.testing.assert_allclose(other.score, found.score[shuffled], atol=1e-6)
    np.testing.assert_allclose(other.joint, found.joint, atol=1e-9)
    known = np.flatnonzero(labels >= 0)
    assert sorted(found.order.tolist()) == known.tolist() and (np.diff(found.score[found.order]) <= 0).all()
    assert (np.abs(found.score[known]) <= 1 + 1e-6).all() and (found.likely[known] != labels[known]).all()
    if len(known):  # more for another class, less for the label: more suspicious
        row, moved = known[0], table.copy()
        moved[row, labels[row]] /= 2
        moved[row, found.likely[row]] += moved[row, labels[row]]
        before, after = (label_errors(one, None, labels) for one in (table, moved))
        assert after.score[row] >= before.score[row] - 1e-6
