"""A target for each reader of images and labels: a changed input is added to a workspace, and what was added, used."""

from __future__ import annotations

import gzip
import random
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nnvis_dash.errors import NNVisError
from nnvis_dash.workspace.store import Workspace
from tests.fuzz import samples
from tests.fuzz.judge import Finding, Given, nothing_left, read_error
from tests.fuzz.mutations import NUMBERS, mutated, mutated_text, place
from tests.security.crafted_arrays import idx_header, npy, npz, saved
from tests.security.crafted_images import chunk
from tests.security.crafted_zip import BZIP2, DEFLATED, LZMA, STORED, Member, zip_bytes
from tests.unit.workspace.files import cifar as cifar_records
from tests.unit.workspace.files import idx, pixels

MAX_PIXELS = 1_000_000
_NAMES = (
    "0.png", "a b.jpg", "ä.png", "\u202egnp.png", "x" * 200 + ".png", "=1+1.png", "<b>.gif", "\n.png", "\udcff.png",
    "-.tif",     "'\".bmp", ".hidden.png", "no_suffix", "labels.csv", "CON.webp", "%s.png", "\x1b[31m.png",
)  # fmt: skip
_DTYPES = (
    "|u1", "<u2", ">u4", "<i8", "|i1", "|b1", "<f2", "<f4", ">f8", "<f16", "<c8", "|O", "|S5", "<U3", "|V4", "<M8[s]",
    "|u0", "<U0", [("a", "<f4")], "x", "", None, 7,
)  # fmt: skip


def _image(rng: random.Random) -> tuple[str, bytes]:
    """Return a name and an image, changed most of the time; a PNG sometimes chunk by chunk, with sums that fit."""
    pool = samples.images()
    name = rng.choice(list(pool))
    data = pool[name]
    if name.endswith(".png") and rng.random() < 0.5:
        return name, _png(rng, data)
    return name, mutated(rng, data, tuple(pool.values())) if rng.random() < 0.85 else data


def _png(rng: random.Random, data: bytes) -> bytes:
    chunks, start = [], 8
    while start < len(data):
        (length,) = struct.unpack_from(">I", data, start)
        chunks.append((data[start + 4 : start + 8], data[start + 8 : start + 8 + length]))
        start += 12 + length
    original = dict(chunks)  # the pixels of one chunk only can be unpacked
    for _ in range(1 + rng.randrange(3)):
        spot = rng.randrange(len(chunks))
        kind, content = chunks[spot]
        change = rng.randrange(5)
        if change == 0:
            chunks[spot] = (
                rng.choice((b"IDAT", b"PLTE", b"tRNS", b"zTXt", b"eXIf", b"acTL", b"fcTL", b"fdAT", kind[::-1])),
                content,
            )
        elif change == 1:
            chunks.insert(rng.randrange(len(chunks)), (kind, content))
        elif change == 2 and len(chunks) > 1:
            del chunks[spot]
        elif kind == b"IDAT" and content == original.get(kind) and rng.random() < 0.7:
            chunks[spot] = (kind, zlib.compress(mutated(rng, zlib.decompress(content))))
        else:
            chunks[spot] = (kind, mutated(rng, content))
    return data[:8] + b"".join(chunk(kind, content) for kind, content in chunks)


def _options(rng: random.Random) -> dict[str, object]:
    return {"skip_unreadable": True} if rng.random() < 0.3 else {}


def image(rng: random.Random) -> Given:
    name, data = _image(rng)
    return Given({name: data}, name)


def folder(rng: random.Random) -> Given:
    """Class folders with names that people give and some that they don't."""
    files: dict[str, bytes] = {}
    for _ in range(1 + rng.randrange(4)):
        name, data = _image(rng)
        inside = rng.choice(("", "0/", "1/", "cats/", "train/0/", "a\u202eb/", "a/", "A /", "__MACOSX/"))
        files[inside + (rng.choice(_NAMES) if rng.random() < 0.3 else name)] = data
    if rng.random() < 0.2:
        files["empty/"] = b""
    return Given(files, options=_options(rng))


def zip_archive(rng: random.Random) -> Given:
    """An archive changed inside its members, in its directory, or in its bytes."""
    members = []
    good = tuple(samples.images().items())
    for number in range(1 + rng.randrange(3)):
        name, data = _image(rng) if rng.random() < 0.4 else rng.choice(good)
        shown = f"{rng.choice(('cat/', 'dog/', ''))}{number}{name}".encode()
        lie = rng.choice(("name", "method", "flags", "crc", "packed", "size", "offset"))
        value = (
            rng.choice((b"../x.png", b"/x.png", b"a\\..\\x.png", b"\xff.png", b""))
            if lie == "name"
            else rng.choice(NUMBERS)
        )
        told = {lie: value if isinstance(value, bytes) else value % (1 << (16 if lie in ("method", "flags") else 32))}
        where = rng.random()
        members.append(
            Member(
                shown, data, rng.choice((STORED, DEFLATED, DEFLATED, BZIP2, LZMA)),
                mode=rng.choice((0o100644,) * 8 + (0o120777, 0o040755, 0)),
                directory=told if where < 0.15 else {}, local=told if 0.1 < where < 0.25 else {},
                extra=rng.randbytes(rng.choice((0, 0, 0, 3, 20))),
            )
        )  # fmt: skip
    data = zip_bytes(*members)
    if rng.random() < 0.5:
        data = mutated(rng, data, tuple(samples.images().values()))
    return Given({"x.zip": data}, "x.zip", _options(rng))


def _array(rng: random.Random) -> bytes:
    """Return a .npy file: any header over good data, or good ones with changed bytes."""
    good = (
        pixels(1, 3, 5, 4, 3), pixels(2, 3, 5, 4), pixels(3, 2, 1, 5, 6), pixels(4, 2, 5, 5, 4),
        pixels(5, 3, 5, 4, 3).astype("f4") / 255, np.asfortranarray(pixels(6, 3, 5, 4)), pixels(7, 3, 5, 4) > 9,
    )  # fmt: skip
    if rng.random() < 0.4:
        lengths = (0, 1, 2, 3, 4, 5, 60, -1, True, 2**31, 2**48, 2**63, 1.5, "3", None)
        shape = tuple(rng.choice(lengths[: rng.choice((6, 15))]) for _ in range(rng.choice((0, 1, 3, 3, 4, 4, 4, 9))))
        return npy(rng.choice(_DTYPES), shape, rng.randbytes(rng.choice((0, 60, 180, 999))), fortran=rng.random() < 0.2)
    data = saved(rng.choice(good))
    return mutated(rng, data, [saved(entry) for entry in good]) if rng.random() < 0.9 else data


def npy_file(rng: random.Random) -> Given:
    return Given({"x.npy": _array(rng)}, "x.npy")


def npz_file(rng: random.Random) -> Given:
    """Arrays under the usual names and others, changed inside or as an archive."""
    names = ("x", "y", "x_train", "y_test", "x_test", "images", "labels", "class_names", "arr_0", "arr_1", "../x", "")
    contents: dict[str, bytes] = {}
    for name in rng.sample(names, 1 + rng.randrange(4)):
        if name in ("x", "x_train", "x_test", "images", "arr_0"):
            contents[name] = _array(rng) if rng.random() < 0.5 else saved(pixels(1, 3, 5, 4))
        else:
            texts = saved(
                np.array(
                    rng.choice((["a", "b", "a"], [b"x", b"y", b"x"], [0, 1, 2], [[1, 0], [0, 1], [1, 0]], [1.5, 2, 0]))
                )
            )
            contents[name] = mutated(rng, texts) if rng.random() < 0.4 else texts
    data = npz(contents, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)))
    split = rng.choice(({}, {}, {"split": "all"}, {"split": "train"}))
    return Given({"x.npz": mutated(rng, data) if rng.random() < 0.4 else data}, "x.npz", split)


def idx_files(rng: random.Random) -> Given:
    """Images and the labels beside them, packed or not; changed inside the packing or outside."""
    files = {}
    for part, good in (("images-idx3", pixels(1, 4, 5, 3)), ("labels-idx1", np.array([0, 1, 2, 1], np.uint8))):
        data = idx(good)
        if rng.random() < 0.3:
            shape = [
                rng.choice((0, 1, 3, 4, 5, 2**16, 2**31, 2**32 - 1)) for _ in range(rng.choice((1, 2, 3, 3, 4, 5)))
            ]
            data = idx_header(*shape, kind=rng.choice((8, 8, 8, 9, 13, 255))) + rng.randbytes(60)
        elif rng.random() < 0.6:
            data = mutated(rng, data)
        packed = rng.random() < 0.5
        if packed:
            data = gzip.compress(data, mtime=0)
            data = mutated(rng, data, [gzip.compress(b"x" * 99, mtime=0)]) if rng.random() < 0.5 else data
        if part.startswith("images") or rng.random() < 0.7:
            files[f"t10k-{part}-ubyte{'.gz' if packed else ''}"] = data
    return Given(files, next(iter(files)) if rng.random() < 0.7 else "")


def cifar(rng: random.Random) -> Given:
    """Batches of both kinds, with names or without; cut anywhere."""
    both = {
        n: cifar_records(pixels(n, 2, 32, 32, 3), np.array([1, 9]), np.array([3, 4]) if n == 2 else None)
        for n in (1, 2)
    }
    files = {}
    for name in rng.sample(
        ("test_batch.bin", "data_batch_1.bin", "data_batch_2.bin", "train.bin", "test.bin"), rng.choice((1, 1, 2))
    ):
        data = both[rng.choice((1, 1, 2))]
        choice = rng.random()
        if choice < 0.3:
            data = data[: place(rng, len(data))]
        elif choice < 0.8:
            data = mutated(rng, data, list(both.values()))
        files[name] = data
    source = rng.choice((next(iter(files)), ""))
    if rng.random() < 0.5:
        meta = rng.choice(("batches.meta.txt", "fine_label_names.txt"))
        files[meta] = mutated_text(rng, "\n".join(f"class {number}" for number in range(10)))
    return Given(files, source, rng.choice(({}, {}, {"split": "all"}, {"split": "train"})))


_TABLES = {
    "labels.csv": "filename,label\n0.png,cat\n1.png,dog\n2.png,cat\n",
    "labels.txt": "cat\ndog\ncat\n",
    "labels.tsv": "0.png\t0\n1.png\t1\n2.png\t-1\n",
    "classes.csv": "index,name\n0,cat\n1,dog\n2,crane\n",
    "classes.txt": "cat\ndog\n\ncrane\n",
    "classes.json": '{"0": "cat", "1": ["n01", "dog"], "2": "crane"}',
    "class_names.json": '["cat", "dog", "crane"]',
}


def labels(rng: random.Random) -> Given:
    """Tables of labels and class names beside a flat folder, or given expressly."""
    files = {f"{number}.png": samples.images()["rgb.png"] for number in range(3)}
    for name in rng.sample(list(_TABLES), 1 + rng.randrange(3)):
        files[name] = mutated_text(rng, _TABLES[name], [text.encode() for text in _TABLES.values()])
    if rng.random() < 0.2:
        data = saved(np.array(rng.choice(([0, 1, 2], ["cat", "dog", ""], [[1, 0], [0, 1], [1, 0]], [0.0, 1.0, -1.0]))))
        files["labels.npy"] = mutated(rng, data) if rng.random() < 0.8 else data
    return Given(files)


class Adding:
    """Adds inputs to a workspace of its own and uses what came of it."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "input"
        self._workspace = Workspace(root / "workspace", max_pixels=MAX_PIXELS)
        self._temporary = root / "temporary"
        self._temporary.mkdir()

    def __call__(self, given: Given, through_limits: bool = False) -> str:
        """Return "accepted" or the kind of error; raises a `Finding` where what must hold doesn't."""
        source = given.write(self._folder)
        try:
            with nothing_left(self._temporary, self._workspace.path, self._folder):
                try:
                    card, _ = self._workspace.add_dataset(source, **given.options)
                except NNVisError as error:
                    return read_error(error, self._folder.parent)
                try:
                    self._use(card.fingerprint)
                finally:
                    self._workspace.remove_dataset(card.fingerprint)
            return "accepted"
        finally:
            shutil.rmtree(self._folder)

    def close(self) -> None:
        """Nothing is held open."""

    def _use(self, fingerprint: str) -> None:
        dataset = self._workspace.dataset(fingerprint)
        n, names = len(dataset), dataset.class_names
        if n < 1 or len(dataset.file_names) not in (0, n):
            raise Finding(f"{n} samples, {len(dataset.file_names)} names of files")
        for sample in range(min(n, 4)):
            shown = dataset.image(sample)
            if shown.dtype != np.uint8 or shown.ndim != 3 or shown.shape[2] not in (1, 3) or 0 in shown.shape:
                raise Finding(f"an image {shown.shape} {shown.dtype}")
        dataset.batch(range(min(n, 4)), (4, 4, 3))
        if len(set(names)) != len(names) or not all(name.strip() for name in names):
            raise Finding(f"class names {names[:5]}")
        given = dataset.labels
        if given is not None and (given.shape != (n,) or given.min() < -1 or given.max() >= len(names)):
            raise Finding(f"labels {given.shape} of {len(names)} classes")
        for text in (dataset.card.name, dataset.card.source, *dataset.card.notes.values(), *dataset.file_names, *names):
            text.encode()  # without lone surrogates, so that it can be sent


TARGETS: dict[str, Callable[[random.Random], Given]] = {
    "image": image,
    "folder": folder,
    "zip": zip_archive,
    "npz": npz_file,
    "npy": npy_file,
    "idx": idx_files,
    "cifar": cifar,
    "labels": labels,
}
