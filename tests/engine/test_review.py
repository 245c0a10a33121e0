"""The review and twins in the engine: kept and loaded they are what direct calls say; bad input in words."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import open_classifier
from nnvis_dash.analysis.index import load_index
from nnvis_dash.analysis.review.reviewing import load_review, review
from nnvis_dash.analysis.review.twins import load_twins
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NotFound, ParameterError
from tests import networks
from tests.engine.test_analyses import stored


def test_a_review_and_twins_are_what_direct_calls_say(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    labels = np.arange(60) % 3
    labels[::9] = -1
    images = networks.images(60, (12, 12, 1), seed=47)
    images[50] = images[2]
    card, _ = engine.workspace.add_dataset(images, name="to review", labels=labels)
    models = [stored(engine, tmp_path_factory.mktemp(f"net{seed}"), seed).fingerprint for seed in (81, 82)]
    wanted = Request("review", {"dataset": card.fingerprint, "models": models})
    with pytest.raises(NotFound, match="not been run over this dataset"):
        engine.result(wanted)
    indexes = [
        load_index(engine.result(Request("index", {"dataset": card.fingerprint, "model": model}))) for model in models
    ]
    found = load_review(engine.result(wanted))
    direct = review(
        engine.workspace.dataset("to review"), [open_classifier(engine.workspace, model) for model in models], indexes
    )
    assert found.labels is not None and direct.labels is not None
    np.testing.assert_array_equal(found.labels.likely, direct.labels.likely)
    np.testing.assert_allclose(found.labels.score, direct.labels.score, atol=1e-4)
    assert np.isnan(found.labels.score[::9]).all() and found.forms == direct.forms
    assert set(found.outliers) == set(direct.outliers) == {"together", "energy", "logit", "distance"}
    np.testing.assert_allclose(found.outliers["energy"], direct.outliers["energy"], atol=1e-4)
    row = next(row for row in engine.rows() if row.key == wanted.key)
    assert row.title == "Review of to review" and row.state == "done"
    assert len(found.units) == len(found.slices) and found.units == direct.units
    twins = load_twins(engine.result(Request("twins", {"dataset": card.fingerprint})))
    assert twins.samples.tolist() == [2, 50] and twins.exact.tolist() == [True]
    with pytest.raises(ParameterError, match="0 classifiers"):
        engine.result(Request("review", {"dataset": card.fingerprint, "models": []}))
