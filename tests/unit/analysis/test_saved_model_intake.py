"""SavedModels through the whole intake, in its child process: refused, unless an administrator allows them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nnvis_dash.analysis.classifier import load_classifier, open_classifier
from nnvis_dash.analysis.intake import add_model
from nnvis_dash.errors import ParameterError, RefusedModel
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.store import Workspace
from tests.saved_models import SHAPE, hostile, linear, save_function

ALLOWED = Settings(allow_saved_models=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_function(tmp_path_factory.mktemp("saved") / "linear", lambda m, x: tf.nn.softmax(linear(m, x)))


def contents(workspace: Workspace) -> set[str]:
    return {str(path.relative_to(workspace.path)) for path in workspace.path.rglob("*")}


def test_a_saved_model_is_refused_unless_it_is_allowed(workspace: Workspace, saved: Path, tmp_path: Path):
    before = contents(workspace)
    archive = shutil.make_archive(str(tmp_path / "linear"), "zip", saved.parent, saved.name)
    for source in (saved, saved / "saved_model.pb", Path(archive)):
        with pytest.raises(RefusedModel, match="SavedModel") as caught:
            add_model(workspace, source, settings=Settings())
        assert "model.h5" in caught.value.mend and "NNVIS_ALLOW_SAVED_MODELS=1" in caught.value.mend
    assert contents(workspace) == before


def test_where_it_is_allowed_only_the_finished_graph_is_kept(
    workspace: Workspace, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    card, new = add_model(workspace, saved, settings=ALLOWED, class_names=list("abcd"), name="net")
    assert new and card.source == "linear" and card.class_names == tuple("abcd")
    assert card.notes["kind"].startswith("a TensorFlow graph without layers")
    stored = workspace.model_path("net")
    assert stored.name == "model.pb" and {path.name for path in stored.parent.iterdir()} == {"card.json", "model.pb"}
    archive = shutil.make_archive(str(tmp_path / "linear"), "zip", saved)
    assert add_model(workspace, archive, settings=ALLOWED) == (card, False)

    clf = open_classifier(workspace, "net")
    assert clf.card == card
    images = np.random.default_rng(0).integers(0, 256, (3, *SHAPE)).astype(np.uint8)
    signature = tf.saved_model.load(saved).signatures["serving_default"]
    (expected,) = signature(tf.constant(images.astype("float32") / 255)).values()
    np.testing.assert_allclose(clf.predict(images), expected, atol=1e-5)

    monkeypatch.setenv("NNVIS_ALLOW_SAVED_MODELS", "1")
    loaded = load_classifier(saved, class_names=list("abcd"))
    assert loaded.card.fingerprint == card.fingerprint and loaded.card.notes == card.notes
    np.testing.assert_array_equal(loaded.predict(images), clf.predict(images))


def test_a_hostile_one_leaves_nothing_even_where_it_is_allowed(workspace: Workspace, tmp_path: Path):
    before = contents(workspace)
    canary, target = tmp_path / "canary", tmp_path / "written"
    canary.write_text("x")
    compute, keep = hostile(canary, target)["WriteFile"]
    saved = save_function(tmp_path / "saved", compute, keep=keep)
    target.unlink(missing_ok=True)
    with pytest.raises(RefusedModel, match="WriteFile"):
        add_model(workspace, saved, settings=ALLOWED)
    assert contents(workspace) == before and not target.exists()


def test_the_setting_is_yes_or_no():
    name = "NNVIS_ALLOW_SAVED_MODELS"
    assert Settings.from_environment({}).allow_saved_models is False
    assert Settings.from_environment({name: "0"}).allow_saved_models is False
    assert Settings.from_environment({name: "1"}).allow_saved_models is True
    for wrong in ("", "yes", "2", "true"):
        with pytest.raises(ParameterError, match=name):
            Settings.from_environment({name: wrong})
