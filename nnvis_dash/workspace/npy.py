"""NumPy's .npy files, from people who are not trusted and in parts: header first, then block by block.

`np.load` believes a header: one of 80 bytes may ask for 32 GiB, and an object array is a pickle. Here the header is
parsed and held against what the file really has before a single value is read.
"""

from __future__ import annotations

import io
import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError

Opener: TypeAlias = Callable[[], AbstractContextManager[IO[bytes]]]  # opens a file at its beginning

BLOCK_BYTES = 4 * 2**20  # of pixels held at a time
MAX_BYTES = 64 * 2**30  # of one array
MAX_RATIO = 200  # arrays of more than `FREE_BYTES` that expand by more are bombs
FREE_BYTES = 2**30
_MAX_READ_WHOLE = 2 * 2**30  # labels, and Fortran order inside an archive
_MAX_HEADER_BYTES = 10_000
_MAX_LENGTH = 2**48  # of one axis
_LAST_CHARACTER = 0x10FFFF

# What files, gzip streams and zip members raise on damaged content.
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    MemoryError,  # a dictionary for LZMA of a size that the file chooses
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


@dataclass(frozen=True)
class NpyHeader:
    """What the header of a .npy file promises."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int  # bytes before the first value

    @property
    def n_bytes(self) -> int:
        """The size of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: IO[bytes], name: str, size: int) -> NpyHeader:
    """Parse and check the header of a .npy file; the stream is left at the first value.

    Parameters
    ----------
    stream : binary file
    name : str
        The file's own name, for messages.
    size : int
        Bytes that the file really has, header included.

    Raises
    ------
    DatasetError
        Damaged, of Python objects or records, or promising more than the file has.
    """
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        header = _header_bytes(stream, 2 if version == (1, 0) else 4, name)
        shape, fortran, dtype = read(io.BytesIO(header), max_header_size=_MAX_HEADER_BYTES)
    except (*DAMAGED, DatasetError, SyntaxError, TypeError, LookupError, RecursionError, tokenize.TokenError):
        raise DatasetError(f"The file {name!r} is not a NumPy array, or is damaged", "Save it with np.save.") from None
    if dtype.hasobject:
        raise DatasetError(
            f"The array {name!r} holds Python objects, which could run code", "Save it as numbers (uint8)."
        )
    if dtype.kind not in "biufSU" or dtype.itemsize == 0:
        raise DatasetError(f"The array {name!r} has the type {str(dtype)[:60]}", "Save it as numbers (uint8).")
    if len(shape) > 8 or any(isinstance(length, bool) or not 0 <= length <= _MAX_LENGTH for length in shape):
        raise DatasetError(f"The array {name!r} has the shape {str(shape)[:60]}", "Save it with np.save.")
    found = NpyHeader(shape, dtype, fortran, 8 + len(header))
    if found.n_bytes > min(size - found.offset, MAX_BYTES):
        raise DatasetError(
            f"The header of {name!r} promises {found.n_bytes:,} bytes, the file has {max(size - found.offset, 0):,}",
            "The file is incomplete or damaged; save or copy it again.",
        )
    return found


def _header_bytes(stream: IO[bytes], width: int, name: str) -> bytes:
    """Read a header with its length before it, which may be any number of 2 or 4 bytes."""
    length = bytes(read_exactly(stream, width, name))
    n_bytes = int.from_bytes(length, "little")
    if n_bytes > _MAX_HEADER_BYTES:
        raise damaged(name)
    return length + bytes(read_exactly(stream, n_bytes, name))


def blocks(open_stream: Opener, header: NpyHeader, name: str) -> Iterator[npt.NDArray[Any]]:
    """Yield the array along its first axis, a few MB at a time.

    Parameters
    ----------
    open_stream : callable
        Opens the file at its beginning.
    header : NpyHeader
        What `read_header` returned.
    name : str
        The file's own name, for messages.

    Yields
    ------
    (n, ...) array of the header's type
    """
    with open_stream() as stream:
        read_exactly(stream, header.offset, name)
        if header.fortran and len(header.shape) > 1:
            if header.n_bytes > _MAX_READ_WHOLE:
                raise DatasetError(
                    f"The array {name!r} has {header.n_bytes:,} bytes in Fortran order",
                    "Save np.ascontiguousarray(array) instead.",
                )
            values = np.frombuffer(read_exactly(stream, header.n_bytes, name), header.dtype)
            yield from in_blocks(values.reshape(header.shape, order="F"))
            return
        row = header.dtype.itemsize * math.prod(header.shape[1:])
        step = rows_per_block(row)
        for start in range(0, header.shape[0], step):
            n = min(step, header.shape[0] - start)
            yield np.frombuffer(read_exactly(stream, n * row, name), header.dtype).reshape(n, *header.shape[1:])


def in_blocks(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Yield views of an array along its first axis, a few MB at a time."""
    step = rows_per_block(array.itemsize * math.prod(array.shape[1:]))
    for start in range(0, len(array), step):
        yield array[start : start + step]


def rows_per_block(row_bytes: int) -> int:
    """Return how many rows make a block, at least one."""
    return max(1, BLOCK_BYTES // max(1, row_bytes))


def read_exactly(stream: IO[bytes], n_bytes: int, name: str) -> bytearray:
    """Read so many bytes or raise DatasetError; a stream may give them in pieces."""
    data = bytearray()
    while len(data) < n_bytes:
        try:
            piece = stream.read(min(n_bytes - len(data), BLOCK_BYTES))
        except DAMAGED:
            raise damaged(name) from None
        if not piece:
            raise damaged(name)
        data += piece
    return data


def damaged(name: str) -> DatasetError:
    """Return the error for a file that ends early or can't be decompressed."""
    return DatasetError(f"The file {name!r} is damaged or incomplete", "Download or copy it again.")


def read_npy(path: Path) -> npt.NDArray[Any]:
    """Read a small .npy file whole, checked (labels).

    Raises
    ------
    DatasetError
        As `read_header`; or too large.
    """
    with path.open("rb") as stream:
        header = read_header(stream, path.name, path.stat().st_size)
    return read_whole(lambda: path.open("rb"), header, path.name)


def read_whole(open_stream: Opener, header: NpyHeader, name: str) -> npt.NDArray[Any]:
    """Read an array whole after its header was checked."""
    if header.n_bytes > _MAX_READ_WHOLE:
        raise DatasetError(f"The array {name!r} has {header.n_bytes:,} bytes", "Check that it is the right file.")
    with open_stream() as stream:
        read_exactly(stream, header.offset, name)
        values = np.frombuffer(read_exactly(stream, header.n_bytes, name), header.dtype)
    if header.dtype.kind == "U" and int(values.view(f"{header.dtype.byteorder}u4").max(initial=0)) > _LAST_CHARACTER:
        raise damaged(name)
    return values.reshape(header.shape, order="F" if header.fortran else "C")
