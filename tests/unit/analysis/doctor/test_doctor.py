"""The right preprocessing is found, the order of classes too, and where nothing can be known that is said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from nnvis_dash.analysis.card import describe
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.doctor import Diagnosis, doctor
from nnvis_dash.analysis.doctor.candidates import candidates, preprocessings
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import PREPROCESSINGS, Preprocessing
from nnvis_dash.workspace.datasets import load_dataset
from tests.unit.analysis.doctor.colours import NAMES, classifier, colours, dataset, network

OWN = Preprocessing("own", scale=1 / 50, mean=(2.0, 1.0, 3.0), deviation=(1.0, 2.0, 1.0))


@pytest.mark.parametrize("record", preprocessings(3), ids=lambda record: record.name)
def test_the_preprocessing_of_a_colour_network_is_found_with_labels(record):
    found = doctor(classifier(record, OWN), dataset())
    best = found.proposed
    assert best.preprocessing == record and best.resize == "squash"
    assert best.accuracy > 0.9 and best.accuracy_low < best.accuracy < best.accuracy_high
    assert found.changes and found.criterion == "accuracy" and found.words == "almost certain"
    assert (found.n_samples, found.n_labelled, found.n_classes) == (240, 240, 6)
    assert found.class_order is None and found.problems == ()


@pytest.mark.parametrize("record", preprocessings(1), ids=lambda record: record.name)
def test_the_preprocessing_of_a_grey_network_is_found(record):
    found = doctor(classifier(record, Preprocessing("own", scale=0.1), channels=1), dataset(channels=1))
    assert found.proposed.preprocessing == record
    assert {trial.preprocessing.name for trial in found.candidates} == {"own", "unit", "symmetric", "raw"}


@pytest.mark.parametrize("record", preprocessings(3), ids=lambda record: record.name)
def test_without_labels_batch_normalisation_tells(record):
    found = doctor(classifier(record, OWN, normalised=True), dataset(labelled=False))
    assert found.criterion == "statistics" and found.proposed.preprocessing == record
    assert found.proposed.mismatch < 0.01 < min(trial.mismatch for trial in found.candidates[1:])
    assert found.proposed.accuracy is None and 0.5 < found.sure < 0.95
    assert found.n_samples == 128 and found.n_labelled == 0


def test_without_labels_and_normalisation_the_own_is_kept_and_said_to_be_weak():
    found = doctor(classifier(PREPROCESSINGS["unit"], "unit"), dataset(labelled=False))
    assert not found.changes and found.criterion == "entropy" and found.words == "undecided"
    assert "weak" in found.reason


def test_entropy_only_rules_out_what_is_extreme():
    found = doctor(classifier(PREPROCESSINGS["raw"], "unit"), dataset(labelled=False))
    own = found.candidates[found.current]
    assert own.entropy < 0.01 and own.n_predicted == 1  # its bias alone answers
    assert found.proposed.preprocessing.name == "raw" and found.words == "undecided"


def test_the_right_one_is_kept_and_equals_go_to_the_own():
    clf = classifier(PREPROCESSINGS["symmetric"], "symmetric")
    assert not doctor(clf, dataset()).changes
    twin = replace(PREPROCESSINGS["symmetric"], name="ours", scale=1 / 127.4)
    kept = doctor(classifier(PREPROCESSINGS["symmetric"], twin), dataset())
    assert kept.proposed.preprocessing.name == "ours" and kept.words == "undecided" and "is kept" in kept.reason


def test_numbers_are_those_of_the_classifier_itself():
    clf, data = classifier(PREPROCESSINGS["caffe"], "raw"), dataset()
    found = doctor(clf, data)
    for trial in found.candidates:
        if trial.n < len(data):
            continue
        probabilities = clf.with_preprocessing(trial.preprocessing, trial.resize).predict(np.asarray(data.images))
        assert trial.accuracy == pytest.approx((probabilities.argmax(axis=1) == data.labels).mean(), abs=1e-9)
        assert trial.confidence == pytest.approx(probabilities.max(axis=1).mean(), abs=1e-5)
        right = probabilities[np.arange(len(data)), data.labels]
        assert trial.loss == pytest.approx(-np.log(np.maximum(right, 1e-6)).mean(), abs=1e-4)
        terms = np.where(probabilities > 0, probabilities * np.log(np.maximum(probabilities, 1e-30)), 0)
        assert trial.entropy == pytest.approx(-terms.sum(axis=1).mean() / np.log(6), abs=1e-5)
    stopped = [trial for trial in found.candidates if trial.n < len(data)]
    assert stopped and all(trial.n == 64 and trial.accuracy < found.proposed.accuracy for trial in stopped)
    assert doctor(clf, data) == found
    assert doctor(clf, data, seed=1).proposed.preprocessing == found.proposed.preprocessing


def test_cropping_is_found_where_the_sides_mislead():
    inner, labels = colours(180, size=12)
    images = np.zeros((180, 12, 36, 3), np.uint8)
    images[:, :, 12:24] = inner
    images[:, :, :12] = inner[::-1]
    images[:, :, 24:] = inner[np.roll(np.arange(180), 7)]
    data = load_dataset(images, labels, NAMES)
    found = doctor(Classifier.from_keras(network(PREPROCESSINGS["unit"]), "unit"), data)
    assert (found.proposed.preprocessing.name, found.proposed.resize) == ("unit", "crop")
    assert found.proposed.accuracy > 0.9


def test_candidates_need_two_fittings_only_where_they_differ():
    card = describe(network(PREPROCESSINGS["unit"]), preprocessing="unit")
    same = candidates(card, dataset())
    assert {candidate.resize for candidate in same} == {"squash"} and len(same) == 8
    assert same[0].preprocessing.name == "unit"
    scaled = load_dataset(np.zeros((2, 60, 60, 3), np.uint8))
    assert len(candidates(card, scaled)) == 8
    wide = load_dataset(np.zeros((2, 60, 90, 3), np.uint8))
    assert [candidate.resize for candidate in candidates(card, wide)] == ["squash"] * 8 + ["crop"] * 8
    renamed = describe(network(PREPROCESSINGS["unit"]), preprocessing=Preprocessing("mine", scale=1 / 255))
    assert [candidate.preprocessing.name for candidate in candidates(renamed, dataset())].count("unit") == 0


def test_permuted_classes_are_found_whatever_the_preprocessing_and_mended_by_the_names():
    true = np.array([2, 0, 1, 4, 5, 3])  # output k was given the name of the class true[k]
    wrong_names = [NAMES[number] for number in true]
    clf = classifier(PREPROCESSINGS["imagenet"], "raw", class_names=wrong_names)
    data = dataset()
    found = doctor(clf, data)
    assert found.proposed.preprocessing.name == "imagenet"
    order = found.class_order
    assert order is not None and order.class_names == NAMES
    assert order.before < 0.3 and order.after > 0.9 and order.after_low > order.before
    assert found.proposed.reordered_accuracy == order.after
    assert "brick" in order.reason
    mended = clf.with_preprocessing("imagenet", class_names=order.class_names)
    again = doctor(mended, data)
    assert again.class_order is None and again.proposed.accuracy > 0.9
    assert clf.card.class_names == tuple(wrong_names)  # nothing was changed


def test_two_swapped_classes_are_found_and_a_right_order_is_left():
    names = [NAMES[1], NAMES[0], *NAMES[2:]]
    found = doctor(classifier(PREPROCESSINGS["unit"], "unit", class_names=names), dataset())
    assert found.class_order is not None and found.class_order.permutation == (1, 0, 2, 3, 4, 5)
    assert doctor(classifier(PREPROCESSINGS["unit"], "unit", class_names=NAMES), dataset()).class_order is None


def test_labels_go_by_name_where_both_have_names():
    model = network(PREPROCESSINGS["unit"])
    images, labels = colours()
    order = [3, 1, 5, 0, 2, 4]
    data = load_dataset(images, np.argsort(order)[labels], [NAMES[number] for number in order])
    clf = Classifier.from_keras(model, "unit", class_names=NAMES)
    found = doctor(clf, data)
    assert found.proposed.accuracy > 0.9 and found.class_order is None
    some = labels < 3
    part = load_dataset(images[some], labels[some], NAMES[:3])
    assert doctor(clf, part).proposed.accuracy > 0.9  # a dataset of some of the classes, too


def test_numbers_of_classes_that_differ_are_said_and_nothing_is_compared():
    images, labels = colours()
    data = load_dataset(images, labels % 4, ["a", "b", "c", "d"], name="four")
    found = doctor(classifier(PREPROCESSINGS["unit"], "unit", normalised=True), data)
    assert found.criterion == "statistics" and found.proposed.accuracy is None
    assert len(found.problems) == 1
    assert (
        "6 outputs" in found.problems[0] and "4 classes" in found.problems[0] and "--class-names" in found.problems[0]
    )


@pytest.mark.parametrize(("n", "n_labels"), [(1, 1), (2, 2), (40, 1)])
def test_small_datasets_have_an_answer(n, n_labels):
    images, labels = colours(240)
    chosen = np.flatnonzero(labels < n_labels)[:n]
    data = load_dataset(images[chosen], labels[chosen], NAMES)
    found = doctor(classifier(PREPROCESSINGS["unit"], "unit"), data)
    assert found.n_samples == n and found.class_order is None
    assert not found.changes and all(np.isfinite(trial.confidence) for trial in found.candidates)
    assert n == 40 or any("order of the classes" in note for note in found.notes)
    assert Diagnosis.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_many_classes_and_few_samples_decide_no_order():
    import keras
    from keras import layers

    model = keras.Sequential([layers.Input((6, 6, 3)), layers.Flatten(), layers.Dense(120, activation="softmax")])
    images, _ = colours(120)
    data = load_dataset(images, np.arange(120), [str(number) for number in range(120)])
    found = doctor(Classifier.from_keras(model, "unit"), data)
    assert found.class_order is None and any("120 classes" in note for note in found.notes)


def test_a_network_that_answers_alike_is_said_to():
    model = network(PREPROCESSINGS["unit"])
    head = model.get_layer("head")
    head.set_weights([np.zeros((3, 6)), np.array([0.0, 2, 0, 0, 0, 0])])
    found = doctor(Classifier.from_keras(model, "unit", class_names=NAMES), dataset())
    assert any("the same answer, 'moss', for all 240 images" in problem for problem in found.problems)


def test_an_untrained_network_is_no_better_than_the_commonest_class():
    model = network(PREPROCESSINGS["unit"])
    head = model.get_layer("head")
    kernel, bias = head.get_weights()
    head.set_weights([np.random.default_rng(0).normal(size=kernel.shape), bias * 0])
    found = doctor(Classifier.from_keras(model, "unit"), dataset(180))
    if found.class_order is None:
        assert any("commonest class" in problem for problem in found.problems)


def test_outputs_that_are_no_numbers_are_counted_with_their_layer():
    import keras
    from keras import layers

    inputs = keras.Input((6, 6, 3))
    x = layers.GlobalAveragePooling2D(name="average")(inputs)
    roots = keras.ops.sqrt(x - 0.3)  # NaN for dark images under every preprocessing with small numbers
    model = keras.Model(inputs, layers.Dense(6, activation="softmax")(roots))
    images, labels = colours(60)
    data = load_dataset(images, labels, NAMES)
    found = doctor(Classifier.from_keras(model, "unit"), data)
    unit = next(trial for trial in found.candidates if trial.preprocessing.name == "symmetric")
    dark = (images.reshape(60, -1, 3).mean(axis=1).min(axis=1) / 127.5 - 1) < 0.3
    assert unit.n == 60 and abs(unit.n_bad - int(dark.sum())) <= 1
    assert all(np.isfinite(trial.confidence) and np.isfinite(trial.entropy) for trial in found.candidates)
    if found.proposed.n_bad:
        assert any("NaN or infinity" in problem and "sqrt" in problem for problem in found.problems)


def test_unlabelled_samples_of_a_labelled_dataset_are_left_out():
    images, labels = colours(100)
    labels[::2] = -1
    found = doctor(classifier(PREPROCESSINGS["unit"], "unit"), load_dataset(images, labels, NAMES))
    assert found.n_samples == found.n_labelled == 50


def test_progress_and_what_cannot_be_done():
    seen = []
    doctor(
        classifier(PREPROCESSINGS["unit"], "unit"),
        dataset(100),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (100, 100) and seen == sorted(seen) and len(seen) > 2
    with pytest.raises(ParameterError, match="number of samples is 0"):
        doctor(classifier(PREPROCESSINGS["unit"], "unit"), dataset(6), samples=0)
    with pytest.raises(ParameterError, match="no images"):
        doctor(classifier(PREPROCESSINGS["unit"], "unit"), dataset(6).take([]))


def test_words_for_a_terminal_and_a_card():
    found = doctor(classifier(PREPROCESSINGS["symmetric"], "unit"), dataset())
    text = found.text()
    assert "colours on 240 images of colours (240 labelled)" in text
    row = next(line for line in text.splitlines() if line.startswith("*"))
    assert row.split()[1:4] == ["symmetric", "squash", "240"]
    assert found.line().startswith("doctor: symmetric, squash, accuracy 0.")
    assert "next best" in found.line() and "almost certain" in found.line()
    unlabelled = doctor(classifier(PREPROCESSINGS["unit"], "unit"), dataset(labelled=False))
    assert "accuracy" not in unlabelled.text() and "without labels" in unlabelled.line()
