"""Verdicts on sweeps written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.contract.intervals import wilson
from nnvis_dash.analysis.contract.judging import Report, judge
from nnvis_dash.analysis.contract.reading import read_contract
from nnvis_dash.analysis.contract.terms import Contract
from nnvis_dash.analysis.simulation.breaking import BreakingPoints
from nnvis_dash.analysis.simulation.sweep import Sweep
from nnvis_dash.errors import NotFound, ParameterError
from tests.unit.analysis.contract.sweeps import NAMES, swept

# cat: 3 of 4 right at -15, all at 0, 2 of 4 at 15; dog: always right; fox has no image
ANSWERS = [[0, 0, 0], [0, 0, 0], [0, 0, 1], [1, 0, 2], [1, 1, 1], [1, 1, 1]]
LABELS = [0, 0, 0, 0, 1, 1]


def contract(*rules: str, **fields: object) -> Contract:
    head = "".join(f"{name}: {value}\n" for name, value in {"dataset": "d", "classifier": "c", **fields}.items())
    return read_contract(f"nnvis_contract: 1\n{head}rules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules))


def judged(rule: str, own: Sweep | None = None, *others: Sweep, **fields: object) -> Report:
    return judge(contract(rule, **fields), [own or swept(ANSWERS, LABELS)], others)


def test_every_class_is_held_to_the_limit_at_every_degree() -> None:
    report = judged("change: rotation, degrees: [-15, 0, 15], at_least: 0.6")
    found = [
        (verdict.subject, verdict.degree, verdict.estimate.value, verdict.estimate.n, verdict.status)
        for verdict in report.outcomes[0].verdicts
    ]
    assert found == [
        ("cat", -15, 0.75, 4, "passed"),
        ("cat", 0, 1, 4, "passed"),
        ("cat", 15, 0.5, 4, "failed"),
        ("dog", -15, 1, 2, "passed"),
        ("dog", 0, 1, 2, "passed"),
        ("dog", 15, 1, 2, "passed"),
    ]
    assert not report.held and report.outcomes[0].worst.degree == 15
    assert report.outcomes[0].verdicts[2].images == (2, 3) and report.outcomes[0].verdicts[2].n_images == 2
    assert report.outcomes[0].verdicts[0].estimate[1:3] == wilson(3, 4, 0.95)


def test_all_images_unchanged_are_read_at_the_degree_that_changes_nothing() -> None:
    report = judged("classes: all, at_least: 1")
    (verdict,) = report.outcomes[0].verdicts
    assert report.held and (verdict.subject, verdict.degree, verdict.estimate.n) == ("all images", None, 6)


def test_an_interval_decides_where_the_rule_says_so() -> None:
    rows = [[0, 0, 0]] * 90 + [[0, 0, 1]] * 10  # 90 of 100 at 15: 0.826 to 0.945
    own = swept(rows, [0] * 100)
    for limit, estimate, interval in (
        (0.82, "passed", "passed"),
        (0.89, "passed", "undecided"),
        (0.95, "failed", "failed"),
    ):
        rule = f"change: rotation, degrees: 15, at_least: {limit}"
        assert judged(rule, own).outcomes[0].status == estimate
        assert judged(rule, own, decide="confidence").outcomes[0].status == interval
    undecided = "change: rotation, degrees: 15, at_least: 0.89"
    assert not judged(undecided, own, decide="confidence").held
    assert judged(undecided, own, decide="confidence", undecided="passes").held
    assert judged("change: rotation, degrees: 15, at_least: 0.89, decide: estimate", own, decide="confidence").held


def test_a_limit_is_kept_where_rounding_alone_is_in_the_way() -> None:
    rows = [[0, 0, 0]] * 93 + [[0, 0, 1]] * 7
    better = [[0, 0, 0]] * 95 + [[0, 0, 1]] * 5
    rule = "change: rotation, degrees: 15, loses_at_most: 0.02"  # 0.95 - 0.93 is 0.0199999 or 0.0200001
    report = judged(rule, swept(rows, [0] * 100), swept(better, [0] * 100), against="b")
    assert report.held and report.outcomes[0].verdicts[0].estimate.value == pytest.approx(0.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_every_number_is_that_of_a_plain_loop(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    labels, ids = rng.integers(-1, 3, n).tolist(), rng.permutation(n).tolist()
    own, other = (rng.integers(0, 3, (n, 3)).tolist() for _ in range(2))
    sweeps = swept(own, labels, ids=ids), swept(other[::-1], labels[::-1], ids=ids[::-1])
    for rule, compared in (("at_least: 0.5", False), ("loses_at_most: 0.1", True)):
        report = judged(f"change: rotation, degrees: [-15, 0, 15], {rule}", *sweeps, against="b")
        if not any(label >= 0 for label in labels):
            assert report.outcomes[0].status == "undecided"
            continue
        for verdict in report.outcomes[0].verdicts:
            column, number = [-15, 0, 15].index(int(verdict.degree or 0)), NAMES.index(verdict.subject)
            rows = [row for row in range(n) if labels[row] == number]
            value = sum(own[row][column] == number for row in rows) / len(rows)
            if compared:
                value = sum(other[row][column] == number for row in rows) / len(rows) - value
            assert verdict.estimate.n == len(rows) and verdict.estimate.value == pytest.approx(value)
            assert verdict.status == ("passed" if (value <= 0.1 + 1e-9 if compared else value >= 0.5) else "failed")
            wrong = {ids[row] for row in rows if own[row][column] != number}
            if compared:
                wrong &= {ids[row] for row in rows if other[row][column] == number}
            assert verdict.status == "passed" or set(verdict.images) == wrong


def test_answers_that_are_counted_in_two_ways_are_not_compared() -> None:
    other = swept(ANSWERS, LABELS, against="predictions")
    with pytest.raises(ParameterError, match="line 6 compares answers that are counted in two ways: there are no labe"):
        judged("change: rotation, degrees: 15, loses_at_most: 0.1", None, other, against="b")


def test_a_comparison_is_of_the_same_images_whatever_their_order() -> None:
    own = swept(ANSWERS, LABELS)
    right = [[label] * 3 for label in LABELS]
    other = swept([*right[::-1], [0, 0, 0]], [*LABELS[::-1], 0], ids=[5, 4, 3, 2, 1, 0, 99])
    report = judged("change: rotation, degrees: [0, 15], loses_at_most: 0.4", own, other, against="b")
    cat = [verdict for verdict in report.outcomes[0].verdicts if verdict.subject == "cat"]
    assert [verdict.estimate.value for verdict in cat] == [0, 0.5] and [verdict.status for verdict in cat] == [
        "passed",
        "failed",
    ]
    assert cat[1].images == (2, 3) and cat[1].estimate.n == 4
    worse = judged("change: rotation, degrees: 15, loses_at_most: 0", other, own, against="b")
    assert worse.held and worse.outcomes[0].verdicts[0].estimate.value == -0.5


def test_what_the_change_broke_is_named_before_what_was_wrong_anyway() -> None:
    report = judged("change: rotation, degrees: 15, at_least: 0.9", swept([[1, 1, 1], [0, 0, 1], [0, 0, 0]], [0, 0, 0]))
    assert report.outcomes[0].verdicts[0].images == (1, 0)


def test_of_many_images_twenty_are_named() -> None:
    report = judged("change: rotation, degrees: 15, at_least: 0.9", swept([[0, 0, 1]] * 50, [0] * 50))
    verdict = report.outcomes[0].verdicts[0]
    assert verdict.images == tuple(range(20)) and verdict.n_images == 50


def test_agreement_is_with_the_clean_prediction_not_with_the_label() -> None:
    report = judged(
        "change: rotation, degrees: 15, of: agreement, classes: all, at_least: 0.9",
        swept([[1, 1, 1], [1, 1, 0]], [0, 0]),
    )
    verdict = report.outcomes[0].verdicts[0]
    assert verdict.estimate.value == 0.5 and verdict.images == (1,)


def test_a_mean_probability_names_the_least_probable_first() -> None:
    own = swept([[0, 0, 0], [0, 0, 1]], [0, 0])  # 0.8 and 0.1
    report = judged("change: rotation, degrees: 15, of: probability, at_least: 0.5", own)
    verdict = report.outcomes[0].verdicts[0]
    assert verdict.estimate.value == pytest.approx(0.45) and verdict.images == (1,)
    better = judged(
        "change: rotation, degrees: 15, of: probability, loses_at_most: 0.2",
        own,
        swept([[0, 0, 0], [0, 0, 0]], [0, 0]),
        against="b",
    )
    assert better.outcomes[0].verdicts[0].estimate.value == pytest.approx(0.35) and not better.held


def test_a_class_without_images_is_undecided_and_one_that_is_not_there_is_said() -> None:
    report = judged("classes: [fox], at_least: 0.1")
    verdict = report.outcomes[0].verdicts[0]
    assert verdict.status == "undecided" and math.isnan(verdict.estimate.value) and not report.held
    with pytest.raises(NotFound, match="Choose one of: cat, dog, fox"):
        judged("classes: [wolf], at_least: 0.1")
    empty = judged("at_least: 0.1", swept([[0, 0, 0]], [-1]))
    assert [(each.subject, each.status) for each in empty.outcomes[0].verdicts] == [("every class", "undecided")]


def test_images_without_a_label_count_for_no_class() -> None:
    report = judged("classes: all, at_least: 1", swept([[0, 0, 0], [1, 1, 1]], [0, -1]))
    assert report.held and report.outcomes[0].verdicts[0].estimate.n == 1


def test_unlabelled_images_are_held_to_the_clean_prediction_and_the_report_says_so() -> None:
    own = swept([[0, 0, 1], [1, 1, 1]], [0, 1], against="predictions")
    assert judged("change: rotation, degrees: 15, classes: all, at_least: 0.5", own).outcomes[0].note == (
        "there are no labels"
    )


def test_a_rule_takes_the_sweep_that_holds_its_degrees() -> None:
    narrow, wide = swept(ANSWERS, LABELS), swept(ANSWERS, LABELS, degrees=(-30.0, 0.0, 30.0))
    found = judge(contract("change: rotation, degrees: 30, classes: all, at_least: 0"), [narrow, wide])
    assert found.outcomes[0].verdicts[0].degree == 30
    with pytest.raises(ParameterError, match="Nothing was measured"):
        judge(contract("change: rotation, degrees: 30, at_least: 0"), [narrow])


def corrupted(name: str, rows: list[list[int]], labels: list[int]) -> Sweep:
    return swept(rows, labels, degrees=(0, 1, 2, 3, 4, 5), name=name)


def test_mean_corruption_error_is_imagenet_cs_and_names_the_images_that_the_other_has_right() -> None:
    # fog: 6 of 10 errors against 3 of 10, noise: 2 against 4: (2 + 0.5) / 2; relative, two less by each clean error
    fog, noise = "fog", "gaussian_noise"
    own = [
        corrupted(fog, [[0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]], [0, 0]),
        corrupted(noise, [[0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]], [0, 0]),
    ]
    others = [
        corrupted(fog, [[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 1]], [0, 0]),
        corrupted(noise, [[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1]], [0, 0]),
    ]
    rule = "of: {}, changes: [fog, gaussian_noise], at_most: {}"
    for measure, expected in (("mce", (6 / 3 + 2 / 4) / 2), ("relative_mce", ((6 - 5) / 3 + (2 - 5) / 4) / 2)):
        for limit, status in ((expected + 0.01, "passed"), (expected - 0.01, "failed")):
            rules = contract(rule.format(measure, limit), against="b")
            (verdict,) = judge(rules, own, others).outcomes[0].verdicts
            assert verdict.estimate.value == pytest.approx(expected) and verdict.status == status
            assert verdict.estimate.low <= verdict.estimate.value <= verdict.estimate.high
    assert verdict.images == (0,)  # 4 errors against 3; the other one has 4 against 4


def test_a_corruption_error_against_one_without_errors_is_undecided() -> None:
    own, perfect = (corrupted("fog", [[0, *[wrong] * 5]], [0]) for wrong in (1, 0))
    rules = contract("of: mce, changes: [fog], at_most: 1", against="b")
    (verdict,) = judge(rules, [own], [perfect]).outcomes[0].verdicts
    assert verdict.status == "undecided" and math.isnan(verdict.estimate.value)


def test_the_area_under_the_accuracy_over_epsilon_is_that_of_trapezoids() -> None:
    own = swept([[0, 0, 1], [0, 1, 1]], [0, 0], degrees=(0, 4, 16), name="fgsm")
    (verdict,) = judged("change: fgsm, epsilon: [4, 16], of: area, at_least: 0.5", own).outcomes[0].verdicts
    assert verdict.estimate.value == pytest.approx(((4 + 6) / 16 + 2 / 16) / 2)
    assert verdict.status == "failed" and verdict.images == (1,) and verdict.degree is None


def points(found: Sweep, degree: list[float]) -> BreakingPoints:
    n = len(found)
    return BreakingPoints(
        change=found.change,
        ids=found.ids,
        labels=found.labels,
        against="labels",
        note="",
        class_names=found.class_names,
        clean_prediction=found.clean_prediction,
        degree=np.array(degree),
        side=np.zeros(n, np.int8),
        prediction_after=np.zeros(n, np.int32),
        tolerance=0.1,
        evaluations=0,
    )


def test_the_median_breaking_distance_is_of_images_that_are_right() -> None:
    own = swept([[0, 0, 0]] * 5 + [[1, 1, 1]], [0] * 6)
    rules = contract("change: rotation, degrees: [-15, 0, 15], of: breaking, at_least: 8")
    change = rules.rules[0].change
    assert change is not None
    found = judge(rules, [own], (), {change: points(own, [-4, 6, 9, math.nan, math.nan, 1])}).outcomes[0]
    (verdict,) = found.verdicts
    assert verdict.estimate.value == 9 and verdict.estimate.n == 5 and verdict.status == "passed"
    found = judge(rules, [own], (), {change: points(own, [-4, 6, 7, math.nan, math.nan, 1])}).outcomes[0]
    (verdict,) = found.verdicts
    assert verdict.status == "failed" and verdict.images == (0, 1, 2)  # the most fragile first
    with pytest.raises(ParameterError, match="Nothing was measured"):
        judge(rules, [own])
