"""Models and images of other people: the preprocessing is found, and with it the accuracy that its authors measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import load_classifier
from nnvis_dash.analysis.doctor import doctor
from nnvis_dash.analysis.index import index
from nnvis_dash.workspace.datasets import Dataset, load_dataset

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def digits(shared_data: Path) -> Dataset:
    return load_dataset(shared_data / "mnist")


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> Dataset:
    """200 photographs; each shows the class 5 times its position."""
    folder = shared_data / "imagenet"
    lines = (folder / "classes.csv").read_text(encoding="utf-8").splitlines()[1:]
    names = [" ".join(line.split(",", 2)[1:]) for line in lines]
    return load_dataset(folder, np.arange(200) * 5, names)


def accuracy(clf, data: Dataset) -> float:
    return float((index(clf, data).probabilities.argmax(axis=1) == data.labels).mean())


@pytest.mark.parametrize(
    ("file", "expected"), [("lenet1.keras", 0.979), ("lenet4.keras", 0.985), ("tensorspace_keras216.h5", 0.987)]
)
def test_digits(shared_data: Path, digits: Dataset, file: str, expected: float):
    clf = load_classifier(shared_data / "models" / "mnist" / file, data=digits)
    assert clf.card.preprocessing.name == "unit"
    assert "doctor: unit, squash, accuracy" in clf.card.notes["preprocessing"]
    assert accuracy(clf, digits) == pytest.approx(expected, abs=0.005)
    raw = doctor(clf.with_preprocessing("raw"), digits)  # as accurate within noise: ReLUs keep scales, the loss doesn't
    assert raw.proposed.preprocessing.name == "unit" and raw.candidates[raw.current].confidence > 0.99


# Their authors' top-1 on 1,000 other photographs: .592 and .678; one of 200 is right or wrong by 0.034 (one deviation).
@pytest.mark.parametrize(
    ("file", "published", "measured"),
    [("mobilenet_v1_025_224_keras280.h5", 0.592, 0.610), ("mobilenet_v1_05_160.keras", 0.678, 0.685)],
)
def test_photographs(shared_data: Path, photographs: Dataset, file: str, published: float, measured: float):
    clf = load_classifier(shared_data / "models" / "imagenet" / file, data=photographs)
    assert (clf.card.preprocessing.name, clf.card.resize) == ("symmetric", "crop")
    found = accuracy(clf, photographs)
    assert found == pytest.approx(measured, abs=0.0051) and found == pytest.approx(published, abs=0.04)


def test_photographs_without_labels(shared_data: Path, photographs: Dataset):
    clf = load_classifier(shared_data / "models" / "imagenet" / "mobilenet_v2_10_224.keras", "imagenet", resize="crop")
    found = doctor(clf, load_dataset(photographs.batch(range(0, 200, 7), (224, 224, 3), "crop")))
    assert found.criterion == "statistics" and found.proposed.preprocessing.name == "symmetric" and found.changes
    assert accuracy(clf.with_preprocessing("symmetric"), photographs) == pytest.approx(0.889, abs=0.04)


def test_faces_without_a_single_image_and_with_photographs(shared_data: Path):
    clf = load_classifier(shared_data / "models" / "fer2013" / "mini_xception_64_keras205.hdf5")
    assert clf.card.preprocessing.name == "symmetric" and "batch normalisation" in clf.card.notes["preprocessing"]
    found = doctor(clf.with_preprocessing("unit"), load_dataset(shared_data / "photos"))
    assert found.criterion == "statistics" and found.proposed.preprocessing.name == "symmetric"
