"""What a disk refuses, in words for the person who asked; and small files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnvis_dash.errors import NNVisError


@contextmanager
def disk_errors(error: type[NNVisError]) -> Iterator[None]:
    """Turn what the disk refuses into an error that names no path of the server."""
    try:
        yield
    except OSError as cause:
        if cause.errno in (errno.ENOSPC, errno.EDQUOT):
            raise error("There is no space left on the disk of the workspace", "Remove something first.") from None
        own_name = Path(cause.filename).name if isinstance(cause.filename, str) else "a file"
        raise error(f"{own_name!r} can't be read or written: {cause.strerror}", "Check its permissions.") from None


def write_whole(path: Path, text: str) -> None:
    """Write a small text file: whoever reads it, and a machine that stops meanwhile, finds the old one or the new."""
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
