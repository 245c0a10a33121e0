"""The data sets that Keras itself loads, fetched in a child process so that the caller never imports Keras.

Keras checks what it downloads against a hash of its own. The child writes the arrays as a plain .npz and is gone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from nnvis_dash.errors import DatasetError, NotFound

PREFIX: Final = "keras:"
CLASS_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "mnist": tuple(str(digit) for digit in range(10)),
    "fashion_mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}
_BY_HAND: Final[dict[str, str]] = {
    "mnist": "download https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz elsewhere, copy it here "
    "and run `add-dataset mnist.npz`",
    "fashion_mnist": "download the four .gz files of https://github.com/zalandoresearch/fashion-mnist (data/fashion) "
    "elsewhere, copy them here in one folder and run `add-dataset FOLDER`",
    "cifar10": "download https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz elsewhere, unpack it here and run "
    "`add-dataset cifar-10-batches-bin`",
}
_CONNECT_SECONDS = 20.0
_LIMIT_SECONDS = 3600.0
_OFFLINE = 3  # the child's exit status


def download(name: str, destination: Path, limit_seconds: float = _LIMIT_SECONDS) -> None:
    """Fetch one of Keras's data sets, or take it from Keras's own cache.

    Parameters
    ----------
    name : str
        "mnist", "fashion_mnist" or "cifar10".
    destination : Path
        The .npz file to write: x_train, y_train, x_test, y_test.
    limit_seconds : float
        Longest that the download may take.

    Raises
    ------
    NotFound
        No such name.
    DatasetError
        There is no internet, or the download failed; says what to do instead.
    """
    if name not in CLASS_NAMES:
        raise NotFound.among("dataset of Keras", name, CLASS_NAMES)
    root = str(Path(__file__).resolve().parent.parent.parent)
    try:
        child = subprocess.run(
            [sys.executable, "-m", __name__, name, str(destination)],
            cwd=root,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=limit_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DatasetError(f"{PREFIX}{name} did not arrive in {limit_seconds:g} s", _mend(name)) from None
    if child.returncode == _OFFLINE:
        raise DatasetError(f"There is no internet here to download {PREFIX}{name}", _mend(name))
    if child.returncode or not destination.is_file():
        lines = child.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DatasetError(
            f"Keras could not load {name}: {lines[-1][:300] if lines else 'no reason given'}", _mend(name)
        )


def _mend(name: str) -> str:
    text = _BY_HAND[name]
    return f"{text[0].upper()}{text[1:]}."


def _fetch(name: str, destination: str) -> int:
    """Load with Keras and write the .npz: what the child does."""
    import keras
    import numpy as np

    socket.setdefaulttimeout(_CONNECT_SECONDS)
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception for whatever the download ran into
        if "URL fetch failure" not in str(error) and not isinstance(error, OSError):
            raise
        return _OFFLINE
    np.savez(destination, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return 0


if __name__ == "__main__":
    sys.exit(_fetch(sys.argv[1], sys.argv[2]))
