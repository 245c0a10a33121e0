"""A dataset as everything else uses it: images, labels, class names, by sample number.

Images of `array` storage are one memory-mapped array; of `files` storage a sequence that decodes when it is asked. Both
are read-only: a dataset is what its fingerprint says.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError, NotFound
from nnvis_dash.types import DatasetCard, Images, Ints, Resize
from nnvis_dash.workspace.artifacts import open_array
from nnvis_dash.workspace.labels import LabelsGiven, NamesGiven, plain_text, read_class_names, read_labels, resolve
from nnvis_dash.workspace.metadata import Columns, stored_metadata
from nnvis_dash.workspace.npy import in_blocks
from nnvis_dash.workspace.pixels import MAX_PIXELS, Pixels, decode, fit, fit_batch
from nnvis_dash.workspace.readers import Given, ReadOptions, Split, located, read
from nnvis_dash.workspace.sidecars import with_sidecars
from nnvis_dash.workspace.writing import Progress, array_digest, fingerprint, write_dataset

Array = npt.NDArray[Any]
_THREADS = min(4, os.cpu_count() or 1)  # Pillow lets go of the interpreter's lock while it decodes


class FileImages(Sequence[Pixels]):
    """Encoded images in one blob, decoded when they are asked for; `shapes` is (N, 3) height, width, channels."""

    def __init__(self, blob: npt.NDArray[np.uint8], offsets: Array, shapes: Array, ids: Array | None = None) -> None:
        self._blob = blob
        self._offsets = offsets
        self._shapes = shapes
        self._ids = np.arange(len(shapes)) if ids is None else ids

    @property
    def shapes(self) -> Array:
        """(N, 3) int32: height, width, channels of each image."""
        return self._shapes[self._ids]

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, position: int) -> Pixels: ...

    @overload
    def __getitem__(self, position: slice) -> FileImages: ...

    def __getitem__(self, position: int | slice) -> Pixels | FileImages:
        if isinstance(position, slice):
            return self.take(np.arange(len(self))[position])
        row = int(self._ids[position])
        encoded = self._blob[self._offsets[row] : self._offsets[row + 1]].tobytes()
        return decode(encoded, max_pixels=max(MAX_PIXELS, int(np.prod(self._shapes[row][:2], dtype=np.int64))))

    def take(self, positions: Array) -> FileImages:
        """Return these images, not decoded."""
        return FileImages(self._blob, self._offsets, self._shapes, self._ids[positions])


class Dataset:
    """Images with their labels and class names.

    Attributes
    ----------
    card : DatasetCard
    images : (N, H, W, C) uint8 array, or a sequence of (H, W, C) uint8 arrays of different sizes
    labels : (N,) int32 or None
        -1 where a sample has no label.
    file_names : tuple of str
        What the images were called; empty where they had no names.
    """

    def __init__(
        self,
        card: DatasetCard,
        images: Images | FileImages,
        labels: Ints | None,
        extras: Callable[[str], Array | None] = lambda name: None,
        file_names: Callable[[], tuple[str, ...]] = lambda: (),
        keep_alive: object = None,
        metadata: Callable[[], Columns] = dict,
    ) -> None:
        self.card = card
        self.images = images
        self.labels = labels
        self._extras = extras
        self._file_names = file_names
        self._metadata = metadata
        self._keep_alive = keep_alive  # a temporary folder goes when the last dataset over it does

    def __repr__(self) -> str:
        return f"Dataset({self.card.name!r}, {len(self)} samples, {len(self.class_names)} classes)"

    def __len__(self) -> int:
        return self.card.n_samples

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class names, by label."""
        return self.card.class_names

    @property
    def fingerprint(self) -> str:
        """What tells this dataset from every other, 32 hexadecimal digits."""
        return self.card.fingerprint

    @property
    def file_names(self) -> tuple[str, ...]:
        """What the images were called, by sample; empty where they had no names."""
        return self._file_names()

    @property
    def metadata(self) -> Columns:
        """What else is known of each sample, by title: (N,) float64 (NaN: unknown) or text (empty: unknown)."""
        return self._metadata()

    def image(self, sample: int) -> Pixels:
        """Return one image as it is stored, (H, W, C) uint8.

        Raises
        ------
        NotFound
            No such sample.
        """
        return np.asarray(self.images[int(self._checked([sample])[0])])

    def batch(self, ids: Iterable[int] | slice, size: tuple[int, int, int], resize: Resize = "squash") -> Pixels:
        """Return images fitted to a classifier's input; see `pixels.fit`.

        Parameters
        ----------
        ids : sample ids, in any order, or a slice
        size : (height, width, channels)
        resize : "squash" or "crop"

        Returns
        -------
        (n, height, width, channels) uint8
            Read-only where it is a part of the stored array.

        Raises
        ------
        NotFound, ParameterError
            No such sample; a size that isn't possible.
        """
        if isinstance(self.images, FileImages):
            positions = np.arange(len(self))[ids] if isinstance(ids, slice) else self._checked(ids)
            return _decoded(self.images, positions, size, resize)
        chosen = self.images[ids] if isinstance(ids, slice) else _rows(self.images, self._checked(ids))
        return fit_batch(chosen, size, resize)

    def take(self, ids: Iterable[int] | slice) -> Dataset:
        """Return a dataset of these samples, in this order; it has a fingerprint of its own.

        Raises
        ------
        NotFound
            No such sample.
        """
        positions = np.arange(len(self))[ids] if isinstance(ids, slice) else self._checked(ids)
        images = self.images
        taken = images.take(positions) if isinstance(images, FileImages) else _rows(images, positions)
        mark = hashlib.sha256(self.fingerprint.encode() + positions.astype("<i8").tobytes()).hexdigest()[:32]
        labels = None if self.labels is None else self.labels[positions]

        def extras(name: str) -> Array | None:
            values = self.extra(name)
            return None if values is None else values[positions]

        def file_names() -> tuple[str, ...]:
            names = self.file_names
            return tuple(names[position] for position in positions) if names else ()

        card = replace(self.card, n_samples=len(positions), fingerprint=mark)

        def metadata() -> Columns:
            return {title: values[positions] for title, values in self.metadata.items()}

        return Dataset(card, taken, labels, extras, file_names, self._keep_alive, metadata)

    def extra(self, name: str) -> Array | None:
        """Return what else is known of each sample under this name, (N, ...); None where there is no such thing."""
        return self._extras(name)

    def _checked(self, ids: Iterable[int]) -> npt.NDArray[np.int64]:
        """Return sample ids as an array; NotFound where one isn't there."""
        positions = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids))
        if positions.size == 0:
            return np.zeros(0, dtype=np.int64)
        if positions.ndim != 1 or positions.dtype.kind not in "iu":
            raise NotFound("Sample ids are whole numbers", f"Give numbers from 0 to {len(self) - 1}.")
        low, high = int(positions.min()), int(positions.max())
        if low < 0 or high >= len(self):
            raise NotFound(
                f"There is no sample {low if low < 0 else high} in {self.card.name!r}",
                f"Its samples are 0 to {len(self) - 1}.",
            )
        return positions.astype(np.int64)


def _rows(images: Images, positions: npt.NDArray[np.int64]) -> Images:
    """Return rows of an array: a view where they follow one another, else a copy."""
    n = len(positions)
    if n and positions[-1] - positions[0] == n - 1 and (n < 3 or bool((np.diff(positions) == 1).all())):
        return images[positions[0] : positions[0] + n]
    return images[positions]


def _decoded(images: FileImages, positions: Array, size: tuple[int, int, int], resize: Resize) -> Pixels:
    """Decode and fit images, several at a time where there are many."""

    def one(position: int) -> Pixels:
        return fit(images[int(position)], *size, resize)

    if len(positions) < 4 or _THREADS == 1:
        return fit_batch((images[int(position)] for position in positions), size, resize)
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.stack(list(pool.map(one, positions)))


def open_dataset(folder: Path, keep_alive: object = None) -> Dataset:
    """Open a dataset that `writing.write_dataset` wrote; images and extras are memory-mapped.

    Raises
    ------
    DatasetError
        The folder is damaged.
    """
    try:
        card = DatasetCard.from_json(json.loads((folder / "card.json").read_text(encoding="utf-8")))
        images: Images | FileImages
        if card.storage == "array":
            images = open_array(folder / "images.npy")
        else:
            blob = np.memmap(folder / "images.bin", dtype=np.uint8, mode="r")
            images = FileImages(blob, open_array(folder / "offsets.npy"), open_array(folder / "shapes.npy"))
        labels = open_array(folder / "labels.npy") if card.labelled else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        raise DatasetError(f"The dataset {folder.name!r} is damaged", "Remove it and add it again.") from None

    def extras(name: str) -> Array | None:
        path = folder / "extras" / f"{name}.npy"
        return open_array(path) if name.isidentifier() and path.is_file() else None

    def file_names() -> tuple[str, ...]:
        path = folder / "file_names.json"
        return tuple(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else ()

    def metadata() -> Columns:
        shown = {path.stem: open_array(path) for path in sorted((folder / "extras").glob("*.npy"))}
        return {name: values for name, values in shown.items() if values.ndim == 1} | stored_metadata(folder)

    return Dataset(card, images, labels, extras, file_names, keep_alive, metadata)


def load_dataset(
    source: Given,
    labels: LabelsGiven = None,
    class_names: NamesGiven = None,
    *,
    name: str | None = None,
    skip_unreadable: bool = False,
    split: Split | None = None,
    notes: Mapping[str, str] | None = None,
    max_pixels: int = MAX_PIXELS,
    on_progress: Progress | None = None,
) -> Dataset:
    """Load a dataset without a workspace.

    Parameters
    ----------
    source : path, (N, H, W[, C]) array, or list of arrays
        A folder of class folders, a zip of one, .npz, .npy, idx(.gz) (labels are found beside it), CIFAR batches.
    labels : array-like or path, optional
        One for each image: numbers, or class names; -1 stands for none. Files: .npy, .csv, .txt.
    class_names : names or path, optional
    name : str, optional
        Else the source's own name.
    skip_unreadable : bool
        Leave damaged images out instead of refusing.
    split : "train", "test" or "all", optional
        Where the source has several; else the test split.
    notes : mapping, optional
    max_pixels : int
        Largest image that is decoded.
    on_progress : callable, optional
        Gets the number of images done and of all.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError, NotFound
        What is wrong, the value, and the mend.
    """
    source = located(source)
    reading = read(source, ReadOptions(split, max_pixels))
    labels, class_names, found = with_sidecars(source, labels, class_names)
    chosen = plain_text(name or default_name(source, split))
    if isinstance(source, np.ndarray) and source.dtype == np.uint8 and source.shape[1:] == reading.image_shape:
        return _in_memory(source, reading.image_shape, labels, class_names, chosen, notes)
    temporary = tempfile.TemporaryDirectory(prefix="nnvis-")  # goes with the dataset
    try:
        write_dataset(
            reading,
            Path(temporary.name),
            name=chosen,
            labels=labels,
            class_names=class_names,
            skip_unreadable=skip_unreadable,
            notes={**found, **(notes or {})},
            max_pixels=max_pixels,
            on_progress=on_progress,
        )
        return open_dataset(Path(temporary.name), keep_alive=temporary)
    except BaseException:
        temporary.cleanup()
        raise


def _in_memory(
    images: Images,
    image_shape: tuple[int, int, int],
    labels: LabelsGiven,
    class_names: NamesGiven,
    name: str,
    notes: Mapping[str, str] | None,
) -> Dataset:
    """Make a dataset of an array that needs no conversion, without a copy of it."""
    numbers, names = resolve(read_labels(labels), read_class_names(class_names), len(images))
    digest = array_digest(image_shape)
    for block in in_blocks(images):
        digest.update(np.ascontiguousarray(block).data)
    card = DatasetCard(
        name=name,
        fingerprint=fingerprint(digest.hexdigest(), numbers, names),
        n_samples=len(images),
        image_shape=image_shape,
        class_names=names,
        labelled=numbers is not None,
        storage="array",
        source="array",
        notes=dict(notes or {}),
    )
    view = images.view()
    view.flags.writeable = False
    return Dataset(card, view, numbers)


def default_name(source: Given, split: Split | None = None) -> str:
    """Return the name of a dataset whose user gave none: the file's, without its suffixes, and a split's."""
    if not isinstance(source, (str, Path)):
        return "array"
    path = Path(source).expanduser()
    name = path.resolve().name if not path.is_file() else path.name
    for suffix in (".gz", ".npz", ".npy", ".zip", ".bin", ".idx"):
        name = name.removesuffix(suffix) or name
    for ending in ("-images-idx3-ubyte", "-images.idx3-ubyte"):
        name = name.removesuffix(ending) or name
    return (name or "dataset") + (f"-{split}" if split in ("train", "all") else "")
