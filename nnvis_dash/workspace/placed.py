"""Rows of large arrays that many workers put straight where they belong, in files that all of them share.

Putting them together at the end would read and write everything again, and twice, in one process, while every worker
waits. Here each row is written once, by who computed it; a checksum of each piece is kept by the caller.

Invariant: a piece is on the disk before its checksum is told, and pieces that are written at once don't touch each
other's bytes. Nothing is mapped for writing: that would not be coherent on a disk that several machines share.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import Damaged
from nnvis_dash.workspace.temporaries import temporary_file

Array = npt.NDArray[Any]
ENDING = ".rows.npy"
_AT_ONCE = 4  # pieces that are checked at a time


class PlacedRows:
    """The files of a folder, one for each array.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, start: int, total: int, arrays: Mapping[str, Array]) -> dict[str, int]:
        """Write rows start.. of arrays of `total` rows to the disk.

        Returns
        -------
        dict of str to int
            The CRC-32 of each array's rows.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        sums = {}
        for name, rows in arrays.items():
            rows = np.ascontiguousarray(rows)
            path = self._folder / f"{name}{ENDING}"
            if not path.exists():
                self._make(path, (total, *rows.shape[1:]), rows.dtype)
            with path.open("r+b") as file:
                shape, dtype = _header(file)
                if (shape, dtype) != ((total, *rows.shape[1:]), rows.dtype):
                    raise ValueError(f"{name} is {dtype} {shape}")
                file.seek(start * rows[:1].nbytes, os.SEEK_CUR)
                file.write(rows.data)
                file.flush()
                os.fsync(file.fileno())
            sums[name] = zlib.crc32(rows.data)
        return sums

    def arrays(self) -> dict[str, Array]:
        """Return what was placed, memory-mapped read-only."""
        files = sorted(self._folder.glob(f"*{ENDING}")) if self._folder.is_dir() else []
        return {file.name[: -len(ENDING)]: np.load(file, mmap_mode="r", allow_pickle=False) for file in files}

    def check(self, pieces: Iterable[tuple[int, int, Mapping[str, int]]]) -> None:
        """Hold pieces (start, stop, what `place` returned) against what is there.

        Raises
        ------
        Damaged
            The rows of a piece aren't those that were written.
        """
        arrays = self.arrays()

        def right(piece: tuple[int, int, Mapping[str, int]]) -> bool:
            start, stop, sums = piece
            return all(
                name in arrays and zlib.crc32(np.ascontiguousarray(arrays[name][start:stop]).data) == value
                for name, value in sums.items()
            )

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            if not all(pool.map(right, pieces)):
                raise Damaged("Some of what the job had computed was damaged", "It was removed: start the job again.")

    def _make(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Make a file with room for all rows; of two that make it at once, the first is kept."""
        with temporary_file(self._folder) as (temporary, descriptor):
            with open(descriptor, "r+b", closefd=False) as file:
                descr = np.lib.format.dtype_to_descr(dtype)
                np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
                file.truncate(file.tell() + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read a .npy header; the file then stands at its first row."""
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return shape, dtype
