"""Zip archives from people who are not trusted: the directory is checked first, and each member again while it is read.

Nothing is extracted by name. An archive with a path that leads outside, a link, an encrypted or repeated member is
refused as a whole, since it was not made by packing a folder.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path
from typing import IO

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.npy import damaged

MAX_MEMBERS = 2_000_000
MAX_TOTAL_BYTES = 256 * 2**30
MAX_IMAGE_BYTES = 256 * 2**20
MAX_RATIO = 200  # images hardly compress; a member of this ratio above `_FREE_BYTES` is a bomb
_FREE_BYTES = 16 * 2**20


def open_archive(path: Path, max_ratio: float | None = MAX_RATIO) -> zipfile.ZipFile:
    """Open a zip archive whose directory is in order; the caller closes it.

    Parameters
    ----------
    path : Path
    max_ratio : float or None
        Most that the whole, or a large member, may expand by. None for arrays, whose headers tell their size.

    Raises
    ------
    DatasetError
        Damaged, or refused; names the member.
    """
    name = path.name
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, LookupError, UnicodeError):
        raise damaged(name) from None
    try:
        _check(archive, name, path.stat().st_size, max_ratio)
    except BaseException:
        archive.close()
        raise
    return archive


def _check(archive: zipfile.ZipFile, name: str, size: int, max_ratio: float | None) -> None:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise DatasetError(f"The archive {name!r} has {len(members):,} members", f"At most {MAX_MEMBERS:,} are read.")
    total = 0
    seen: set[str] = set()
    for member in members:
        reason = _reason(member, size, max_ratio) or ("is there twice" if member.filename in seen else "")
        if reason:
            raise DatasetError(
                f"The archive {name!r} was refused: its member {member.filename[:200]!r} {reason}",
                "Pack the folder again with an ordinary zip program.",
            )
        seen.add(member.filename)
        total += member.file_size
    if total > MAX_TOTAL_BYTES or (max_ratio is not None and total > _FREE_BYTES + max_ratio * size):
        raise DatasetError(
            f"The archive {name!r} was refused: its {size:,} bytes expand to {total:,}", "Give the folder itself."
        )


def _reason(member: zipfile.ZipInfo, archive_size: int, max_ratio: float | None) -> str:
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
    if max_ratio is not None and member.file_size > _FREE_BYTES + max_ratio * member.compress_size:
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
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError):
        raise damaged(member.filename) from None


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int = MAX_IMAGE_BYTES) -> bytes:
    """Read a member whole, never more than its directory entry says nor than `limit` bytes.

    Raises
    ------
    DatasetError
        Damaged or too large.
    """
    if member.file_size > limit:
        raise DatasetError(
            f"The member {member.filename!r} has {member.file_size:,} bytes", f"At most {limit:,} are read."
        )
    with open_member(archive, member) as stream:
        try:
            data = stream.read(member.file_size + 1)
        except (zipfile.BadZipFile, OSError, EOFError, ValueError, zlib.error):
            raise damaged(member.filename) from None
    if len(data) != member.file_size:
        raise damaged(member.filename)
    return data
