"""What all tests share: where the real images and foreign models are, and a quiet TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

ROOT = Path(__file__).resolve().parent.parent


def shared_data_folder() -> Path:
    """Return where the shared test data would be."""
    return Path(os.environ.get("NNVIS_SHARED_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real images and foreign models; skips where it isn't there."""
    folder = shared_data_folder()
    if not folder.is_dir():
        pytest.skip("the shared test data is not here (set NNVIS_SHARED_DATA to its folder)")
    return folder
