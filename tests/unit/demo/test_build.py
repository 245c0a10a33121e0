"""Building the demo workspace: all of it once, nothing twice, an older edition replaced, a stranger left alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.demo import build as build_demo
from nnvis_dash.demo.build import NOTE, SOURCES, WEIGHTS, build, read_cards
from nnvis_dash.errors import DatasetError
from nnvis_dash.types import Layer, ModelCard, Preprocessing
from nnvis_dash.workspace.store import Workspace

MODULE = sys.modules["nnvis_dash.demo.build"]  # as an attribute of the package, `build` is the function


def test_the_package_offers_build() -> None:
    assert build_demo is build


def add_unchecked(workspace: Workspace, path: Path, **given: Any) -> None:
    """Stand in for the intake, which starts a process for each model."""
    card = ModelCard(
        name=given["name"],
        fingerprint=given["notes"][NOTE],
        input_shape=(32, 32, 3),
        n_classes=10,
        class_names=given["class_names"],
        output="softmax",
        preprocessing=Preprocessing.named(given["preprocessing"]),
        resize="squash",
        layers=(Layer("dense", "Dense", (10,), 10, 10),),
        parameters=10,
        feature_layer="dense",
        grad_cam_layer=None,
        source=path.name,
        notes=given["notes"],
    )
    workspace.store_model(path, card)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(MODULE, "add_model", add_unchecked)
    return Workspace(tmp_path / "workspace")


def test_everything_is_there_and_a_second_call_draws_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: list[str] = []
    build(workspace, words.append)
    assert [card.name for card in workspace.datasets()] == ["digits", "shapes"]
    assert [(card.n_samples, card.image_shape) for card in workspace.datasets()] == [
        (1797, (32, 32, 1)),
        (5000, (32, 32, 3)),
    ]
    models = {card.name: card for card in workspace.models()}
    assert sorted(models) == sorted(read_cards())
    assert models["shapes-vgg13"].class_names == workspace.dataset("shapes").class_names
    assert models["shapes-medium"].preprocessing.name == "raw" and models["shapes-small"].preprocessing.name == "unit"
    measured = read_cards()["digits-large"]["measured"]["held-out accuracy"]
    assert models["digits-large"].notes["held-out accuracy"] == f"{measured:.3f}"
    assert len(words) == 2 + 1 + 6

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("nothing is missing, so nothing may be drawn or added")

    monkeypatch.setattr(MODULE, "SOURCES", dict.fromkeys(SOURCES, fail))
    monkeypatch.setattr(MODULE, "add_model", fail)
    words.clear()
    build(workspace, words.append)
    assert words == []


def test_the_ground_truth_comes_along(workspace: Workspace) -> None:
    build(workspace)
    shapes, drawn = workspace.dataset("shapes"), SOURCES["shapes"]()
    assert np.array_equal(shapes.images, drawn.images) and np.array_equal(shapes.labels, drawn.labels)
    for name, array in drawn.extras.items():
        stored = shapes.extra(name)
        assert stored is not None and stored.dtype == array.dtype and np.array_equal(stored, array), name


def test_what_is_missing_is_added_again_and_an_older_edition_is_replaced(workspace: Workspace) -> None:
    build(workspace)
    workspace.remove_dataset("digits")
    workspace.remove_model("shapes-small")
    older = workspace.remove_model("shapes-medium")
    older = replace(older, fingerprint="0" * 32, notes={NOTE: "older"})
    workspace.store_model(WEIGHTS / "shapes-medium.keras", older)
    words: list[str] = []
    build(workspace, words.append)
    assert [card.name for card in workspace.datasets()] == ["digits", "shapes"]
    assert workspace.model("shapes-medium").notes[NOTE] != "older"
    assert len(workspace.models()) == 6
    assert [line.split()[-1] for line in words] == ["digits", "time", "shapes-small", "shapes-medium"]


def test_a_stranger_of_the_same_name_is_left_alone(workspace: Workspace) -> None:
    own = np.arange(4 * 25, dtype=np.uint8).reshape(4, 5, 5, 1)
    workspace.add_dataset(own, name="shapes", labels=[0, 1, 0, 1])
    with pytest.raises(DatasetError, match="shapes"):
        build(workspace)
    assert workspace.dataset("shapes").card.n_samples == 4


def test_a_real_model_passes_the_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One network through the real intake (a process of its own); the browser tests build all six."""
    only = {"shapes-medium": read_cards()["shapes-medium"]}
    monkeypatch.setattr(MODULE, "read_cards", lambda: only)
    workspace = Workspace(tmp_path / "workspace")
    build(workspace)
    [card] = workspace.models()
    assert card.input_shape == (32, 32, 3) and card.n_classes == 10 and card.output == "softmax"
    assert card.parameters == only["shapes-medium"]["parameters"]
    assert (card.feature_layer, card.grad_cam_layer) == ("dense1", "conv4")
    assert len(card.class_names) == 10 and card.notes[NOTE]
