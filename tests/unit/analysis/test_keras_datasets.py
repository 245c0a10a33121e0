"""Keras's own data sets, fetched by a child: what arrives, and what is said where there is no internet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.analysis.keras_datasets import CLASS_NAMES, download
from nnvis_dash.errors import DatasetError, NotFound

STUB = """
import numpy as np
class datasets:
    class mnist:
        @staticmethod
        def load_data():
            {body}
"""


def keras_that(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a module named keras before the real one, for the child."""
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "keras.py").write_text(STUB.format(body=body))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stub"))
    return tmp_path / "mnist.npz"


def test_the_arrays_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "return (np.zeros((3, 2, 2), np.uint8), np.arange(3)), (np.ones((2, 2, 2), np.uint8), np.arange(2))"
    file = keras_that(body, tmp_path, monkeypatch)
    download("mnist", file)
    with np.load(file, allow_pickle=False) as arrays:
        assert {key: arrays[key].shape for key in arrays} == {
            "x_train": (3, 2, 2), "y_train": (3,), "x_test": (2, 2, 2), "y_test": (2,),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise Exception('URL fetch failure on https://x: None -- [Errno 111]')", "There is no internet here"),
        ("raise TimeoutError('timed out')", "There is no internet here"),
        ("raise ValueError('Incomplete or corrupted file')", "could not load mnist: ValueError: Incomplete"),
    ],
)
def test_a_failure_says_what_to_do_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    file = keras_that(body, tmp_path, monkeypatch)
    with pytest.raises(DatasetError, match=words) as caught:
        download("mnist", file)
    assert "add-dataset mnist.npz" in caught.value.mend and not file.exists()


def test_a_download_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = keras_that("import time; time.sleep(60)", tmp_path, monkeypatch)
    with pytest.raises(DatasetError, match="did not arrive in 1 s"):
        download("mnist", file, limit_seconds=1)


def test_the_real_loader_without_internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))  # nothing is cached there
    for name in ("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DatasetError, match="There is no internet here to download keras:mnist"):
        download("mnist", tmp_path / "mnist.npz")


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Choose one of: mnist, fashion_mnist, cifar10"):
        download("imagenet", tmp_path / "x.npz")
    assert all(len(names) == 10 for names in CLASS_NAMES.values())
