"""A reading to a folder on disk, in one pass and with flat memory: card.json, images, labels.

``array`` storage is one images.npy; ``files`` storage the encoded files one after the other in images.bin, with
offsets.npy and shapes.npy. The fingerprint is the SHA-256 of images, labels and class names in order, so it is the same
wherever they came from.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError
from nnvis_dash.types import DatasetCard, Ints
from nnvis_dash.workspace.archive import short
from nnvis_dash.workspace.labels import LabelsGiven, NamesGiven, plain_text, read_class_names, read_labels, resolve
from nnvis_dash.workspace.pixels import Pixels, decode_noted
from nnvis_dash.workspace.readers import Reading

Progress = Callable[[int, int | None], None]

LARGEST_ARRAY_SIDE = 64  # encoded images of one size up to this side are stored decoded
_FINGERPRINT_DIGITS = 32


@dataclass(frozen=True)
class Written:
    """What the pass over the images found."""

    storage: Literal["array", "files"]
    image_shape: tuple[int, int, int] | None
    digest: str
    kept: npt.NDArray[np.int64] | None  # positions that could be read, None: all
    notes: dict[str, str] = field(default_factory=dict)


def write_dataset(
    reading: Reading,
    folder: Path,
    *,
    name: str,
    labels: LabelsGiven = None,
    class_names: NamesGiven = None,
    skip_unreadable: bool = False,
    notes: Mapping[str, str] | None = None,
    extras: Mapping[str, npt.NDArray[Any]] | None = None,
    max_pixels: int,
    on_progress: Progress | None = None,
) -> DatasetCard:
    """Write a dataset into an empty folder.

    Parameters
    ----------
    reading : Reading
    folder : Path
        Exists and is empty; on an error the caller removes it.
    name : str
    labels : labels, path or None
        Instead of those that the source has; see `labels.read_labels`.
    class_names : names, path or None
        Instead of those that the source has; see `labels.read_class_names`.
    skip_unreadable : bool
        Leave damaged images out, and say so in the notes, instead of refusing the dataset.
    notes : mapping
        Further notes for the card.
    extras : mapping of name to (N, ...) array
        What else is known of each sample.
    max_pixels : int
        Largest image that is decoded.
    on_progress : callable, optional
        Gets the number of images done and of all.

    Returns
    -------
    DatasetCard

    Raises
    ------
    DatasetError, NotFound
        Images, labels, class names or extras that can't be used.
    """
    numbers, names = _labels(reading, labels, class_names)
    _check_extras(extras or {}, reading.n_images)
    progress = on_progress or (lambda done, total: None)
    written = _write_images(reading, folder, skip_unreadable, max_pixels, progress)
    kept = slice(None) if written.kept is None else written.kept
    if numbers is not None:
        numbers = numbers[kept]
        numbers = numbers if bool((numbers >= 0).any()) else None
    if numbers is not None:
        np.save(folder / "labels.npy", numbers, allow_pickle=False)
    if reading.file_names:
        file_names = np.array(reading.file_names, dtype=object)[kept].tolist()
        (folder / "file_names.json").write_text(json.dumps(file_names), encoding="utf-8")
    if extras:
        (folder / "extras").mkdir()
        for key, values in extras.items():
            np.save(folder / "extras" / f"{key}.npy", np.asarray(values)[kept], allow_pickle=False)
    card = DatasetCard(
        name=name,
        fingerprint=fingerprint(written.digest, numbers, names),
        n_samples=reading.n_images if written.kept is None else len(written.kept),
        image_shape=written.image_shape,
        class_names=names,
        labelled=numbers is not None,
        storage=written.storage,
        source=plain_text(reading.source),
        notes={**reading.notes, **written.notes, **(notes or {})},
    )
    (folder / "card.json").write_text(json.dumps(card.to_json(), indent=1), encoding="utf-8")
    return card


def fingerprint(digest: str, labels: Ints | None, class_names: tuple[str, ...]) -> str:
    """Return the fingerprint of a dataset: 32 hexadecimal digits over the images' digest, labels and class names."""
    whole = hashlib.sha256(digest.encode())
    whole.update(b"-" if labels is None else np.ascontiguousarray(labels, dtype="<i4").tobytes())
    whole.update(json.dumps(list(class_names)).encode())
    return whole.hexdigest()[:_FINGERPRINT_DIGITS]


def array_digest(image_shape: tuple[int, int, int]) -> hashlib._Hash:
    """Return the hash to which the pixels of array storage are added, in order."""
    return hashlib.sha256(f"array {image_shape} ".encode())


def _labels(reading: Reading, given: LabelsGiven, given_names: NamesGiven) -> tuple[Ints | None, tuple[str, ...]]:
    """Return class numbers and class names; what was given goes before what the source has."""
    class_names = read_class_names(given_names)
    labels = read_labels(given, reading.file_names)
    if labels is not None:
        texts = set(labels.ravel().tolist()) if labels.dtype.kind in "OU" else set()
        source_names = reading.class_names if texts <= set(reading.class_names) else ()
        return resolve(labels, class_names or source_names, reading.n_images)
    if not reading.file_names or reading.labels is None or not class_names:
        return resolve(reading.labels, class_names or reading.class_names, reading.n_images)
    return resolve(_renamed(reading, class_names), class_names, reading.n_images)


def _renamed(reading: Reading, class_names: tuple[str, ...]) -> npt.NDArray[Any] | None:
    """Return the labels of class folders as numbers of the class names given.

    The folders' names are looked for among them; where they are numbers, or as many and all different, they go by
    position.
    """
    folders = reading.class_names
    unknown = [name for name in folders if name not in class_names]
    if reading.labels is None or not unknown:
        order = np.array([*(class_names.index(name) for name in folders), -1], dtype=np.int32)
        return None if reading.labels is None else order[reading.labels]  # -1 takes the last entry, which is -1
    by_position = len(unknown) == len(folders) == len(class_names)
    if not by_position and not all(name.isdecimal() for name in folders):
        raise DatasetError(
            f"The class {unknown[0]!r} of {reading.source!r} is not among the {len(class_names)} class names given",
            "Write the names as the folders have them, or leave the class names out.",
        )
    if by_position:
        return reading.labels
    numbers = np.array([*(int(name) for name in folders), -1], dtype=np.int64)
    return numbers[reading.labels]


def _check_extras(extras: Mapping[str, npt.NDArray[Any]], n_images: int) -> None:
    for key, values in extras.items():
        if not key.isidentifier():
            raise DatasetError(f"The extra {key!r} has no usable name", "Use letters, digits and _.")
        if np.shape(values)[:1] != (n_images,):
            raise DatasetError(
                f"The extra {key!r} has the shape {np.shape(values)} for {n_images:,} images",
                "Give one entry for each.",
            )


def _write_images(
    reading: Reading, folder: Path, skip_unreadable: bool, max_pixels: int, progress: Progress
) -> Written:
    if reading.blocks is not None:
        assert reading.image_shape is not None
        return _write_blocks(reading.blocks(), reading.image_shape, folder, reading.n_images, progress)
    small = _write_small(reading, folder, skip_unreadable, max_pixels, progress)
    return small or _write_files(reading, folder, skip_unreadable, max_pixels, progress)


def _write_blocks(
    blocks: Iterator[npt.NDArray[Any]],
    image_shape: tuple[int, int, int],
    folder: Path,
    n_images: int,
    progress: Progress,
) -> Written:
    digest = array_digest(image_shape)
    done = 0
    with (folder / "images.npy").open("wb") as stream:
        _write_header(stream, (n_images, *image_shape))
        for block in blocks:
            pixels = np.ascontiguousarray(block, dtype=np.uint8)
            stream.write(pixels.data)
            digest.update(pixels.data)
            done += len(pixels)
            progress(done, n_images)
    return Written("array", image_shape, digest.hexdigest(), None)


def _write_header(stream: IO[bytes], shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


class _Decoder:
    """Decodes a reading's files, counts the conversions and what can't be read."""

    def __init__(self, reading: Reading, skip_unreadable: bool, max_pixels: int) -> None:
        self._reading = reading
        self._skip = skip_unreadable
        self._max_pixels = max_pixels
        self._conversions: Counter[str] = Counter()
        self._unreadable: list[str] = []
        self.positions: list[int] = []

    def __iter__(self) -> Iterator[tuple[int, bytes, Pixels]]:
        """Yield position, encoded bytes and pixels of each image that can be read."""
        assert self._reading.files is not None
        for position, (name, data) in enumerate(self._reading.files()):
            try:
                pixels, notes = decode_noted(data, self._max_pixels, short(name))
            except DatasetError:
                if not self._skip:
                    raise
                self._unreadable.append(short(name))
                continue
            self._conversions.update(notes)
            self.positions.append(position)
            yield position, data, pixels

    def finish(self) -> tuple[npt.NDArray[np.int64] | None, dict[str, str]]:
        """Return the positions kept (None: all) and the notes."""
        if not self.positions:
            raise DatasetError(
                f"None of the {self._reading.n_images:,} images of {self._reading.source!r} can be read",
                "Use PNG, JPEG, WebP, BMP, GIF or TIFF.",
            )
        notes = {}
        if self._conversions:
            notes["converted"] = "; ".join(f"{what}: {n:,}" for what, n in self._conversions.most_common())
        if self._unreadable:
            shown = ", ".join(self._unreadable[:5]) + (", ..." if len(self._unreadable) > 5 else "")
            notes["skipped"] = f"{len(self._unreadable):,} unreadable: {shown}"
        return (np.array(self.positions, dtype=np.int64) if self._unreadable else None), notes


def _write_small(
    reading: Reading, folder: Path, skip_unreadable: bool, max_pixels: int, progress: Progress
) -> Written | None:
    """Write decoded images as array storage; None, and nothing left, as soon as one is large or of another shape."""
    decoder = _Decoder(reading, skip_unreadable, max_pixels)
    path = folder / "images.npy"
    shape: tuple[int, ...] | None = None
    digest = None
    with path.open("wb") as stream:
        for position, _, pixels in decoder:
            if shape is None:
                if max(pixels.shape[:2]) > LARGEST_ARRAY_SIDE:
                    break
                shape = pixels.shape
                digest = array_digest((shape[0], shape[1], shape[2]))
                _write_header(stream, (0, *shape))
                start = stream.tell()
            if pixels.shape != shape:
                shape = None
                break
            data = np.ascontiguousarray(pixels).data
            stream.write(data)
            digest.update(data)  # type: ignore[union-attr]
            progress(position + 1, reading.n_images)
        else:
            kept, notes = decoder.finish()
            assert shape is not None and digest is not None
            stream.seek(0)
            _write_header(stream, (len(decoder.positions), *shape))  # NumPy leaves room for the length to grow
            if stream.tell() != start:
                raise RuntimeError("the header of images.npy grew")
            return Written("array", (shape[0], shape[1], shape[2]), digest.hexdigest(), kept, notes)
    path.unlink()
    return None


def _write_files(reading: Reading, folder: Path, skip_unreadable: bool, max_pixels: int, progress: Progress) -> Written:
    decoder = _Decoder(reading, skip_unreadable, max_pixels)
    digest = hashlib.sha256(b"files ")
    offsets, shapes = [0], []
    with (folder / "images.bin").open("wb") as stream:
        for position, data, pixels in decoder:
            stream.write(data)
            digest.update(f"{len(data)} ".encode())
            digest.update(data)
            offsets.append(offsets[-1] + len(data))
            shapes.append(pixels.shape)
            progress(position + 1, reading.n_images)
    kept, notes = decoder.finish()
    np.save(folder / "offsets.npy", np.array(offsets, dtype=np.int64), allow_pickle=False)
    np.save(folder / "shapes.npy", np.array(shapes, dtype=np.int32), allow_pickle=False)
    height, width, channels = shapes[0]
    common = (int(height), int(width), int(channels)) if len(set(shapes)) == 1 else None
    return Written("files", common, digest.hexdigest(), kept, notes)
