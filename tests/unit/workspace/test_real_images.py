"""Real data sets as people have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.workspace.datasets import load_dataset
from nnvis_dash.workspace.store import Workspace

pytestmark = pytest.mark.shared_data


def test_mnist_by_folder_and_by_file(shared_data: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    card, _ = workspace.add_dataset(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz", name="mnist")
    assert workspace.add_dataset(shared_data / "mnist") == (card, False)
    data = workspace.dataset("mnist")
    assert card.image_shape == (28, 28, 1) and data.class_names == tuple("0123456789")
    assert data.labels is not None
    assert np.bincount(data.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_fashion_mnist_as_arrays_and_as_folders(shared_data: Path) -> None:
    names = shared_data / "fashion_mnist" / "classes.txt"
    arrays = load_dataset(shared_data / "fashion_mnist" / "test_5000.npz", class_names=names)
    folders = load_dataset(shared_data / "fashion_mnist" / "folders_100", class_names=names)
    assert arrays.class_names == folders.class_names and arrays.class_names[0] == "T-shirt/top"
    assert folders.labels is not None and np.bincount(folders.labels, minlength=10).sum() == 100
    assert arrays.labels is not None
    known = {image.tobytes(): int(label) for image, label in zip(arrays.images, arrays.labels, strict=True)}
    seen = [
        known[image.tobytes()] == label
        for image, label in zip(folders.images, folders.labels, strict=True)
        if image.tobytes() in known
    ]
    assert all(seen)


def test_cifar_10(shared_data: Path) -> None:
    data = load_dataset(shared_data / "cifar10" / "train_4000.npz")
    assert len(data) == 4000 and data.card.image_shape == (32, 32, 3) and len(data.class_names) == 10


def test_photographs_of_all_sizes_with_labels_by_file_name(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "imagenet"
    names = sorted(path.name for path in folder.glob("*.JPEG"))
    rows = "".join(f"{name},{5 * position}\n" for position, name in enumerate(names))
    (tmp_path / "labels.csv").write_text(f"file,label\n{rows}")
    data = load_dataset(folder, labels=tmp_path / "labels.csv", class_names=folder / "classes.csv")
    assert len(data) == 200 and data.card.image_shape is None and data.card.storage == "files"
    assert data.labels is not None and data.labels.tolist() == list(range(0, 1000, 5))
    for sample, name in enumerate(data.file_names):
        wnid, _, words = name.removesuffix(".JPEG").partition("_")
        assert data.class_names[data.labels[sample]].replace(" ", "_").replace("'", "").startswith(words[:3]), wnid
    batch = data.batch(range(40), (64, 64, 3), "crop")
    assert batch.shape == (40, 64, 64, 3) and batch.std() > 30


def test_photos(shared_data: Path) -> None:
    data = load_dataset(shared_data / "photos")
    assert data.labels is None and len(data.file_names) == len(data)
    assert all(data.image(sample).shape[2] == 3 for sample in range(len(data)))
