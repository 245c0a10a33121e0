"""NumPy, idx and CIFAR files written byte by byte, so that their headers can say anything."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def npy_header(text: str, version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """Return the start of a .npy file with any text as its header, and any length of it."""
    content = text.encode("latin1")
    form = "<H" if version == (1, 0) else "<I"
    return b"\x93NUMPY" + bytes(version) + struct.pack(form, len(content) if length is None else length) + content


def npy(descr: object, shape: object, data: bytes = b"", *, fortran: bool = False, **more: Any) -> bytes:
    """Return a .npy file whose header says these things."""
    return npy_header(repr({"descr": descr, "fortran_order": fortran, "shape": shape}) + "\n", **more) + data


def saved(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npz(members: Mapping[str, bytes | Any], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a .npz file of arrays, or of bytes as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            undated = zipfile.ZipInfo(f"{name}.npy")  # the same arrays give the same bytes at any time
            archive.writestr(undated, content if isinstance(content, bytes) else saved(content), method)
    return stream.getvalue()


def idx_header(*shape: int, kind: int = 8, start: bytes = b"\x00\x00") -> bytes:
    return start + struct.pack(f">BB{len(shape)}I", kind, len(shape), *shape)


def gzip_of_zeros(start: bytes, n_bytes: int) -> bytes:
    """Return a gzip file that expands to `start` and zeros; written without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(start)]
    block = bytes(1 << 20)
    parts += [packer.compress(block) for _ in range(n_bytes >> 20)]
    return b"".join([*parts, packer.flush()])
