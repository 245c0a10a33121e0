"""CIFAR-10's and CIFAR-100's binary batches: each record is one or two label bytes and 3 × 32 × 32 pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.labels import read_class_names
from nnvis_dash.workspace.npy import read_exactly, rows_per_block
from nnvis_dash.workspace.readers import READERS, Given, Reading, ReadOptions, array_reading, choose_split

_PIXELS = 3 * 32 * 32
_CIFAR_10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_NAME_FILES = {1: "batches.meta.txt", 2: "fine_label_names.txt"}


@READERS.register("cifar", title="CIFAR binary batches (.bin)", reference="https://www.cs.toronto.edu/~kriz/cifar.html")
def read_cifar(source: Given, options: ReadOptions) -> Reading | None:
    """CIFAR-10 or CIFAR-100 binary batches: a .bin file, or the folder of them."""
    if not isinstance(source, Path):
        return None
    if source.is_dir():
        files = sorted(path for path in source.iterdir() if path.suffix == ".bin" and path.is_file())
    elif source.suffix == ".bin":
        files = [source]
    else:
        return None
    if not files:
        return None
    n_label_bytes = _label_bytes(files)
    by_split: dict[str, list[Path]] = {}
    for path in files:
        split = "test" if path.name.startswith("test") else "train"
        by_split.setdefault(split if len(files) > 1 else "", []).append(path)
    chosen, notes = choose_split(by_split, options.split if len(files) > 1 else None, source.name)
    paths = [path for group in chosen for path in group]
    record = n_label_bytes + _PIXELS
    labels = np.concatenate([_labels(path, n_label_bytes) for path in paths])
    n_classes = 10 if n_label_bytes == 1 else 100
    if int(labels.max(initial=0)) >= n_classes:
        raise DatasetError(
            f"The file {source.name!r} has the label {labels.max()}, but CIFAR-{n_classes} has {n_classes} classes",
            "Check that these are CIFAR's binary batches.",
        )
    names_file = files[0].with_name(_NAME_FILES[n_label_bytes])
    if names_file.is_file():
        names = read_class_names(names_file)
    else:
        names = _CIFAR_10 if n_label_bytes == 1 else tuple(str(number) for number in range(100))

    def images() -> Iterator[npt.NDArray[Any]]:
        for path in paths:
            for block in _records(path, record):
                yield block[:, n_label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)

    return array_reading(
        source.name,
        images,
        (len(labels), 32, 32, 3),
        np.dtype(np.uint8),
        labels=labels,
        class_names=names,
        notes=notes,
    )


def _label_bytes(files: list[Path]) -> int:
    """Return how many label bytes a record has, by the sizes of the files."""
    for path in files:
        if path.stat().st_size == 0:
            raise DatasetError(f"The file {path.name!r} is empty", "Download or copy it again.")
    fitting = [n for n in (1, 2) if all(path.stat().st_size % (n + _PIXELS) == 0 for path in files)]
    if not fitting:
        sizes = {path: path.stat().st_size for path in files}
        odd = next((path for path, size in sizes.items() if size % 3073 and size % 3074), None)
        if odd is None:
            raise DatasetError("The folder mixes batches of CIFAR-10 and CIFAR-100", "Give one of the files.")
        raise DatasetError(
            f"The file {odd.name!r} has {odd.stat().st_size:,} bytes, no whole number of records (3,073 or 3,074)",
            "It is incomplete, or no CIFAR batch; download or copy it again.",
        )
    return 2 if 2 in fitting and (len(fitting) == 1 or any(path.stem in ("train", "test") for path in files)) else 1


def _records(path: Path, record: int) -> Iterator[npt.NDArray[np.uint8]]:
    n = path.stat().st_size // record
    step = rows_per_block(record)
    with path.open("rb") as stream:
        for start in range(0, n, step):
            data = read_exactly(stream, min(step, n - start) * record, path.name)
            yield np.frombuffer(data, np.uint8).reshape(-1, record)


def _labels(path: Path, n_label_bytes: int) -> npt.NDArray[np.int32]:
    """Return the (fine) labels of a file."""
    record = n_label_bytes + _PIXELS
    return np.concatenate([block[:, n_label_bytes - 1].astype(np.int32) for block in _records(path, record)])
