"""Which classifiers a dataset is offered and opened with, and what the rail says of those that lack classes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from callbacks.workspace import rail_regions
from nnvis_dash.analysis.classes import lacking
from nnvis_dash.engine.client import Engine
from nnvis_dash.services import Services, fits
from nnvis_dash.settings import Settings
from nnvis_dash.state.session import Session
from nnvis_dash.types import DatasetCard, ModelCard
from tests.callbacks.in_process import Direct, noise_and_net


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Services, DatasetCard, ModelCard]:
    workspace, data, model, _ = noise_and_net(Path(tmp_path_factory.mktemp("fitting")), 20)
    return Services(Settings(), workspace, cast(Engine, Direct(workspace.path))), data, model


def renamed(model: ModelCard, name: str, class_names: tuple[str, ...]) -> ModelCard:
    return replace(
        model, name=name, fingerprint=name.ljust(32, "0"), class_names=class_names, n_classes=len(class_names)
    )


def test_classifiers_that_share_classes_are_offered_those_that_know_all_first(
    scene: tuple[Services, DatasetCard, ModelCard], monkeypatch: pytest.MonkeyPatch
) -> None:
    services, data, model = scene
    some = renamed(model, "some", ("dog", "ant"))
    more = renamed(model, "more", ("fox", *reversed(data.class_names)))
    other = renamed(model, "other", ("v", "w", "x", "y", "z"))
    nameless = replace(renamed(model, "nameless", ()), n_classes=5)
    cards = [some, other, more, nameless, model]
    monkeypatch.setattr(services.workspace, "models", lambda: cards)
    assert [card.name for card in services.fitting(data)] == ["more", "nameless", "net", "some"]
    assert services.offered(data) == (more.fingerprint, nameless.fingerprint, model.fingerprint)
    assert services.start() == Session(data.fingerprint, services.offered(data))
    assert lacking(some.class_names, data.class_names) == ("bee", "cat", "eel")
    assert lacking((), data.class_names) == ()
    assert not fits(other, data) and not fits(replace(nameless, n_classes=4), data)
    assert fits(other, replace(data, class_names=()))

    cards.remove(more)
    cards.remove(nameless)
    cards.remove(model)
    assert services.offered(data) == (some.fingerprint,)
    said: Any = json.dumps(rail_regions(services, Session(data.fingerprint, (some.fingerprint,))), default=str)
    assert "without 3" in said and "It doesn't know bee, cat, eel" in said
    assert services.labels(data, some) is not None
    assert set(services.labels(data, some).tolist()) == {-1, 0, 1}  # type: ignore[union-attr]
