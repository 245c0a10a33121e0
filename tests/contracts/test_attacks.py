"""Every registered attack keeps the same promises; a new file is tested by being there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import ATTACKS, NORMS, attack, attacks
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.errors import Cancelled, ParameterError
from tests import networks

NETWORKS = ("sequential", "residual", "nested", "one_sigmoid", "logits")
CHEAP = {
    "boundary": {"steps": 30},
    "carlini_wagner": {"steps": 15, "binary_search_steps": 2, "step_size": 0.1, "weight": 1.0},
    "deepfool": {"steps": 10},
    "jsma": {"steps": 15},
    "one_pixel": {"population": 20, "generations": 3, "pixels": 2},
    "spatial": {"angles": 5, "shifts": 3},
    "square": {"queries": 40},
}
TOGETHER = {  # whose images depend on each other, and why
    "boundary": "starts are looked for among all images of the batch",
    "carlini_wagner": "the descent ends when the whole batch gets no better",
}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "attacks.md"
NEEDS = {"gradients", "scores", "decisions"}


@pytest.fixture(scope="module")
def classifiers():
    return {name: Classifier.from_keras(networks.ALL[name](), preprocessing="unit") for name in NETWORKS}


pytestmark = pytest.mark.parametrize("method", ATTACKS)


def make(clf, images, method, **given):
    return attack(clf, images, method=method, **CHEAP.get(method, {}), **given)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_comes_back_is_measured_of_whole_images(method, name, classifiers):
    clf = classifiers[name]
    images = networks.images(3, clf.card.input_shape)
    kept = images.copy()
    found = make(clf, images, method)
    np.testing.assert_array_equal(images, kept)
    assert found.images.dtype == np.uint8 and found.images.shape == images.shape
    assert found.method == method
    np.testing.assert_array_equal(found.labels, clf.predict(images).argmax(axis=1))
    said = clf.predict(found.images)
    np.testing.assert_allclose(found.probabilities, said, atol=1e-6)
    np.testing.assert_array_equal(found.success, said.argmax(axis=1) != found.labels)
    change = found.images.astype(np.float64) - images
    np.testing.assert_allclose(found.linf, np.abs(change).max(axis=(1, 2, 3)))
    np.testing.assert_allclose(found.l2, np.sqrt((change**2).sum(axis=(1, 2, 3))), rtol=1e-5)
    np.testing.assert_array_equal(found.changed, (change != 0).any(axis=3).sum(axis=(1, 2)))


def test_no_failure_is_a_black_image(method, classifiers):
    clf = classifiers["residual"]
    images = networks.images(4, clf.card.input_shape, seed=6)
    found = make(clf, images, method, **({"epsilon": 1 / 255} if "bounded" in ATTACKS[method].traits else {}))
    for image, changed, success in zip(images, found.images, found.success, strict=True):
        assert success or changed.max() > 0
        assert success or np.abs(changed.astype(int) - image).mean() < 128


@pytest.mark.parametrize("whole", [0, 1, 5, 40])
def test_within_epsilon_after_rounding(method, whole, classifiers):
    if "bounded" not in ATTACKS[method].traits:
        assert "epsilon" not in {parameter.name for parameter in attacks()[method].parameters}
        return
    clf = classifiers["sequential"]
    found = make(clf, networks.images(3, clf.card.input_shape, seed=4), method, epsilon=whole / 255)
    distance = found.linf if "linf" in ATTACKS[method].traits else found.l2
    assert (distance <= whole + 1e-4).all()


def test_the_same_call_gives_the_same_images(method, classifiers):
    clf = classifiers["residual"]
    images = networks.images(3, clf.card.input_shape, seed=1)
    one, other = make(clf, images, method), make(clf, images, method)
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.success, other.success)


def test_an_image_does_not_depend_on_its_neighbours(method, classifiers):
    clf = classifiers["sequential"]
    images = networks.images(4, clf.card.input_shape, seed=1)
    together = make(clf, images, method)
    alone = [make(clf, image[None], method) for image in images]
    np.testing.assert_array_equal(together.success, [found.success.item() for found in alone])
    if method not in TOGETHER:
        same = np.concatenate([found.images for found in alone]) == together.images
        assert same.mean() > 0.99  # a gradient next to 0 may have either sign in another batch


def test_a_target_is_gone_to_or_refused(method, classifiers):
    clf = classifiers["sequential"]
    images = networks.images(3, clf.card.input_shape, seed=2)
    if "targeted" not in ATTACKS[method].traits:
        with pytest.raises(ParameterError, match="target"):
            make(clf, images, method, target=1)
        return
    targets = np.argsort(clf.predict(images), axis=1)[:, -2]
    found = make(clf, images, method, target=targets)
    np.testing.assert_array_equal(found.targets, targets)
    np.testing.assert_array_equal(found.success, clf.predict(found.images).argmax(axis=1) == targets)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_image_is_no_obstacle(method, level, classifiers):
    clf = classifiers["residual"]
    found = make(clf, np.full((1, *clf.card.input_shape), level, np.uint8), method)
    assert np.isfinite(found.probabilities).all()


def test_it_can_be_cancelled(method, classifiers):
    clf = classifiers["sequential"]

    def stop(done, total):
        assert 0 <= done <= total
        raise Cancelled("enough")

    with progress.reporting(stop), pytest.raises(Cancelled):
        make(clf, networks.images(2, clf.card.input_shape, seed=3), method)


def test_nothing_is_traced_again_and_the_model_stays(method, classifiers):
    clf = classifiers["sequential"]
    weights = clf.model.get_weights()
    make(clf, networks.images(3, clf.card.input_shape, seed=2), method)
    known = len(clf._compiled)
    make(clf, networks.images(2, clf.card.input_shape, seed=3), method)
    assert len(clf._compiled) == known
    for old, new in zip(weights, clf.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_documented_with_its_paper_and_one_norm(method):
    described = attacks()[method]
    assert described.title and described.summary.endswith(".")
    assert "arXiv:" in described.reference or "doi:" in described.reference
    assert "References" in (ATTACKS[method].function.__doc__ or "")
    assert len(described.traits & set(NORMS)) == 1
    assert len(described.traits & NEEDS) == 1
    assert described.traits <= {*NORMS, *NEEDS, "bounded", "targeted", "slow"}
    for parameter in described.parameters:
        assert parameter.help and parameter.default is not None
        assert isinstance(parameter.default, str) or parameter.low is not None


def test_the_page_of_attacks_has_it_with_every_parameter(method):
    (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{method}` |")]
    described = attacks()[method]
    for parameter in described.parameters:
        assert parameter.name == "epsilon" or f"`{parameter.name}`" in row
    assert ("within epsilon" in row) == ("bounded" in described.traits)
    assert ("| yes |" in row) == ("targeted" in described.traits)
    assert any(f"| {need} |" in row for need in described.traits & NEEDS)
    assert any(part.strip("),") in row for part in described.reference.split() if part.startswith("arXiv:"))
