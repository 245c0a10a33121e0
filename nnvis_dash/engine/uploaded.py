"""What both kinds of job that add an upload have in common: on whose behalf they do, and that it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nnvis_dash.errors import NNVisError
from nnvis_dash.person import acting_as

if TYPE_CHECKING:
    from nnvis_dash.workspace.store import Workspace
    from nnvis_dash.workspace.uploads import Uploads


@contextmanager
def uploaded(workspace: Workspace, uploads: Uploads, upload: str, what: str) -> Iterator[Path]:
    """Give what was uploaded, acting as who uploaded it; the audit log says what came of it.

    Raises
    ------
    NotFound, StateError
        There is no such upload, or it isn't complete.
    """
    source = uploads.source(upload)
    with acting_as(uploads.get(upload).owner):
        content = uploads.sha256(upload)
        try:
            yield source
        except NNVisError as error:
            workspace.audit("upload", what=what, sha256=content, outcome=error.what)
            raise
        workspace.audit("upload", what=what, sha256=content)
    uploads.remove(upload)
