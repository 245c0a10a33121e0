"""A drawing is answered by every classifier from the question alone: no artifact, no row."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.engine.client import Engine
from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.pixels import encode_png, fit
from tests import networks
from tests.engine.test_analyses import stored


def question(image: np.ndarray, *models: str) -> dict[str, object]:
    return {"png": base64.b64encode(encode_png(image)).decode("ascii"), "models": list(models)}


def test_a_drawing_of_any_size_is_answered_and_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    from nnvis_dash.analysis.classifier import open_classifier

    card = stored(engine, tmp_path, 6)
    image = networks.images(1, (31, 17, 3), seed=4)[0]
    before = sorted(path.name for path in (engine.workspace.path / "artifacts").iterdir())
    answer = engine.ask("drawing", question(image, card.fingerprint, "f" * 32))
    expected = open_classifier(engine.workspace, card.fingerprint).predict(fit(image, *card.input_shape)[None])
    np.testing.assert_allclose(answer["probabilities"][0], expected, atol=1e-6)
    assert answer["probabilities"][1] is None and "f" * 32 in answer["problems"][1]
    assert before == sorted(path.name for path in (engine.workspace.path / "artifacts").iterdir())


def test_what_is_no_picture_is_an_error_in_words(engine: Engine) -> None:
    with pytest.raises(DatasetError, match="not an image"):
        engine.ask("drawing", {"png": base64.b64encode(b"x").decode("ascii"), "models": []})
