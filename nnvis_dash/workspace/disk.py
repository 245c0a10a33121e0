"""What a disk refuses, in words for the person who asked."""

from __future__ import annotations

import errno
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
