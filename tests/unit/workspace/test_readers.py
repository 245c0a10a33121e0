"""Every format to the same images, labels and class names; and what is refused."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.errors import DatasetError, NNVisError, NotFound
from nnvis_dash.workspace.datasets import Dataset, load_dataset
from nnvis_dash.workspace.readers import READERS
from tests.unit.workspace.files import cifar, encoded, idx, pixels, write_idx_pair, write_tree, write_zip

compress = partial(gzip.compress, mtime=0)  # the same bytes, so the same name of a test, in every process

GREY = pixels(0, 6, 5, 4, 1)
COLOUR = pixels(1, 6, 32, 32, 3)
LABELS = np.array([0, 1, 1, 0, 2, 1], dtype=np.int32)
TREE = {
    f"{name}/{position}.png": encoded(GREY[2 * number + position])
    for number, name in enumerate(("cat", "dog", "emu"))
    for position in range(2)
}


def same(data: Dataset, images: np.ndarray, labels: object, names: tuple[str, ...]) -> None:
    assert len(data) == len(images) and data.class_names == names
    assert np.array_equal(np.stack([data.image(sample) for sample in range(len(data))]), images)
    assert (data.labels is None) == (labels is None)
    if labels is not None:
        assert data.labels is not None and data.labels.dtype == np.int32
        assert data.labels.tolist() == list(labels)  # type: ignore[call-overload]


def test_the_registry_has_a_title_and_a_place_to_read_on() -> None:
    assert set(READERS) == {"array", "cifar", "folder", "idx", "npy", "npz", "zip"}
    assert all(entry.title and entry.reference and entry.summary for entry in READERS.values())


# folders


def test_a_folder_of_class_folders(tmp_path: Path) -> None:
    data = load_dataset(write_tree(tmp_path / "pets", TREE))
    same(data, GREY, [0, 0, 1, 1, 2, 2], ("cat", "dog", "emu"))
    assert data.card.name == "pets" and data.card.source == "pets" and data.card.storage == "array"
    assert data.file_names[2] == "dog/0.png"


def test_what_is_no_image_is_left_out_and_said(tmp_path: Path) -> None:
    more = {
        ".DS_Store": b"x",
        "cat/.hidden.png": b"x",
        "dog/notes.txt": b"x",
        "fox/": b"",
        "__MACOSX/cat/._0.png": b"x",
    }
    data = load_dataset(write_tree(tmp_path / "pets", {**TREE, **more}))
    same(data, GREY, [0, 0, 1, 1, 2, 2], ("cat", "dog", "emu", "fox"))
    assert data.card.notes["ignored"] == "1 not named as images: dog/notes.txt"
    assert data.card.notes["classes without images"] == "fox"


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    data = load_dataset(write_tree(tmp_path / "a", {f"{n}.png": encoded(GREY[n]) for n in range(6)}))
    same(data, GREY, None, ())
    assert not data.card.labelled


def test_an_image_beside_the_class_folders_has_no_label(tmp_path: Path) -> None:
    data = load_dataset(write_tree(tmp_path / "a", {**TREE, "extra.png": encoded(GREY[0])}))
    assert data.labels is not None and data.labels.tolist() == [-1, 0, 0, 1, 1, 2, 2]
    assert "without a label" in data.card.notes


def test_a_single_image_is_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(encoded(GREY[0]))
    same(load_dataset(tmp_path / "photo.png"), GREY[:1], None, ())


def test_folders_named_by_number_are_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    tree = {f"{number}/a.png": encoded(pixels(number, 4, 4)) for number in range(11)}
    data = load_dataset(write_tree(tmp_path / "a", tree))
    assert data.class_names == tuple(str(number) for number in range(11))
    assert np.array_equal(data.image(10)[:, :, 0], pixels(10, 4, 4))
    named = load_dataset(tmp_path / "a", class_names=[f"class {number}" for number in range(11)])
    assert named.class_names[10] == "class 10" and named.labels is not None and named.labels[10] == 10


def test_folders_of_some_numbers_only_take_names_by_number(tmp_path: Path) -> None:
    tree = {f"{number}/a.png": encoded(pixels(number, 4, 4)) for number in (3, 12)}
    data = load_dataset(write_tree(tmp_path / "a", tree), class_names=[f"c{number}" for number in range(20)])
    assert data.labels is not None
    assert {int(label): data.image(sample)[0, 0, 0] for sample, label in enumerate(data.labels)} == {
        number: pixels(number, 4, 4)[0, 0] for number in (3, 12)
    }


def test_class_names_for_folders(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "pets", TREE)
    same(load_dataset(tree, class_names="emu,cat,fox,dog"), GREY, [1, 1, 3, 3, 0, 0], ("emu", "cat", "fox", "dog"))
    same(load_dataset(tree, class_names="Katze,Hund,Strauß"), GREY, [0, 0, 1, 1, 2, 2], ("Katze", "Hund", "Strauß"))
    with pytest.raises(DatasetError, match="class 'emu' of 'pets' is not among the 3 class names"):
        load_dataset(tree, class_names="cat,dog,fox")
    with pytest.raises(DatasetError, match="class 'cat'"):
        load_dataset(tree, class_names="a,b")


def test_splits_are_not_classes(tmp_path: Path) -> None:
    tree = {f"{split}/{name}": data for split in ("train", "test") for name, data in TREE.items()}
    with pytest.raises(DatasetError, match="splits, not classes: test, train"):
        load_dataset(write_tree(tmp_path / "pets", tree))


def test_folders_that_wrap_the_class_folders_are_seen_through(tmp_path: Path) -> None:
    inside = load_dataset(write_tree(tmp_path / "a", {f"outer/pets/{name}": data for name, data in TREE.items()}))
    same(inside, GREY, [0, 0, 1, 1, 2, 2], ("cat", "dog", "emu"))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "pets", TREE)
    (tree / "cat" / "circle").symlink_to(tree)
    (tree / "cat" / "gone.png").symlink_to(tmp_path / "nothing.png")
    with pytest.raises(DatasetError, match=r"'cat/gone\.png' can't be read"):
        load_dataset(tree)
    (tree / "cat" / "gone.png").unlink()
    assert len(load_dataset(tree)) == 6


def test_a_name_that_is_no_text_is_shown_plainly(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9 <b>")
    folder.mkdir()
    (folder / "a\nb.png").write_bytes(encoded(GREY[0]))
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "x.png").write_bytes(encoded(GREY[1]))
    data = load_dataset(tmp_path)
    assert data.class_names == ("caf? <b>", "dog")
    assert data.file_names[0] == "caf? <b>/a b.png"


@pytest.mark.parametrize("bad", [b"", b"not an image", encoded(GREY[0])[:40]])
def test_an_unreadable_image_among_good_ones(tmp_path: Path, bad: bytes) -> None:
    tree = write_tree(tmp_path / "pets", {**TREE, "dog/bad.png": bad})
    with pytest.raises(DatasetError, match=r"'dog/bad\.png'.*skip"):
        load_dataset(tree)
    data = load_dataset(tree, skip_unreadable=True, labels=["a", "a", "b", "b", "z", "c", "c"])
    same(data, GREY, [0, 0, 1, 1, 2, 2], ("a", "b", "c", "z"))
    assert data.card.notes["skipped"] == "1 unreadable: dog/bad.png"
    assert data.file_names[-1] == "emu/1.png" and len(data.file_names) == 6


def test_nothing_readable(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="None of the 1 images"):
        load_dataset(write_tree(tmp_path / "a", {"x.png": b"x"}), skip_unreadable=True)


def test_images_of_mixed_size_are_kept_as_they_are(tmp_path: Path) -> None:
    images = [pixels(0, 5, 7, 3), pixels(1, 300, 20, 1), pixels(2, 5, 7, 3)]
    data = load_dataset(write_tree(tmp_path / "a", {f"{n}.png": encoded(image) for n, image in enumerate(images)}))
    assert data.card.storage == "files" and data.card.image_shape is None
    for sample, image in enumerate(images):
        assert np.array_equal(data.image(sample), image)


def test_large_images_of_one_size_are_kept_encoded(tmp_path: Path) -> None:
    data = load_dataset(write_tree(tmp_path / "a", {f"{n}.png": encoded(pixels(n, 65, 64)) for n in range(2)}))
    assert data.card.storage == "files" and data.card.image_shape == (65, 64, 1)


def test_the_limit_of_pixels_is_passed_on(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "a", {"x.png": encoded(GREY[0])})
    with pytest.raises(DatasetError, match="at most 19 are read"):
        load_dataset(tree, max_pixels=19)


# zip


@pytest.mark.parametrize("wrap", ["", "pets/"])
def test_a_zip_is_the_same_dataset_as_its_folder(tmp_path: Path, wrap: str) -> None:
    archive = write_zip(tmp_path / "pets.zip", {f"{wrap}{name}": data for name, data in TREE.items()})
    data = load_dataset(archive)
    same(data, GREY, [0, 0, 1, 1, 2, 2], ("cat", "dog", "emu"))
    assert data.card.name == "pets"
    assert data.fingerprint == load_dataset(write_tree(tmp_path / "folder", TREE)).fingerprint


@pytest.mark.parametrize(
    "name", ["../evil.png", "/etc/evil.png", "cat/../../evil.png", "C:/evil.png", "..\\evil.png", "a/\x00.png"]
)
def test_a_zip_with_a_path_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/a.png", TREE["cat/0.png"])
        member = zipfile.ZipInfo("x")
        member.filename = name
        archive.writestr(member, TREE["cat/0.png"])
    with pytest.raises(DatasetError, match="outside"):
        load_dataset(path)


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        member = zipfile.ZipInfo("cat/a.png")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(DatasetError, match=r"'cat/a\.png' is a link"):
        load_dataset(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_repeated_or_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"1")
        archive.writestr("a.png", b"2")
    with pytest.raises(DatasetError, match=r"'a\.png' is there twice"):
        load_dataset(path)
    data = bytearray(write_zip(path, {"a.png": TREE["cat/0.png"]}).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="is encrypted"):
        load_dataset(path)


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "bomb.zip", {"cat/a.bmp": bytes(40 * 2**20)})
    assert path.stat().st_size < 100_000
    with pytest.raises(DatasetError, match=r"'cat/a\.bmp' expands from 40,\d{3} to 41,943,040 bytes|expands from"):
        load_dataset(path)


def test_a_member_that_lies_about_its_size_or_is_damaged(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": TREE["cat/0.png"]})
    whole = path.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    size = struct.unpack_from("<I", whole, directory + 24)[0]
    for claimed in (size - 5, size + 5):
        lie = bytearray(whole)
        struct.pack_into("<I", lie, directory + 24, claimed)
        path.write_bytes(lie)
        with pytest.raises(DatasetError, match=r"'a\.png' is damaged"):
            load_dataset(path)
    broken = bytearray(whole)
    broken[45] ^= 0xFF
    path.write_bytes(broken)
    with pytest.raises(DatasetError, match="damaged"):
        load_dataset(path)
    path.write_bytes(whole[:60])
    with pytest.raises(DatasetError, match=r"'a\.zip' is damaged"):
        load_dataset(path)


def test_an_empty_zip_and_one_without_images(tmp_path: Path) -> None:
    for files in ({}, {"readme.txt": b"x"}):
        with pytest.raises(DatasetError, match=r"no images in the archive 'a\.zip'"):
            load_dataset(write_zip(tmp_path / "a.zip", files))


# npz and npy


@pytest.mark.parametrize(
    ("keys", "compressed"),
    [(("x", "y"), False), (("images", "labels"), True), (("X", "Y"), True), (("x_train", "y_train"), False),
     (("train_images", "train_labels"), False), (("arr_0", "arr_1"), False), (("data", "target"), False)],
)  # fmt: skip
def test_npz(tmp_path: Path, keys: tuple[str, str], compressed: bool) -> None:
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "a.npz", **{keys[0]: GREY, keys[1]: LABELS})
    data = load_dataset(tmp_path / "a.npz")
    same(data, GREY, LABELS, ("0", "1", "2"))
    assert data.fingerprint == load_dataset(GREY, labels=LABELS).fingerprint


def test_npz_with_class_names_and_one_array_of_any_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=GREY, y=LABELS, class_names=np.array(["cat", "dog", "emu"]))
    same(load_dataset(tmp_path / "a.npz"), GREY, LABELS, ("cat", "dog", "emu"))
    np.savez(tmp_path / "b.npz", scans=GREY, age=np.arange(6))
    same(load_dataset(tmp_path / "b.npz"), GREY, None, ())
    np.savez(tmp_path / "c.npz", scans=GREY, masks=GREY)
    with pytest.raises(DatasetError, match=r"isn't clear which array .* scans \(6, 5, 4, 1\)"):
        load_dataset(tmp_path / "c.npz")


def test_npz_with_two_splits_gives_the_test_split_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_train=GREY[:4], y_train=LABELS[:4], x_test=GREY[4:], y_test=LABELS[4:])
    data = load_dataset(path)
    same(data, GREY[4:], [2, 1], ("0", "1", "2"))
    assert data.card.notes["split"].startswith("test; train left out") and data.card.name == "a"
    same(load_dataset(path, split="train"), GREY[:4], [0, 1, 1, 0], ("0", "1"))
    both = load_dataset(path, split="all")
    assert len(both) == 6 and both.card.name == "a-all"
    np.savez(path, x=GREY)
    with pytest.raises(DatasetError, match="no split 'train'"):
        load_dataset(path, split="train")


def test_npy_with_labels_of_every_kind(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.asfortranarray(GREY))
    np.save(tmp_path / "y.npy", LABELS)
    (tmp_path / "y.txt").write_text("\n".join(["cat", "dog", "dog", "cat", "emu", "dog"]))
    same(load_dataset(tmp_path / "x.npy"), GREY, None, ())
    same(load_dataset(tmp_path / "x.npy", labels=tmp_path / "y.npy"), GREY, LABELS, ("0", "1", "2"))
    same(load_dataset(str(tmp_path / "x.npy"), str(tmp_path / "y.txt")), GREY, LABELS, ("cat", "dog", "emu"))
    with pytest.raises(DatasetError, match="5 labels for 6 images"):
        load_dataset(tmp_path / "x.npy", labels=LABELS[:5])


def test_floats_in_a_file_are_converted_and_it_is_said(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.asfortranarray(GREY.astype(np.float32) / 255))
    data = load_dataset(tmp_path / "a.npz")
    same(data, GREY, None, ())
    assert "float32 in 0..1" in data.card.notes["values"]


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (tmp_path / "canary",))

    for name, save in (("a.npy", np.save), ("a.npz", np.savez)):
        save(tmp_path / name, np.array([Canary()], dtype=object))
        (tmp_path / "canary").unlink(missing_ok=True)
        with pytest.raises(DatasetError, match="could run code"):
            load_dataset(tmp_path / name)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(Canary()))
    with pytest.raises(DatasetError, match="a pickle, which could run code"):
        load_dataset(tmp_path / "data_batch_1")
    assert not (tmp_path / "canary").exists()


def test_a_damaged_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=pixels(0, 50, 9, 9))
    broken = bytearray(path.read_bytes())
    broken[1500] ^= 0xFF
    path.write_bytes(broken)
    with pytest.raises(DatasetError, match="damaged or incomplete"):
        load_dataset(path)


# idx


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_finds_its_labels_beside_it(tmp_path: Path, zipped: bool) -> None:
    images = write_idx_pair(tmp_path, "t10k", GREY[..., 0], LABELS.astype(np.uint8), zipped)
    data = load_dataset(images)
    same(data, GREY, LABELS, ("0", "1", "2"))
    assert data.card.name == "t10k"
    same(load_dataset(tmp_path), GREY, LABELS, ("0", "1", "2"))
    (images.parent / images.name.replace("images", "labels").replace("idx3", "idx1")).unlink()
    same(load_dataset(images), GREY, None, ())


def test_idx_of_another_spelling_and_labels_zipped_alone(tmp_path: Path) -> None:
    (tmp_path / "train-images.idx3-ubyte").write_bytes(idx(GREY[..., 0]))
    (tmp_path / "train-labels.idx1-ubyte.gz").write_bytes(compress(idx(LABELS.astype(np.uint8))))
    same(load_dataset(tmp_path / "train-images.idx3-ubyte"), GREY, LABELS, ("0", "1", "2"))


def test_a_folder_of_two_idx_pairs_has_splits(tmp_path: Path) -> None:
    write_idx_pair(tmp_path, "train", GREY[:4, ..., 0], LABELS[:4].astype(np.uint8))
    write_idx_pair(tmp_path, "t10k", GREY[4:, ..., 0], LABELS[4:].astype(np.uint8))
    same(load_dataset(tmp_path), GREY[4:], [2, 1], ("0", "1", "2"))
    same(load_dataset(tmp_path, split="train"), GREY[:4], [0, 1, 1, 0], ("0", "1"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (idx(GREY[..., 0])[:-1], "promises 120 bytes, the file has 119"),
        (idx(GREY[..., 0]) + b"x", "promises 120 bytes, the file has 121"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 28, 28), "promises 3,367,254,359,280 bytes, the file has 0"),
        (compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 28, 28)), "promises 3,367,254,359,280 bytes"),
        (compress(idx(GREY[..., 0])[:-1]), "damaged or incomplete"),
        (compress(idx(GREY[..., 0]))[:-20], "damaged or incomplete"),
        (compress(idx(GREY[..., 0]) + b"x"), "more bytes than its header"),
        (idx(LABELS.astype(np.uint8)), "1-dimensional"),
        (b"\x00\x00\x0d\x03" + bytes(12), "type 0x0d"),
        (b"<html>not found</html>", "doesn't begin as an idx"),
        (b"\x00", "damaged or incomplete"),
    ],
)  # fmt: skip
def test_idx_headers_that_lie(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(DatasetError, match=words):
        load_dataset(tmp_path / "a-images-idx3-ubyte")


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = compress(idx(np.zeros((1, 2, 2), dtype=np.uint8)) + bytes(50 * 2**20))
    (tmp_path / "a-images-idx3-ubyte.gz").write_bytes(bomb)
    with pytest.raises(DatasetError, match="more bytes than its header promises"):
        load_dataset(tmp_path / "a-images-idx3-ubyte.gz")


# CIFAR


def test_cifar_10(tmp_path: Path) -> None:
    (tmp_path / "batch.bin").write_bytes(cifar(COLOUR, LABELS))
    data = load_dataset(tmp_path / "batch.bin")
    same(data, COLOUR, LABELS, data.class_names)
    assert data.class_names[:3] == ("airplane", "automobile", "bird") and len(data.class_names) == 10
    (tmp_path / "batches.meta.txt").write_text("\n".join(f"n{n}" for n in range(10)) + "\n\n")
    assert load_dataset(tmp_path / "batch.bin").class_names[9] == "n9"


def test_a_folder_of_cifar_batches(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(cifar(COLOUR[:2], LABELS[:2]))
    (tmp_path / "data_batch_2.bin").write_bytes(cifar(COLOUR[2:4], LABELS[2:4]))
    same(load_dataset(tmp_path, class_names="a,b"), COLOUR[:4], LABELS[:4], ("a", "b"))
    (tmp_path / "test_batch.bin").write_bytes(cifar(COLOUR[4:], LABELS[4:]))
    assert load_dataset(tmp_path).labels.tolist() == [2, 1]  # type: ignore[union-attr]
    assert load_dataset(tmp_path, split="train").labels.tolist() == [0, 1, 1, 0]  # type: ignore[union-attr]
    assert len(load_dataset(tmp_path, split="all")) == 6


def test_cifar_100_takes_the_fine_labels(tmp_path: Path) -> None:
    fine = np.array([99, 5, 0, 1, 2, 3])
    (tmp_path / "test.bin").write_bytes(cifar(COLOUR, fine, coarse=np.array([1, 2, 3, 4, 5, 6])))
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"fine {n}" for n in range(100)))
    data = load_dataset(tmp_path / "test.bin")
    same(data, COLOUR, fine, data.class_names)
    assert data.class_names[99] == "fine 99"


def test_cifar_that_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(cifar(COLOUR, LABELS)[:-1])
    with pytest.raises(DatasetError, match="18,437 bytes, no whole number of records"):
        load_dataset(path)
    path.write_bytes(cifar(COLOUR, LABELS + 9))
    with pytest.raises(DatasetError, match="label 11, but CIFAR-10"):
        load_dataset(path)
    path.write_bytes(b"")
    with pytest.raises(DatasetError, match="empty"):
        load_dataset(path)


# arrays, and what is nothing of all that


def test_arrays(tmp_path: Path) -> None:
    same(load_dataset(GREY, labels=LABELS), GREY, LABELS, ("0", "1", "2"))
    same(load_dataset(GREY[..., 0], labels=LABELS.tolist(), class_names=["a", "b", "c"]), GREY, LABELS, ("a", "b", "c"))
    same(load_dataset(list(GREY)), GREY, None, ())
    same(load_dataset(GREY / 255.0), GREY, None, ())
    mixed = load_dataset([GREY[0], COLOUR[0]])
    assert np.array_equal(mixed.image(1), COLOUR[0]) and mixed.card.image_shape is None


def test_an_array_that_fits_is_not_copied_and_not_writable() -> None:
    images = pixels(0, 6, 5, 4, 3)
    data = load_dataset(images)
    assert np.shares_memory(np.asarray(data.images), images)
    with pytest.raises(ValueError):
        data.images[0] = 0  # type: ignore[index]
    images[0, 0, 0, 0] ^= 1  # the caller's own stays writable


@pytest.mark.parametrize("source", ["", "nothing/here", "a\x00b", "x" * 5000])
def test_a_missing_source(source: str) -> None:
    with pytest.raises(NotFound, match="There is no file or folder"):
        load_dataset(source)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("model.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        ("a.parquet", b"PAR1....", "Parquet"),
        ("a.png.lfs", b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        ("a.tar.gz", compress(b"x"), "tar archive"),
        ("a.txt", b"hello", "not a dataset that can be read"),
        ("empty", b"", "is empty"),
    ],
)
def test_other_files_say_what_they_are(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DatasetError, match=words) as caught:
        load_dataset(tmp_path / name)
    assert caught.value.mend and str(tmp_path) not in str(caught.value)


def test_an_empty_folder_and_what_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no images in the folder 'empty'"):
        load_dataset(tmp_path / "empty")
    with pytest.raises(NNVisError, match="A int is not a dataset"):
        load_dataset(5)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="list of images is empty"):
        load_dataset([])
