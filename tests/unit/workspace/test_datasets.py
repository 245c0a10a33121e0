"""What a dataset gives: single images, batches for a classifier, parts of itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.workspace.datasets import Dataset, FileImages, load_dataset
from nnvis_dash.workspace.pixels import fit
from nnvis_dash.workspace.store import Workspace
from tests.unit.workspace.files import encoded, pixels, write_tree

IMAGES = pixels(0, 20, 6, 5, 3)
LABELS = np.arange(20) % 4


@pytest.fixture
def stored(tmp_path: Path) -> Dataset:
    workspace = Workspace(tmp_path / "workspace")
    card, _ = workspace.add_dataset(IMAGES, name="a", labels=LABELS, extras={"masks": IMAGES[..., 0], "split": LABELS})
    return workspace.dataset(card.fingerprint)


@pytest.fixture
def mixed(tmp_path: Path) -> tuple[Dataset, list[np.ndarray]]:
    images = [pixels(number, 6 + number % 3, 5 + number, 1 + 2 * (number % 2)) for number in range(12)]
    tree = {f"{number:02}.png": encoded(image) for number, image in enumerate(images)}
    return load_dataset(write_tree(tmp_path / "mixed", tree)), images


def test_images_are_mapped_not_read(stored: Dataset) -> None:
    assert isinstance(stored.images, np.memmap) and not stored.images.flags.writeable
    assert np.array_equal(stored.image(7), IMAGES[7])


def test_a_batch_of_the_stored_size_is_a_view(stored: Dataset) -> None:
    batch = stored.batch(range(4, 9), (6, 5, 3))
    assert np.shares_memory(batch, stored.images) and np.array_equal(batch, IMAGES[4:9])
    assert np.shares_memory(stored.batch(slice(4, 9), (6, 5, 3)), stored.images)
    scattered = stored.batch([3, 1, 1, 19], (6, 5, 3))
    assert np.array_equal(scattered, IMAGES[[3, 1, 1, 19]])
    assert np.array_equal(stored.batch([5, 4, 3], (6, 5, 3)), IMAGES[[5, 4, 3]])
    assert np.array_equal(stored.batch([1, 3, 3], (6, 5, 3)), IMAGES[[1, 3, 3]])
    assert np.array_equal(stored.batch([0, 2, 1, 3], (6, 5, 3)), IMAGES[[0, 2, 1, 3]])
    assert stored.batch([], (6, 5, 3)).shape == (0, 6, 5, 3)


def test_a_batch_of_another_size_is_fitted(stored: Dataset) -> None:
    for resize in ("squash", "crop"):
        batch = stored.batch([3, 1], (4, 8, 1), resize)  # type: ignore[arg-type]
        assert batch.shape == (2, 4, 8, 1)
        assert np.array_equal(batch[1], fit(IMAGES[1], 4, 8, 1, resize))  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 3, 12])
def test_a_batch_of_files_is_fitted_one_by_one(mixed: tuple[Dataset, list[np.ndarray]], n: int) -> None:
    data, images = mixed
    ids = list(range(12))[::-1][:n]
    batch = data.batch(ids, (7, 7, 3), "crop")
    assert batch.shape == (n, 7, 7, 3)
    for row, sample in enumerate(ids):
        assert np.array_equal(batch[row], fit(images[sample], 7, 7, 3, "crop"))


def test_files_are_a_sequence(mixed: tuple[Dataset, list[np.ndarray]]) -> None:
    data, images = mixed
    assert isinstance(data.images, FileImages) and len(data.images) == 12
    assert np.array_equal(data.images[-1], images[-1])
    assert [image.shape for image in data.images[3:5]] == [images[3].shape, images[4].shape]
    assert data.images.shapes.tolist() == [list(image.shape) for image in images]
    assert sum(1 for _ in data.images) == 12


def test_take(stored: Dataset) -> None:
    part = stored.take([5, 2, 2])
    assert len(part) == 3 and part.labels is not None and part.labels.tolist() == [1, 2, 2]
    assert np.array_equal(np.asarray(part.images), IMAGES[[5, 2, 2]])
    masks = part.extra("masks")
    assert masks is not None and np.array_equal(masks, IMAGES[[5, 2, 2], ..., 0])
    assert part.class_names == stored.class_names and part.card.n_samples == 3
    assert len({stored.fingerprint, part.fingerprint, stored.take([2, 5, 2]).fingerprint}) == 3
    assert part.fingerprint == stored.take([5, 2, 2]).fingerprint
    assert np.array_equal(part.take([1]).image(0), IMAGES[2])
    assert np.array_equal(np.asarray(stored.take(slice(2, 8, 3)).images), IMAGES[2:8:3])


def test_take_of_files_outlives_the_whole(mixed: tuple[Dataset, list[np.ndarray]]) -> None:
    data, images = mixed
    part = data.take([4, 0])
    names = part.file_names
    del data
    assert names == ("04.png", "00.png")
    assert np.array_equal(part.image(0), images[4])


def test_a_temporary_folder_goes_with_the_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = load_dataset(IMAGES / 255.0)
    assert len(list(tmp_path.iterdir())) == 1
    del data
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Exception, match="5 labels"):
        load_dataset(IMAGES / 255.0, labels=[0] * 5)
    assert list(tmp_path.iterdir()) == []


def test_extras(stored: Dataset) -> None:
    split = stored.extra("split")
    assert split is not None and split.tolist() == LABELS.tolist()
    assert stored.extra("nothing") is None
    assert stored.extra("../card") is None


@pytest.mark.parametrize("ids", [[20], [-1], [0, 3, 99]])
def test_a_sample_that_is_not_there(stored: Dataset, ids: list[int]) -> None:
    for call in (lambda: stored.batch(ids, (6, 5, 3)), lambda: stored.take(ids), lambda: stored.image(ids[-1])):
        with pytest.raises(NotFound, match=r"no sample -?\d+ in 'a'.* 0 to 19"):
            call()


def test_an_impossible_size(stored: Dataset) -> None:
    with pytest.raises(ParameterError):
        stored.batch([0], (6, 5, 2))
    with pytest.raises(NotFound, match="whole numbers"):
        stored.batch(np.array([0.5]), (6, 5, 3))
