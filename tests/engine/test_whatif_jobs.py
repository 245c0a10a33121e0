"""What the what-if lens asks the engine for: attacks, responses and minimal evidence, of plain and edited images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.attacks import attack
from nnvis_dash.analysis.attacks.minimal import minimal_epsilon
from nnvis_dash.analysis.compare_inputs import compare_inputs
from nnvis_dash.analysis.minimal_evidence import minimal_evidence as searched
from nnvis_dash.analysis.response import default_degrees, respond
from nnvis_dash.analysis.transformations import edited
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError, NotFound, ParameterError
from nnvis_dash.state.edits import Edit, with_degree
from nnvis_dash.state.references import Reference
from nnvis_dash.types import DatasetCard
from nnvis_dash.workspace.pixels import fit
from tests import networks
from tests.engine.test_analyses import opened as opened_net

SHAPE = (12, 10, 3)
BRIGHT = Edit("brightness", (("degree", 20),))


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    """20 images of noise with three classes."""
    names = ["c", "a", "b"]
    images = networks.images(20, SHAPE, seed=4)
    card, _ = engine.workspace.add_dataset(images, name="attacked", labels=np.arange(20) % 3, class_names=names)
    return card


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened_net(engine, tmp_path_factory.mktemp("net"), 6)


@pytest.fixture(scope="module")
def other(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened_net(engine, tmp_path_factory.mktemp("net"), 7)


@pytest.fixture(scope="module")
def ask(engine: Engine, dataset: DatasetCard, classifier: Any) -> Any:
    """Ask for a kind of job with parameters that differ from these."""

    def make(kind: str, **more: Any) -> Any:
        given = {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint}
        return engine.result(Request(kind, {**given, **more}))

    return make


def seen(engine: Engine, classifier: Any, samples: list[int]) -> Any:
    """Return samples as the classifier sees them."""
    card = classifier.card
    images = engine.workspace.dataset("attacked").images
    return np.stack([fit(np.asarray(images[sample]), *card.input_shape, card.resize) for sample in samples])


def test_an_attack_is_that_of_a_direct_call_and_says_how_it_was_made(engine: Engine, classifier: Any, ask: Any) -> None:
    found = ask("attack", samples=[3, 4, 5], method="iterated_fgsm", parameters={"epsilon": 16 / 255, "steps": 5})
    clean = seen(engine, classifier, [3, 4, 5])
    direct = attack(classifier, clean, method="iterated_fgsm", epsilon=16 / 255, steps=5)
    for name in ("images", "success", "success_before_rounding", "linf", "l2", "changed", "labels"):
        np.testing.assert_array_equal(found.array(name), getattr(direct, name), err_msg=name)
    np.testing.assert_array_equal(found.array("clean"), clean)
    np.testing.assert_allclose(found.array("probabilities"), classifier.predict(direct.images), atol=1e-6)
    np.testing.assert_allclose(found.array("clean_probabilities"), classifier.predict(clean), atol=1e-6)
    assert found.array("predictions").tolist() == classifier.predict(direct.images).argmax(axis=1).tolist()
    assert found.card["samples"] == [3, 4, 5]
    assert found.card["tried"] == "Iterated FGSM (BIM), ε = 16/255, 5 steps, towards any other class"


def test_an_edited_image_is_attacked_as_it_is_seen(engine: Engine, classifier: Any, ask: Any) -> None:
    reference = Reference(2, "", (BRIGHT,)).plain
    found = ask("attack", samples=[reference], parameters={"epsilon": 0.1})
    image = np.asarray(engine.workspace.dataset("attacked").images[2]).astype(int) + 20
    expected = fit(np.clip(image, 0, 255).astype(np.uint8), *classifier.card.input_shape, classifier.card.resize)
    np.testing.assert_array_equal(found.array("clean")[0], expected)
    assert found.array("linf")[0] <= 25


def test_the_labels_can_be_left_and_one_class_reached(classifier: Any, ask: Any) -> None:
    found = ask("attack", samples=[0, 1, 2], labels="label", target=1, parameters={"epsilon": 1.0}, method="pgd")
    np.testing.assert_array_equal(found.array("labels"), [0, 1, 2])  # a classifier without names goes by number
    reached = found.array("predictions") == 1
    np.testing.assert_array_equal(found.array("success"), reached)
    assert found.card["tried"].endswith("towards class 1")


def test_the_smallest_epsilon_is_that_of_a_direct_search(engine: Engine, classifier: Any, ask: Any) -> None:
    found = ask("attack", samples=[3, 4], minimal=True, parameters={"epsilon": 1.0})
    direct = minimal_epsilon(classifier, seen(engine, classifier, [3, 4]))
    np.testing.assert_array_equal(found.array("epsilon"), direct.epsilon)
    np.testing.assert_array_equal(found.array("images"), direct.images)
    np.testing.assert_array_equal(found.array("success"), direct.found)
    assert "every ε up to 64/255" in found.card["tried"]


def test_other_classifiers_say_what_they_see_in_an_attack(
    engine: Engine, classifier: Any, other: Any, dataset: DatasetCard
) -> None:
    given = {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint, "samples": [3, 4]}
    request = Request("attack", {**given, "parameters": {"epsilon": 0.1}})
    found = engine.result(request)
    wanted = [other.card.fingerprint, "e" * 32]
    answer = engine.ask("transfer", {"attack": request.key, "models": wanted})
    for name, images in (("clean", "clean"), ("adversarial", "images")):
        np.testing.assert_allclose(answer[name][0], other.predict(np.asarray(found.array(images))), atol=1e-6)
        assert answer[name][1] is None
    assert answer["problems"][0] == "" and "e" * 32 in answer["problems"][1]


def test_where_activations_part_is_that_of_a_direct_comparison(engine: Engine, classifier: Any, ask: Any) -> None:
    found = ask("attack", samples=[3, 4], parameters={"epsilon": 16 / 255})
    told = engine.ask("parting", {"attack": found.key, "row": 1})
    direct = compare_inputs(classifier, seen(engine, classifier, [4]), found.array("images")[1:])
    assert (told["layers"], told["parts_at"]) == (list(direct.layers), direct.parts_at)
    assert told["parts_at"] is not None
    np.testing.assert_allclose(told["distance"], direct.distance, atol=1e-6)
    with pytest.raises(NotFound, match=r"no image 2 in the attack.*0 to 1"):
        engine.ask("parting", {"attack": found.key, "row": 2})


def test_what_cannot_be_attacked_is_said_in_words(ask: Any) -> None:
    with pytest.raises(ParameterError, match="Give 1 to 64"):
        ask("attack", samples=[])
    with pytest.raises(ParameterError, match="epsilon"):
        ask("attack", samples=[0], parameters={"epsilon": 2})
    with pytest.raises(ParameterError, match="no epsilon"):
        ask("attack", samples=[0], method="deepfool", minimal=True)
    with pytest.raises(ParameterError, match="no class 7"):
        ask("attack", samples=[0], target=7)


def test_a_response_is_that_of_a_direct_call(engine: Engine, classifier: Any, ask: Any) -> None:
    found = ask("response", samples=[1, 2], name="rotation", count=9)
    images = [np.asarray(engine.workspace.dataset("attacked").images[sample]) for sample in (1, 2)]
    direct = respond(classifier, images, "rotation", default_degrees("rotation", 9))
    for name in ("degrees", "prediction", "first_flip"):
        np.testing.assert_array_equal(found.array(name), getattr(direct, name), err_msg=name)
    np.testing.assert_allclose(found.array("probabilities"), direct.probabilities, atol=1e-6)
    assert float(found.array("identity")) == 0


def test_a_response_after_edits_says_what_a_click_will_load(engine: Engine, classifier: Any, ask: Any) -> None:
    """The stack's own rotation changes where it stands, and what stands behind it is made after it."""
    turned = Edit("rotation", (("border", "black"), ("degree", 30)))
    stack = (BRIGHT, turned, Edit("flip_horizontal", (("degree", 1),)))
    found = ask("response", samples=[Reference(5, "", stack).plain], name="rotation", count=5)
    degrees = found.array("degrees")
    image = np.asarray(engine.workspace.dataset("attacked").images[5])
    seen = [edited(image, with_degree(stack, "rotation", float(degree))) for degree in degrees]
    expected = classifier.predict(np.stack([fit(one, *classifier.card.input_shape) for one in seen]))
    np.testing.assert_allclose(found.array("probabilities")[0], expected, atol=1e-6)


def test_a_response_of_a_region_filled_with_another_image(engine: Engine, classifier: Any, ask: Any) -> None:
    stack = (Edit("erase", (("filling", "image"), ("other", 3), ("region", "rect:0,0,0.5,0.5"))),)
    found = ask("response", samples=[Reference(2, "", stack).plain], name="erase", count=3)
    images = [np.asarray(engine.workspace.dataset("attacked").images[sample]) for sample in (2, 3)]
    seen = [
        edited(images[0], with_degree(stack, "erase", float(degree)), lambda _: images[1])
        for degree in found.array("degrees")
    ]
    expected = classifier.predict(np.stack([fit(one, *classifier.card.input_shape) for one in seen]))
    np.testing.assert_allclose(found.array("probabilities")[0], expected, atol=1e-6)


def test_an_adversarial_response_keeps_where_its_image_goes(engine: Engine, classifier: Any, ask: Any) -> None:
    found = ask("response", samples=[7], name="adversarial", count=5)
    assert found.array("degrees").tolist() == [0, 4, 8, 12, 16]
    clean, direction = found.array("clean"), found.array("direction")
    np.testing.assert_array_equal(clean, seen(engine, classifier, [7]))
    for place, epsilon in enumerate((0, 4, 8)):
        image = np.clip(clean.astype(int) + epsilon * direction, 0, 255).astype(np.uint8)
        np.testing.assert_allclose(found.array("probabilities")[0, place], classifier.predict(image)[0], atol=1e-6)
    same = ask("attack", samples=[7], method="fgsm", parameters={"epsilon": 8 / 255})
    if not same.array("success")[0] or same.array("changed")[0]:
        np.testing.assert_array_equal(same.array("images")[0], np.clip(clean[0].astype(int) + 8 * direction[0], 0, 255))


def test_of_many_images_only_mean_and_band_are_kept(ask: Any) -> None:
    whole = ask("response", samples=list(range(20)), name="blur", count=3)
    many = ask("response", samples=[sample % 20 for sample in range(40)], name="blur", count=3)
    assert "probabilities" not in many.names
    np.testing.assert_allclose(many.array("mean"), whole.array("probabilities").mean(axis=0), atol=1e-6)
    assert (many.array("low") <= many.array("mean")).all() and (many.array("mean") <= many.array("high")).all()
    assert many.array("prediction").shape == (40, 3)


def test_minimal_evidence_is_that_of_a_direct_call(engine: Engine, classifier: Any, ask: Any) -> None:
    found = ask("minimal_evidence", sample=3, n_regions=6)
    direct = searched(classifier, seen(engine, classifier, [3])[0], n_regions=6)
    for name in ("sufficient", "necessary", "regions"):
        np.testing.assert_array_equal(found.array(name), getattr(direct, name), err_msg=name)
    assert found.card["target"] == direct.target
    assert found.card["sufficient_probability"] == pytest.approx(direct.sufficient_probability, abs=1e-6)
    assert found.card["necessary_class"] == direct.necessary_class
    np.testing.assert_array_equal(found.array("image"), seen(engine, classifier, [3])[0])


def test_what_has_no_response_is_said_in_words(ask: Any) -> None:
    with pytest.raises(ParameterError, match="different edits"):
        ask("response", samples=[0, Reference(1, "", (BRIGHT,)).plain])
    with pytest.raises(ParameterError, match="Give 1 to 64"):
        ask("response", samples=list(range(65)))
    with pytest.raises(NNVisError, match="wobble"):
        ask("response", samples=[0], name="wobble")
