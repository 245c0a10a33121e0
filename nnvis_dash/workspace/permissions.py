"""Who else on the machine may read what a process of ours writes: nobody, unless the workspace's folder says so."""

from __future__ import annotations

import os
import stat
from pathlib import Path

FOLDER = 0o770  # mode of a folder of the workspace, less what the process's umask takes
PRIVATE, GROUP = 0o077, 0o007
_SHARED = stat.S_ISGID | stat.S_IWGRP


def keep_private(workspace: Path) -> None:
    """Let what this process writes be read by its own account only: folders 0700, files 0600.

    A team that shares the workspace's disk by group says so on the folder itself, ``chmod g+rwxs FOLDER``: then its
    group may read and write too, and nobody else. For processes of ours alone; a library leaves the umask as it is.
    """
    try:
        shared = workspace.stat().st_mode & _SHARED == _SHARED
    except OSError:  # it is still to be made
        shared = False
    os.umask(GROUP if shared else PRIVATE)
