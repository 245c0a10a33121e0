"""Which kind of file system a folder lies on, and what SQLite may do there.

SQLite's write-ahead log needs memory that all processes share, which a network disk can't give: there a rollback
journal is kept. A file system without locks is refused, for then nothing there has one writer.
"""

from __future__ import annotations

import errno
import fcntl
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from nnvis_dash.errors import NNVisError

MOUNTS = Path("/proc/mounts")
_NETWORK = (
    "nfs nfs3 nfs4 cifs smb smb2 smb3 smbfs ncpfs 9p afs ceph glusterfs gfs2 ocfs2 lustre beegfs gpfs pvfs2 orangefs "
    "virtiofs vboxsf fuse fuseblk"
)
_LOCAL = {"sqlite_journal_mode": "wal", "sqlite_mmap_size": 0}  # a mapped file that is cut short kills its readers
_SHARED = {"sqlite_journal_mode": "delete", "sqlite_mmap_size": 0, "sqlite_synchronous": 2}


def kind_of(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that a path lies on, as the kernel names it; "" where it can't be known."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    resolved, best, found = path.resolve(), -1, ""
    for line in lines:
        entries = line.split(" ")
        if len(entries) < 3:
            continue
        place = Path(entries[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if len(place.parts) >= best and resolved.is_relative_to(place):  # of two at one place the later hides the other
            best, found = len(place.parts), entries[2]
    return found


def is_network(kind: str) -> bool:
    """Whether several machines may see the files of such a file system."""
    return kind in _NETWORK.split() or kind.startswith("fuse.")


@lru_cache(maxsize=32)
def sqlite_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of a diskcache in a folder that exists.

    Raises
    ------
    NNVisError
        The folder's file system keeps no locks.
    """
    kind = kind_of(folder)
    check_locks(folder, kind)
    return dict(_SHARED if is_network(kind) else _LOCAL)


def check_locks(folder: Path, kind: str) -> None:
    """Refuse a folder where files can't be locked."""
    path = folder / ".locks"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH)  # SQLite's kind
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # ours
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
            raise
        raise NNVisError(
            f"The workspace lies on a file system ({kind or 'of an unknown type'}) that keeps no locks",
            "Put it on a local disk, or mount it with locks (NFS 4, or cifs with nobrl left out).",
        ) from None
    finally:
        os.close(descriptor)
