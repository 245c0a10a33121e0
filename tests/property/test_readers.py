"""Whatever bytes come in, a reader gives images or a user's error; and what was written comes back."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nnvis_dash.errors import DatasetError, NNVisError
from nnvis_dash.workspace.datasets import load_dataset
from nnvis_dash.workspace.labels import plain_text, read_class_names, resolve
from nnvis_dash.workspace.pixels import decode, fit
from tests.unit.workspace.files import cifar, encoded, idx, pixels, write_tree, write_zip

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
IMAGES = pixels(0, 4, 6, 5)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

mutations = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8)
cuts = st.one_of(st.none(), st.integers(0, 10**6))


def mutate(data: bytes, changes: list[tuple[int, int]], cut: int | None) -> bytes:
    broken = bytearray(data)
    for position, value in changes:
        broken[position % len(broken)] = value
    return bytes(broken if cut is None else broken[: cut % (len(broken) + 1)])


@QUICK
@given(kind=st.sampled_from(FORMATS), colour=st.booleans(), changes=mutations, cut=cuts)
@pytest.mark.filterwarnings("ignore")
def test_a_broken_image_is_pixels_or_a_users_error(
    kind: str, colour: bool, changes: list[tuple[int, int]], cut: int | None
) -> None:
    data = mutate(encoded(pixels(0, 9, 7, 3) if colour else pixels(0, 9, 7), kind), changes, cut)
    try:
        image = decode(data, max_pixels=10_000)
    except DatasetError as error:
        assert error.mend
    else:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] in (1, 3)
        assert 0 < image.shape[0] * image.shape[1] <= 10_000


def whole_file(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "npy":
        np.save(stream, IMAGES)
    elif kind == "npz":
        np.savez_compressed(stream, x=IMAGES, y=np.arange(4))
    elif kind == "idx":
        return idx(IMAGES)
    elif kind == "idx.gz":
        return gzip.compress(idx(IMAGES))
    elif kind == "bin":
        return cifar(pixels(0, 2, 32, 32, 3), np.array([3, 4]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            tree = {f"{'ab'[n % 2]}/{n}.png": encoded(IMAGES[n]) for n in range(4)}
            return write_zip(Path(folder) / "x.zip", tree).read_bytes()
    return stream.getvalue()


@QUICK
@example(kind="npz", changes=[(28, 113)], cut=None)  # the header itself can't be decompressed
@given(kind=st.sampled_from(["npy", "npz", "idx", "idx.gz", "bin", "zip"]), changes=mutations, cut=cuts)
@pytest.mark.filterwarnings("ignore")
def test_a_broken_file_is_a_dataset_or_a_users_error(
    kind: str, changes: list[tuple[int, int]], cut: int | None, tmp_path: Path
) -> None:
    path = tmp_path / f"x-images.{kind}"
    path.write_bytes(mutate(whole_file(kind), changes, cut))
    try:
        data = load_dataset(path, max_pixels=10_000)
    except NNVisError as error:
        assert error.mend and str(tmp_path) not in str(error)
    else:
        assert len(data) > 0
        assert all(data.image(sample).ndim == 3 for sample in range(min(len(data), 5)))
        assert data.labels is None or len(data.labels) == len(data)


@QUICK
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(5, 9), st.integers(5, 9), st.sampled_from([1, 3])),
    seed=st.integers(0, 99),
    order=st.sampled_from("CF"),
    compressed=st.booleans(),
)
def test_arrays_come_back(
    shape: tuple[int, int, int, int], seed: int, order: str, compressed: bool, tmp_path: Path
) -> None:
    images = np.asarray(pixels(seed, *shape), order=order)  # type: ignore[call-overload]
    labels = np.random.default_rng(seed).integers(-1, 4, shape[0])
    (np.savez_compressed if compressed else np.savez)(tmp_path / "x.npz", x=images, y=labels)
    data = load_dataset(tmp_path / "x.npz")
    assert np.array_equal(np.asarray(data.images), images)
    assert (data.labels is None) == bool((labels < 0).all())
    if data.labels is not None:
        assert data.labels.tolist() == labels.tolist()
    assert data.fingerprint == load_dataset(images, labels=labels).fingerprint


@QUICK
@given(good=st.lists(st.booleans(), min_size=1, max_size=6))
def test_shown_and_skipped_make_the_total(good: list[bool]) -> None:
    tree = {f"{'ab'[n % 2]}/{n}.png": encoded(pixels(n, 4, 4)) if fine else b"broken" for n, fine in enumerate(good)}
    with tempfile.TemporaryDirectory() as folder:
        source = write_tree(Path(folder) / "x", tree)
        if not any(good):
            with pytest.raises(DatasetError):
                load_dataset(source, skip_unreadable=True)
            return
        data = load_dataset(source, skip_unreadable=True)
        skipped = data.card.notes.get("skipped", "0").split()[0]
        assert len(data) + int(skipped) == len(good) and len(data) == sum(good)
        assert data.labels is not None
        for sample in range(len(data)):
            folder_name, number = data.file_names[sample].removesuffix(".png").split("/")
            assert data.class_names[data.labels[sample]] == folder_name
            assert np.array_equal(data.image(sample)[:, :, 0], pixels(int(number), 4, 4))


@QUICK
@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    channels=st.sampled_from([1, 3]),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3])),
    resize=st.sampled_from(["squash", "crop"]),
    value=st.integers(0, 255),
)
def test_a_flat_image_stays_flat(
    height: int, width: int, channels: int, size: tuple[int, int, int], resize: str, value: int
) -> None:
    image = np.full((height, width, channels), value, dtype=np.uint8)
    fitted = fit(image, *size, resize)  # type: ignore[arg-type]
    assert fitted.shape == size and fitted.dtype == np.uint8
    assert (fitted == value).all()


@QUICK
@given(texts=st.lists(st.text(max_size=8), min_size=1, max_size=8))
def test_text_labels_name_their_classes(texts: list[str]) -> None:
    numbers, names = resolve(np.array(texts, dtype=object), (), len(texts))
    plain = [plain_text(text) for text in texts]
    if numbers is None:
        assert all(text in ("", "-1") for text in plain)
        return
    for text, number in zip(plain, numbers, strict=True):
        if number < 0:
            assert text == "" or int(text) == -1
        else:
            assert names[number] == text or int(text) == number


@QUICK
@given(names=st.lists(st.text(min_size=1, max_size=12), max_size=8))
def test_class_names_are_distinct_plain_text(names: list[str]) -> None:
    try:
        read = read_class_names(names)
    except DatasetError:
        assert any(not plain_text(name) for name in names)
        return
    assert len(read) == len(names) == len(set(read))
    assert all((name == plain_text(name) and name.isprintable()) or " " in name or name for name in read)
    assert not any("\n" in name or "\x1b" in name for name in read)
