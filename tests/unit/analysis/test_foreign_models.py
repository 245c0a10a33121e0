"""Models of other people: each loads, or is refused, as the README of the shared data says, with its accuracy."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash import load_classifier
from nnvis_dash.errors import ModelError
from nnvis_dash.types import Resize
from nnvis_dash.workspace.pixels import decode

pytestmark = pytest.mark.shared_data


@dataclass(frozen=True)
class Foreign:
    """A file and what it is known to do."""

    path: str
    preprocessing: str
    shape: tuple[int, int, int]
    n_classes: int
    accuracy: float | None = None  # None: no labelled images for it here
    tolerance: float = 0.02
    resize: Resize = "squash"
    repaired: tuple[str, ...] = ()  # words that stand in the card


FOREIGN = (
    Foreign("mnist/lenet1.keras", "unit", (28, 28, 1), 10, 0.979, 0.0005),
    Foreign("mnist/lenet4.keras", "unit", (28, 28, 1), 10, 0.985, 0.0005),
    Foreign(
        "mnist/tensorspace_keras216.h5",
        "unit",
        (28, 28, 1),
        10,
        0.987,
        0.0005,
        repaired=("its list of layers", "28 × 28: a channel axis", "training settings left out"),
    ),
    Foreign("fer2013/mini_xception_64_keras205.hdf5", "symmetric", (64, 64, 1), 7, repaired=("class Model",)),
    # The README has .592, .678 and .889 for 1,000 photographs; these were measured with the 200 that are here.
    Foreign(
        "imagenet/mobilenet_v1_025_224_keras280.h5",
        "symmetric",
        (224, 224, 3),
        1000,
        0.610,
        resize="crop",
        repaired=("DepthwiseConv2D: groups left out",),
    ),
    Foreign("imagenet/mobilenet_v1_05_160.keras", "symmetric", (160, 160, 3), 1000, 0.685, resize="crop"),
    Foreign("imagenet/mobilenet_v2_10_224.keras", "symmetric", (224, 224, 3), 1000, 0.880, resize="crop"),
)
REFUSED = (("mnist/lenet1_weights_only.h5", "only the weights of a model", "--architecture"),)


@cache
def mnist(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    (images,) = (shared_data / "mnist").glob("*images*")
    (labels,) = (shared_data / "mnist").glob("*labels*")
    pixels = np.frombuffer(gzip.decompress(images.read_bytes())[16:], np.uint8).reshape(-1, 28, 28, 1)
    return pixels, np.frombuffer(gzip.decompress(labels.read_bytes())[8:], np.uint8)


def photographs(shared_data: Path) -> Iterator[np.ndarray]:
    """Yield one photograph of every fifth class, in the order of the classes."""
    for path in sorted((shared_data / "imagenet").glob("*.JPEG")):
        yield decode(path.read_bytes())


def test_every_model_of_the_shared_data_is_known_here(shared_data: Path):
    folder = shared_data / "models"
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == {foreign.path for foreign in FOREIGN} | {path for path, _, _ in REFUSED}


@pytest.mark.parametrize("foreign", FOREIGN, ids=[foreign.path for foreign in FOREIGN])
def test_a_foreign_model_loads_with_its_accuracy(foreign: Foreign, shared_data: Path):
    path = shared_data / "models" / foreign.path
    classifier = load_classifier(path, foreign.preprocessing, resize=foreign.resize)
    assert (classifier.card.input_shape, classifier.card.n_classes) == (foreign.shape, foreign.n_classes)
    said = classifier.card.notes.get("repaired", "")
    assert all(words in said for words in foreign.repaired) and bool(said) == bool(foreign.repaired)
    if foreign.accuracy is None:
        probabilities = classifier.predict(np.zeros((1, *foreign.shape), np.uint8))
        assert probabilities.shape == (1, foreign.n_classes)
        return
    if foreign.n_classes == 10:
        images, labels = mnist(shared_data)
        answers = classifier.predict(images).argmax(axis=1)
    else:
        answers = classifier.predict(list(photographs(shared_data))).argmax(axis=1)
        labels = 5 * np.arange(200)
    assert (answers == labels).mean() == pytest.approx(foreign.accuracy, abs=foreign.tolerance)


@pytest.mark.parametrize(("path", "says", "mend"), REFUSED)
def test_a_foreign_file_is_refused_with_the_way_out(path: str, says: str, mend: str, shared_data: Path):
    with pytest.raises(ModelError) as caught:
        load_classifier(shared_data / "models" / path)
    assert says in caught.value.what and mend in caught.value.mend


def test_weights_alone_classify_with_the_architecture_beside_them(shared_data: Path, tmp_path: Path):
    """Their authors published them so; the architecture is that of the .keras file made of them."""
    models = shared_data / "models" / "mnist"
    architecture = tmp_path / "lenet1.json"
    with zipfile.ZipFile(models / "lenet1.keras") as archive:
        architecture.write_bytes(archive.read("config.json"))
    classifier = load_classifier(models / "lenet1_weights_only.h5", "unit", architecture=architecture)
    images, labels = mnist(shared_data)
    assert (classifier.predict(images).argmax(axis=1) == labels).mean() == pytest.approx(0.979, abs=0.0005)
