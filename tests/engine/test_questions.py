"""Questions: answered at once, without a row or an artifact; images by reference, edited and derived ones too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.transformations import transform
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import EngineError, NotFound, ParameterError
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.references import Reference
from nnvis_dash.types import DatasetCard
from nnvis_dash.workspace.pixels import fit
from tests import networks
from tests.engine.test_analyses import opened as opened_net

SHAPE = (12, 10, 3)
FLIPPED = Edit("flip_horizontal", (("degree", 1),))


@pytest.fixture(scope="module")
def dataset(engine: Engine) -> DatasetCard:
    card, _ = engine.workspace.add_dataset(
        networks.images(20, SHAPE, seed=3), name="coloured noise", labels=np.arange(20) % 5
    )
    return card


@pytest.fixture(scope="module")
def classifier(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened_net(engine, tmp_path_factory.mktemp("net"), 5)


def test_several_classifiers_answer_for_an_image_and_its_edit(engine: Engine, dataset: Any, classifier: Any) -> None:
    before = len(engine.rows())
    images = [Reference(4).plain, Reference(4, "", (FLIPPED,)).plain]
    wanted = {"dataset": dataset.fingerprint, "images": images, "models": [classifier.card.fingerprint, "f" * 32]}
    answer = engine.ask("predictions", wanted)
    image = engine.workspace.dataset("coloured noise").image(4)
    pair = [fit(entry, *classifier.card.input_shape) for entry in (image, image[:, ::-1])]
    np.testing.assert_allclose(answer["probabilities"][0], classifier.predict(np.stack(pair)), atol=1e-6)
    assert answer["probabilities"][1] is None and "f" * 32 in answer["problems"][1]
    assert len(engine.rows()) == before


def test_a_derived_sample_is_explained_as_any_other(engine: Engine, dataset: Any, classifier: Any) -> None:
    image = networks.images(1, (30, 20, 3), seed=9)[0]
    sample = engine.workspace.derived.save(image, "uploaded", "mine", dataset=dataset.fingerprint)
    reference = Reference(None, sample.fingerprint, (FLIPPED,))
    request = {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint, "method": "gradient"}
    found = engine.result(Request("attribution", {**request, "samples": [reference.plain, 3]}))
    seen = fit(transform(image, "flip_horizontal", 1), *classifier.card.input_shape)
    assert found.array("target")[0] == classifier.predict(seen[None])[0].argmax()


def test_before_and_after_are_explained_for_the_same_class(engine: Engine, dataset: Any, classifier: Any) -> None:
    images = engine.workspace.dataset("coloured noise").batch(slice(None), classifier.card.input_shape)
    classes = classifier.predict(images).argmax(axis=1)
    other = int(np.flatnonzero(classes != classes[0])[0]) if len(set(classes)) > 1 else 1
    request = {"dataset": dataset.fingerprint, "model": classifier.card.fingerprint, "method": "gradient"}
    found = engine.result(Request("attribution", {**request, "samples": [0, other], "alike": True}))
    assert found.array("target").tolist() == [classes[0], classes[0]]


def test_more_questions_than_there_are_threads_for_are_told_to_come_again(
    engine: Engine, dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnvis_dash.engine.client.CONNECT", 0.01)
    held = 0
    while engine._asking.acquire(blocking=False):
        held += 1
    try:
        with pytest.raises(EngineError, match="too many questions"):
            engine.ask("predictions", {"dataset": dataset.fingerprint, "images": [0], "models": []})
    finally:
        engine._asking.release(held)


def test_what_cannot_be_answered_is_an_error_in_words(engine: Engine, dataset: Any) -> None:
    with pytest.raises(ParameterError, match="no sample 99 in coloured noise"):
        engine.ask("predictions", {"dataset": dataset.fingerprint, "images": [99], "models": []})
    with pytest.raises(NotFound, match="question"):
        engine.ask("oracle", {})
    with pytest.raises(EngineError, match="no engine"):
        Engine(engine.workspace.path, "tcp://127.0.0.1:9").ask("predictions", {})
