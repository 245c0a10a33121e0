"""The examination: what the classifier says of the image itself first, only forms that it bears, columns by label."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.index import index
from nnvis_dash.analysis.review.reviewing import most_examined, outputs_of, review
from nnvis_dash.analysis.review.views import COLOURED, KEPT, PLAIN, examine, forms_of, trusted_samples
from nnvis_dash.errors import ParameterError
from nnvis_dash.workspace.datasets import Dataset, load_dataset
from tests import networks


@pytest.fixture(scope="module")
def clf() -> Classifier:
    return Classifier.from_keras(networks.sequential(), preprocessing="unit")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(networks.images(30, (12, 10, 3), seed=4), np.arange(30) % 5, list("abcde"))


def test_every_form_keeps_the_shape_and_grey_images_have_no_colours() -> None:
    for channels, expected in ((3, {**PLAIN, **COLOURED}), (1, dict(PLAIN))):
        images = networks.images(2, (12, 10, channels))
        assert list(forms_of(channels)) == list(expected)
        for name, form in forms_of(channels).items():
            changed = form(images)
            assert changed.shape == images.shape and changed.dtype == np.uint8, name
            assert (changed != images).any(), name


def test_only_forms_that_the_classifier_bears_are_used(clf: Classifier, data: Dataset) -> None:
    known = index(clf, data)
    ids, trusted = np.array([3, 8]), np.arange(10, 30)
    found = examine([clf], data, ids, trusted, [np.array([4, 3, 2, 1, 0])])
    np.testing.assert_allclose(found.probabilities[0][0], known.probabilities[ids][:, ::-1], atol=1e-5)
    np.testing.assert_allclose(found.features[0][0], known.features[ids], atol=1e-4)
    assert found.forms[0] == "as it is" and len(found.probabilities[0]) == len(found.forms)
    before, images = clf.predict(data.images[trusted]).argmax(axis=1), data.images[trusted]
    kept = {
        name: (clf.predict(form(images)).argmax(axis=1) == before).mean() >= KEPT for name, form in forms_of(3).items()
    }
    assert list(found.forms[1:]) == [name for name, used in kept.items() if used]
    alone = examine([clf], data, ids, trusted[:0])
    assert alone.forms == ("as it is",) and alone.probabilities[0].shape == (1, 2, 5)


def test_trusted_samples_are_right_for_every_classifier() -> None:
    first, second = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 1, 1, 1]]
    assert trusted_samples([first, second], np.array([0, 0, 1, -1])).tolist() == [0, 2]
    assert trusted_samples([first], np.array([0, 0, 1, 1]), n=2).tolist() == [0, 3]
    assert len(trusted_samples([first], np.array([1, 1, 0, 0]))) == 0


def test_a_dataset_without_labels_has_outliers_alone(clf: Classifier, data: Dataset) -> None:
    steps: list[tuple[int, int]] = []
    bare = load_dataset(np.asarray(data.images))
    found = review(bare, [clf], [index(clf, bare)], lambda done, total: steps.append((done, total)))
    assert found.labels is None and found.slices == () and len(found.outliers["energy"]) == 30
    assert steps == sorted(steps) and steps[-1][0] <= steps[-1][1]


def test_classifiers_must_have_the_datasets_classes(clf: Classifier, data: Dataset) -> None:
    assert most_examined([clf]) == 400
    assert outputs_of(data.class_names, clf.card).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ParameterError, match="5 classes and the dataset 6"):
        outputs_of((*data.class_names, "f"), clf.card)
    with pytest.raises(ParameterError, match="1 indexes of 0"):
        review(data, [], [index(clf, data)])
