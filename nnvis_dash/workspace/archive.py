"""Zip archives from people who are not trusted: the directory is checked first, and each member again while it is read.

Nothing is extracted by name. An archive with a path that leads outside, a link, an encrypted or repeated member is
refused as a whole, since it was not made by packing a folder.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path
from typing import IO

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.npy import DAMAGED, damaged

MAX_MEMBERS = 2_000_000
MAX_TOTAL_BYTES = 256 * 2**30
MAX_IMAGE_BYTES = 256 * 2**20
MAX_RATIO = 200  # images hardly compress; a member of this ratio above `FREE_BYTES` is a bomb
FREE_BYTES = 16 * 2**20
MAX_DIRECTORY_BYTES = 256 * 2**20  # is held in memory, several times over
_SHOWN = 200
# The record that ends an archive, and the one that takes its place where numbers are too large for it.
_END, _END_MARK = struct.Struct("<4s4H2LH"), b"PK\x05\x06"
_LOCATOR, _LOCATOR_MARK = struct.Struct("<4sLQL"), b"PK\x06\x07"
_LARGE_END, _LARGE_END_MARK = struct.Struct("<4sQ2H2L4Q"), b"PK\x06\x06"


def open_archive(path: Path, free_bytes: int = FREE_BYTES) -> zipfile.ZipFile:
    """Open a zip archive whose directory is in order; the caller closes it.

    Parameters
    ----------
    path : Path
    free_bytes : int
        The whole, and each member, may expand by any factor up to this size; above it by `MAX_RATIO`.

    Raises
    ------
    DatasetError
        Damaged, or refused; names the member.
    """
    name = path.name
    try:
        with path.open("rb") as stream:
            directory = _directory_bytes(stream, path.stat().st_size)
        if directory > MAX_DIRECTORY_BYTES:
            raise DatasetError(
                f"The archive {name!r} was refused: its directory has {directory:,} bytes",
                f"At most {MAX_DIRECTORY_BYTES:,} are read; give the folder itself, or several archives.",
            )
        archive = zipfile.ZipFile(path)
    except (*DAMAGED, LookupError, OverflowError, struct.error):
        raise damaged(name) from None
    try:
        _check(archive, name, path.stat().st_size, free_bytes)
    except BaseException:
        archive.close()
        raise
    return archive


def _directory_bytes(stream: IO[bytes], size: int) -> int:
    """Return the length of an archive's directory as its last record has it; 0 where there is no such record."""
    start = max(0, size - _END.size - 0xFFFF)
    stream.seek(start)
    tail = stream.read()
    found = tail.rfind(_END_MARK)
    if not 0 <= found <= len(tail) - _END.size:
        return 0
    length = int(_END.unpack_from(tail, found)[5])
    if length == 0xFFFFFFFF and found >= _LOCATOR.size:
        mark, _, place, _ = _LOCATOR.unpack_from(tail, found - _LOCATOR.size)
        if mark == _LOCATOR_MARK and place <= size - _LARGE_END.size:
            stream.seek(place)
            entries = _LARGE_END.unpack(stream.read(_LARGE_END.size))
            if entries[0] == _LARGE_END_MARK:
                return int(entries[8])
    return length


def _check(archive: zipfile.ZipFile, name: str, size: int, free_bytes: int) -> None:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise DatasetError(f"The archive {name!r} has {len(members):,} members", f"At most {MAX_MEMBERS:,} are read.")
    total = 0
    seen: set[str] = set()
    for member in members:
        filename = member.filename.replace("\\", "/")
        reason = _reason(member, size, free_bytes) or ("is there twice" if filename in seen else "")
        if reason:
            raise DatasetError(
                f"The archive {name!r} was refused: its member {short(filename)!r} {reason}",
                "Pack the folder again with an ordinary zip program.",
            )
        seen.add(filename)
        total += member.file_size
    if total > min(MAX_TOTAL_BYTES, free_bytes + MAX_RATIO * size):
        raise DatasetError(
            f"The archive {name!r} was refused: its {size:,} bytes expand to {total:,}", "Give the folder itself."
        )


def _reason(member: zipfile.ZipInfo, archive_size: int, free_bytes: int) -> str:
    """Return why a member is refused, or nothing."""
    filename = member.orig_filename
    parts = filename.replace("\\", "/").split("/")
    if "\x00" in filename or filename.startswith(("/", "\\")) or ".." in parts or parts[0][1:2] == ":":
        return "has a path that leads outside"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind and kind not in (stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a special file"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.compress_size > archive_size:
        return "is larger than the archive"
    if member.file_size > free_bytes + MAX_RATIO * member.compress_size:
        return f"expands from {member.compress_size:,} to {member.file_size:,} bytes"
    return ""


def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member for reading.

    Raises
    ------
    DatasetError
        Damaged, or compressed in a way that can't be read.
    """
    try:
        return archive.open(member)
    except (*DAMAGED, RuntimeError):
        raise damaged(short(member.filename)) from None


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int = MAX_IMAGE_BYTES) -> bytes:
    """Read a member whole, never more than its directory entry says nor than `limit` bytes.

    Raises
    ------
    DatasetError
        Damaged or too large.
    """
    if member.file_size > limit:
        raise DatasetError(
            f"The member {short(member.filename)!r} has {member.file_size:,} bytes", f"At most {limit:,} are read."
        )
    with open_member(archive, member) as stream:
        try:
            data = stream.read(member.file_size + 1)
        except DAMAGED:
            raise damaged(short(member.filename)) from None
    if len(data) != member.file_size:
        raise damaged(short(member.filename))
    return data


def short(name: str) -> str:
    """Return a name as it may stand in a message: the end of a long one, which tells files of a folder apart."""
    return name if len(name) <= _SHOWN else f"...{name[-_SHOWN:]}"
