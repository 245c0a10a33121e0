"""Sweeps and their curves: the numbers of a plain loop, cases worked by hand, and the flaw planted in the shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

import nnvis_dash as nnvis
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.simulation import answers as answering
from nnvis_dash.analysis.simulation.answers import answers
from nnvis_dash.analysis.simulation.change import Change, change, changes, read_changes
from nnvis_dash.analysis.simulation.curves import curves, resampled_means, simulate, wilson
from nnvis_dash.analysis.simulation.order import rounds, segments, stratified_order
from nnvis_dash.analysis.simulation.sweep import Sweep, load_sweep, sweep, sweep_arrays, sweep_card
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.workspace.artifacts import Artifacts
from tests import networks


@pytest.fixture(scope="module")
def clf() -> Classifier:
    return Classifier.from_keras(networks.residual(), preprocessing="unit")


IMAGES = networks.images(30, (12, 12, 1), seed=3)
LABELS = (np.arange(30) % 4).astype(np.int32)


@pytest.mark.parametrize("name", ["rotation", "noise", "fog", "flip_horizontal", "elastic_transform"])
def test_a_sweep_is_a_plain_loop_over_images_and_degrees(clf: Classifier, name: str) -> None:
    wanted = change(name) if name in ("fog", "flip_horizontal") else change(name, change(name).degrees[::5])
    found = sweep(clf, IMAGES, wanted, labels=LABELS)
    assert sorted(found.ids.tolist()) == list(range(30)) and found.total == 30
    assert found.probabilities is not None
    for row, sample in enumerate(found.ids):
        for number, degree in enumerate(found.degrees):
            plain = clf.predict(nnvis.transform(IMAGES[sample], name, float(degree))[None])[0]
            np.testing.assert_allclose(found.probabilities[row, number], plain, atol=2e-6)
            assert found.prediction[row, number] == found.probabilities[row, number].argmax()
            assert found.true_probability[row, number] == found.probabilities[row, number, LABELS[sample]]


@pytest.mark.parametrize("name", ["adversarial", "fgsm", "pgd"])
def test_attacks_leave_the_label_within_epsilon(clf: Classifier, name: str) -> None:
    found = sweep(clf, IMAGES, change(name, [0, 2, 8]), labels=LABELS)
    clean = clf.predict(IMAGES)[found.ids]
    np.testing.assert_allclose(found.probabilities[:, 0], clean, atol=2e-6)
    if name == "adversarial":
        plain = nnvis.respond(clf, IMAGES, "adversarial", [0, 2, 8]).probabilities
    else:
        attacked = [nnvis.attack(clf, IMAGES, LABELS, name, epsilon=epsilon / 255) for epsilon in (0, 2, 8)]
        plain = np.stack([each.probabilities for each in attacked], axis=1)
    if name != "pgd":  # begins at random places
        np.testing.assert_allclose(found.probabilities, plain[found.ids], atol=2e-6)
    right = found.right.mean(axis=0)
    assert right[0] >= right[2]


def test_images_are_changed_in_their_own_size_and_once_for_several_classifiers(
    clf: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Classifier.from_keras(networks.residual(), preprocessing="raw")
    small = [networks.images(1, (20, 9 + number % 2, 3), seed=number)[0] for number in range(6)]
    made: list[tuple[int, ...]] = []
    real = answering.transform
    monkeypatch.setattr(
        answering, "transform", lambda images, *rest, **more: made.append(images.shape) or real(images, *rest, **more)
    )
    found = answers([clf, other], small, change("rotation", [-10, 10]))
    assert len(made) == 12, "six images of two sizes in turn, two degrees, for both classifiers"
    for number, image in enumerate(small):
        for each, said in zip((clf, other), found, strict=True):
            plain = each.predict([nnvis.transform(image, "rotation", 10.0)])
            np.testing.assert_allclose(said[number, 1], plain[0], atol=2e-6)


def test_without_labels_images_count_for_the_clean_prediction(clf: Classifier) -> None:
    found = simulate(clf, IMAGES, "rotation", [-20, 0, 20])
    assert found.against == "predictions" and "agreement" in found.note
    np.testing.assert_array_equal(found.accuracy[1][found.counts > 0], 1.0)
    assert found.counts.tolist() == np.bincount(clf.predict(IMAGES).argmax(axis=1), minlength=4).tolist()


def test_unknown_labels_count_for_no_class_also_where_a_whole_chunk_has_none(clf: Classifier) -> None:
    labels = LABELS.copy()
    labels[5:] = -1
    found = simulate(clf, IMAGES, "blur", labels=labels)
    assert found.counts.sum() == found.n == 5 and found.against == "labels"


def hand_made(probabilities: Any, labels: Any, total: int = 0) -> Sweep:
    values, counted = np.asarray(probabilities, np.float32), np.asarray(labels, np.int32)
    rows = np.arange(len(counted))
    return Sweep(
        change=Change("rotation", tuple(float(number) for number in range(values.shape[1]))),
        ids=rows,
        labels=counted,
        against="labels",
        note="",
        class_names=tuple("abcdefgh"[: values.shape[2]]),
        total=total or len(rows),
        prediction=values.argmax(axis=2).astype(np.int32),
        true_probability=values[rows, :, counted],
        probabilities=values,
        clean_prediction=values[:, 0].argmax(axis=1).astype(np.int32),
        deep_gini=np.zeros(len(rows), np.float32),
        margin=np.zeros(len(rows), np.float32),
    )


def test_curves_worked_by_hand() -> None:
    found = curves(
        hand_made(
            [
                [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3]],
                [[0.6, 0.3, 0.1], [0.4, 0.35, 0.25]],
                [[0.1, 0.9, 0.0], [0.0, 1.0, 0.0]],
            ],
            [0, 0, 1],
            total=9,
        )
    )
    assert found.counts.tolist() == [2, 1, 0] and (found.n, found.total) == (3, 9)
    np.testing.assert_allclose(found.mean_probability[:, :2], [[0.7, 0.9], [0.3, 1.0]], atol=1e-6)
    np.testing.assert_allclose(found.accuracy[:, :2], [[1, 1], [0.5, 1]])
    assert found.rank[:, :2].tolist() == [[1, 1], [2, 1]], "turned, b is above a over the images of a"
    assert found.others is not None
    np.testing.assert_allclose(found.others[0, 1], [0.3, 0.425, 0.275], atol=1e-6)
    np.testing.assert_allclose(found.overall["mean"], [2.3 / 3, 1.6 / 3], atol=1e-6)
    np.testing.assert_allclose(found.overall["accuracy"], [1, 2 / 3])
    assert np.isnan(found.mean_probability[:, 2]).all() and np.isnan(found.rank[:, 2]).all()
    np.testing.assert_allclose(found.low[:, 1], found.high[:, 1]), "one image always gives itself"
    low, high = (round(float(end), 6) for end in (found.low[0, 0], found.high[0, 0]))
    assert (low, high) == (0.6, 0.8), "of two images a resample is either twice"


def test_the_curves_of_a_selection_are_those_of_its_images_alone(clf: Classifier) -> None:
    whole = sweep(clf, IMAGES, change("rotation", [0, 45]), labels=LABELS)
    chosen = whole.rows_of([1, 5, 9, 13, 2])
    alone = sweep(clf, IMAGES, change("rotation", [0, 45]), labels=LABELS, samples=[1, 2, 5, 9, 13])
    np.testing.assert_allclose(curves(whole, chosen).mean_probability, curves(alone).mean_probability, atol=1e-6)
    assert curves(whole, ~chosen).counts.sum() == 25


def test_many_classes_keep_shares_of_predictions() -> None:
    import keras

    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(70, activation="softmax")]
    )
    many = Classifier.from_keras(model, preprocessing="unit")
    found = sweep(many, networks.images(40, (6, 6, 1)), change("rotation", [0, 90]), labels=np.arange(40) % 20)
    assert found.probabilities is None
    said = curves(found)
    assert said.others is None and said.predicted is not None
    np.testing.assert_allclose(said.predicted[:20].sum(axis=2), 1)
    assert np.isnan(said.predicted[20:]).all()


def test_a_sweep_comes_back_from_disk(clf: Classifier, tmp_path: Any) -> None:
    made = sweep(clf, IMAGES, change("noise", [0, 20], seed=3), labels=LABELS)
    artifact = Artifacts(tmp_path).save("k", sweep_arrays(made), sweep_card(made))
    read = load_sweep(artifact)
    assert (read.change, read.against, read.class_names, read.total) == (made.change, "labels", made.class_names, 30)
    np.testing.assert_array_equal(read.probabilities, made.probabilities)
    np.testing.assert_array_equal(read.ids, made.ids)


def test_bfloat16_stays_within_a_hundredth_or_says_that_it_is_not_used(
    clf: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = change("rotation", [-20, 0, 20])
    exact = curves(sweep(clf, IMAGES, wanted, labels=LABELS))
    rough = sweep(clf, IMAGES, wanted, labels=LABELS, precision="bfloat16")
    assert rough.precision == "bfloat16" and rough.note == ""
    np.testing.assert_allclose(curves(rough).mean_probability, exact.mean_probability, atol=0.01)
    monkeypatch.setattr(answering, "TOLERANCE", -1.0)
    refused = sweep(clf, IMAGES, wanted, labels=LABELS, precision="bfloat16")
    assert refused.precision == "float32" and "float32 was used" in refused.note
    with pytest.raises(ParameterError, match="float8"):
        sweep(clf, IMAGES, wanted, precision="float8")


@pytest.mark.parametrize(("share", "n"), [(0.0, 12), (1.0, 20), (0.5, 7), (0.9, 100), (0.25, 4)])
def test_the_interval_of_a_share_is_wilsons(share: float, n: int) -> None:
    exact = binomtest(round(share * n), n).proportion_ci(0.95, "wilson")
    if not (share * n).is_integer():
        share = round(share * n) / n
    np.testing.assert_allclose(wilson(share, n), (exact.low, exact.high), atol=1e-12)


def test_the_bootstrap_has_the_width_of_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(0.6, 0.2, (400, 1))
    means = resampled_means(values, 4000, np.random.default_rng(2))
    low, high = np.quantile(means, (0.025, 0.975))
    assert means.mean() == pytest.approx(values.mean(), abs=2e-3)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 5), min_size=1, max_size=200), st.integers(0, 9))
def test_every_beginning_of_the_order_takes_the_classes_in_turns(labels: list[int], seed: int) -> None:
    counted = np.array(labels, np.int32)
    order = stratified_order(counted, len(counted), seed)
    assert sorted(order.tolist()) == list(range(len(counted)))
    sizes = {number: int((counted == number).sum()) for number in set(labels)}
    for stop in range(len(order) + 1):
        taken = {number: int((counted[order[:stop]] == number).sum()) for number in sizes}
        least = min((taken[number] for number in sizes if taken[number] < sizes[number]), default=None)
        assert least is None or max(taken.values()) <= least + 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 900), st.integers(1, 5), st.integers(0, 12), st.data())
def test_chunks_of_any_cut_cover_every_pair_once(n: int, n_changes: int, n_classes: int, data: st.DataObject) -> None:
    total = n * n_changes
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, total - 1)), max_size=6)) - {total})
    seen = np.zeros((n_changes, n), int)
    for start, stop in zip([0, *cuts], [*cuts, total], strict=True):
        for number, first, last in segments(start, stop, n, n_changes, n_classes):
            seen[number, first:last] += 1
    assert (seen == 1).all()
    assert rounds(n, n_classes)[-1][1] == n


def test_the_order_does_not_hang_on_how_classes_are_numbered() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 60)
    renamed = np.array([2, 0, 3, 1])[labels]
    np.testing.assert_array_equal(stratified_order(labels, 60, 5), stratified_order(renamed, 60, 5))


def test_defaults_hold_the_identity_and_names_are_checked() -> None:
    for name in changes():
        made = change(name) if name not in ("erase", "keep", "cut_out") else None
        if made is not None:
            assert made.identity in made.degrees and list(made.degrees) == sorted(made.degrees)
            assert Change.read(made.plain()) == made and made.title
    assert change("fog").degrees == (0, 1, 2, 3, 4, 5) and change("fog").kind == "corruption"
    assert change("pgd").kind == change("adversarial").kind == "attack" and change("pgd").unit == "pixel values"
    assert change("rotation").degrees == tuple(range(-180, 181, 30)) and change("rotation").kind == "transformation"
    assert len(read_changes(["fog", {"name": "fog"}, "blur"])) == 2
    for wrong in (3, {"degrees": [1]}, {"name": "fog", "parameters": 3}):
        with pytest.raises(ParameterError):
            Change.read(wrong)
    with pytest.raises(NotFound, match="melt"):
        change("melt")
    for degrees in ([], [np.nan], "x"):
        with pytest.raises(ParameterError):
            change("rotation", degrees)
    for name, parameter in (("rotation", "degree"), ("fgsm", "epsilon")):
        with pytest.raises(ParameterError, match="among the degrees"):
            change(name, **{parameter: 0.1})
    with pytest.raises(ParameterError, match="999"):
        change("rotation", [999])


def test_the_class_of_one_orientation_falls_under_rotation_and_the_other_does_not() -> None:
    """Arrows of the demo's shapes always point up; a triangle points anywhere."""
    from nnvis_dash.demo import shapes
    from nnvis_dash.demo.build import WEIGHTS

    made = shapes.draw_shapes()
    clf = nnvis.load_classifier(WEIGHTS / "shapes-medium.keras", preprocessing="raw")
    upright, free = shapes.UPRIGHT_CLASS, shapes.FREE_CLASS
    held = np.flatnonzero(
        np.isin(made.labels, (upright, free)) & (made.extras["split"] == 1) & (made.extras["flaw"] == 0)
    )
    found = simulate(clf, made.images, "rotation", [-90, -45, 0, 45, 90], labels=made.labels, samples=held)
    arrow, triangle = found.accuracy[:, upright], found.accuracy[:, free]
    assert arrow[2] > 0.9 and triangle[2] > 0.8
    assert (arrow[[0, 4]] < 0.35).all() and (arrow[[1, 3]] < 0.6).all(), "turned, an arrow is no longer one"
    assert (triangle > triangle[2] - 0.25).all(), "a triangle stays one however it is turned"
    assert (found.accuracy_high[[0, 4], upright] < found.accuracy_low[[0, 4], free]).all(), "the intervals are apart"
    assert (found.rank[[0, 4], upright] > 1).all() and (found.rank[:, free] == 1).all()
