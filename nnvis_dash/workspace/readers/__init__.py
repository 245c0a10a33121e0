"""What datasets are read from: one file a format, each registered; a reader says what is there before pixels are read.

A reader takes a source and returns a `Reading`, or None where the source isn't its kind, so that the first that
recognises it reads it. Images come as a stream that can be started again: blocks of pixels, or encoded files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError, NotFound
from nnvis_dash.registry import Registry
from nnvis_dash.workspace.conversion import Blocks, to_uint8
from nnvis_dash.workspace.pixels import MAX_PIXELS

Split: TypeAlias = Literal["train", "test", "all"]
Given: TypeAlias = str | Path | npt.NDArray[Any] | list[npt.NDArray[Any]]


@dataclass(frozen=True)
class ReadOptions:
    """How to read: the split where a source has several (default: test), and the largest image, in pixels."""

    split: Split | None = None
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Reading:
    """What a reader found. One of `blocks` and `files` is there; both can be called again for a second pass."""

    source: str  # the source's own name, without its folder
    n_images: int
    labels: npt.NDArray[Any] | None = None  # numbers or text, one for each image; see labels.resolve
    class_names: tuple[str, ...] = ()
    file_names: tuple[str, ...] = ()  # relative, with "/"
    notes: Mapping[str, str] = field(default_factory=dict)
    blocks: Blocks | None = None  # yields (n, H, W, C) uint8
    image_shape: tuple[int, int, int] | None = None  # of the blocks
    files: Callable[[], Iterator[tuple[str, bytes]]] | None = None  # yields name and encoded image


Reader: TypeAlias = Callable[[Given, ReadOptions], Reading | None]

READERS: Registry[Reader] = Registry("reader", "nnvis_dash.workspace.readers")

_AS_ARRAYS = "Save its images with np.savez(file, x=images, y=labels)."
_AS_FOLDER = "Unpack it and give the folder."
_AS_FILE = "Unpack it and give what is inside."
_PICKLE = "a pickle, which could run code"
_TAR = "a tar archive"
_TAR_MARK = (257, b"ustar")
_BY_START = {
    b"\x89HDF": ("an HDF5 file", _AS_ARRAYS),
    b"MATLAB 5.0": ("a MATLAB file", _AS_ARRAYS),
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), (_PICKLE, _AS_ARRAYS)),
    b"PAR1": ("a Parquet file", "Save its images as files in one folder a class."),
    b"version https://git-lfs": ("a Git LFS pointer, not the file itself", "Fetch it with `git lfs pull`."),
    b"PK\x03\x04": ("a zip archive that is damaged or incomplete", "Download or copy it again."),
    b"Rar!": ("a RAR archive", _AS_FOLDER),
    b"7z\xbc\xaf": ("a 7z archive", _AS_FOLDER),
}
_BY_SUFFIX = {
    **dict.fromkeys((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"), (_TAR, _AS_FOLDER)),
    **dict.fromkeys((".pkl", ".pickle"), (_PICKLE, _AS_ARRAYS)),
    ".tfrecord": ("a TFRecord file", "Save its images as files in one folder a class."),
}
_PACKED = {
    b"\x1f\x8b": ("compressed with gzip", _AS_FILE),
    b"\xfd7zXZ": ("compressed with xz", _AS_FILE),
    b"BZh": ("compressed with bzip2", _AS_FILE),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", _AS_FILE),
}


def read(source: Given, options: ReadOptions | None = None) -> Reading:
    """Find the reader of a source and return what it found.

    Parameters
    ----------
    source : path, (N, H, W[, C]) array, or list of (H, W[, C]) arrays
    options : ReadOptions, optional

    Raises
    ------
    NotFound
        There is no such file or folder.
    DatasetError
        No reader recognises it, or it can't be used.
    """
    options = options or ReadOptions()
    source = located(source)
    for entry in READERS.values():
        reading = entry.function(source, options)
        if reading is not None:
            return reading
    raise _unknown(source)


def located(source: Given) -> Given:
    """Return a path as one that is there, with a name to show; anything else as it is.

    Raises
    ------
    NotFound
        There is no such file or folder.
    DatasetError
        It is a pipe or a device, which would be waited for.
    """
    if not isinstance(source, (str, Path)):
        return source
    if not str(source):
        raise NotFound("There is no file or folder ''", "Give the path of a dataset.")
    path = Path(source)
    try:
        path = path.expanduser()
        if path.name in ("", ".."):
            path = path.resolve()
        there = path.exists()
    except (OSError, ValueError, RuntimeError):  # far too long; a zero byte; nobody's home
        there = False
    if not there:
        raise NotFound(f"There is no file or folder {path.name[:200]!r}", "Check the path.")
    if not path.is_dir() and not path.is_file():
        raise DatasetError(f"{path.name!r} is neither a file nor a folder", "Give the path of a dataset.")
    return path


def _unknown(source: Given) -> DatasetError:
    known = "; ".join(entry.title for name, entry in READERS.items() if name != "array")
    if not isinstance(source, Path):
        return DatasetError(f"A {type(source).__name__} is not a dataset", "Give a path or an array of images.")
    if source.is_dir():
        return DatasetError(f"There are no images in the folder {source.name!r}", f"Give one of: {known}.")
    with source.open("rb") as stream:
        start = stream.read(512)
    if not start:
        return DatasetError(f"The file {source.name!r} is empty", "Download or copy it again.")
    place, mark = _TAR_MARK
    lower = source.name.lower()
    kinds = (
        *(_BY_START[magic] for magic in _BY_START if start.startswith(magic)),
        *([(_TAR, _AS_FOLDER)] if start[place:].startswith(mark) else []),
        *(_BY_SUFFIX[suffix] for suffix in _BY_SUFFIX if lower.endswith(suffix)),
        *(_PACKED[magic] for magic in _PACKED if start.startswith(magic)),
    )
    for kind, mend in kinds:
        return DatasetError(f"The file {source.name!r} is {kind}", mend)
    return DatasetError(f"The file {source.name!r} is not a dataset that can be read", f"Give one of: {known}.")


def array_reading(
    source: str,
    blocks: Blocks,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    max_pixels: int = MAX_PIXELS,
    *,
    labels: npt.NDArray[Any] | None = None,
    class_names: tuple[str, ...] = (),
    notes: Mapping[str, str] | None = None,
) -> Reading:
    """Make the reading of an array of images, converted to (N, H, W, C) uint8 while it is read.

    Raises
    ------
    DatasetError
        A shape or values that aren't images, see `conversion.to_uint8`; or images of more than `max_pixels`.
    """
    converted, image_shape, conversions = to_uint8(blocks, shape, dtype, source, max_pixels)
    return Reading(
        source=source,
        n_images=shape[0],
        labels=labels,
        class_names=class_names,
        notes={**(notes or {}), **conversions},
        blocks=converted,
        image_shape=image_shape,
    )


def choose_split(available: Mapping[str, Any], split: Split | None, source: str) -> tuple[list[Any], dict[str, str]]:
    """Choose among a source's splits.

    Parameters
    ----------
    available : mapping of "train", "test" or "" (neither) to anything, not empty
    split : "train", "test", "all" or None
        None: what the model has most likely not been trained on, so "test" where there are two.

    Returns
    -------
    chosen : list
    notes : dict
        ``split``, where a choice was made.

    Raises
    ------
    DatasetError
        That split isn't there.
    """
    if split == "all":
        return list(available.values()), {"split": "all"} if len(available) > 1 else {}
    if split is not None:
        if split not in available:
            there = ", ".join(name for name in available if name) or "one without a name"
            raise DatasetError(f"There is no split {split!r} in {source!r}", f"It has: {there}.")
        return [available[split]], {"split": split}
    if len(available) == 1:
        return list(available.values()), {}
    chosen = next(name for name in ("test", "", "train") if name in available)
    others = " and ".join(name or "the rest" for name in available if name != chosen)
    return [available[chosen]], {"split": f"{chosen}; {others} left out (split chooses)"}


def joined_labels(
    labels: list[npt.NDArray[Any] | None], lengths: list[tuple[int, ...]], source: str
) -> npt.NDArray[Any] | None:
    """Put the labels of the chosen splits one after the other.

    Parameters
    ----------
    labels : list of (n, ...) array or None
        One for each split.
    lengths : list of (n,)
        The number of images of each split.

    Returns
    -------
    (N, ...) array, or None where a split has none
        Those of a single split as they are, whatever their number; see `labels.resolve`.

    Raises
    ------
    DatasetError
        Splits whose labels differ in kind, or aren't as many as their images: joined, they would be other images'.
    """
    known = [entry for entry in labels if entry is not None]
    if not known or len(known) < len(labels):
        return None
    if len(known) == 1:
        return known[0]
    if any(entry.shape[:1] != length for entry, length in zip(known, lengths, strict=True)):
        counts = " and ".join(f"{len(entry) if entry.shape else 0:,}" for entry in known)
        raise DatasetError(
            f"The splits of {source!r} have {counts} labels, not as many as images", "Choose train or test."
        )
    texts = {entry.dtype.kind in "SU" for entry in known}
    if len({entry.shape[1:] for entry in known}) > 1 or len(texts) > 1:
        raise DatasetError(f"The splits of {source!r} have labels of different kinds", "Choose train or test.")
    return np.concatenate(known)
