"""A diskcache that outlives damage to its file: JSON in SQLite, set aside and begun anew where it can't be read.

Nothing in such a cache is the only copy of anything. Every process that has it open sees that another set it aside,
for the file behind its connection is no longer the one with that name, and opens the new one.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from diskcache import Cache, JSONDisk, Timeout
from diskcache.core import DBNAME

from nnvis_dash.workspace.disk import is_full
from nnvis_dash.workspace.filesystem import sqlite_settings
from nnvis_dash.workspace.lock import locked
from nnvis_dash.workspace.permissions import FOLDER

log = logging.getLogger(__name__)
Value = TypeVar("Value")
_KEPT_DAMAGED = 3
_RESERVE = 2**20  # bytes that are given back when the disk is full, so that the last word of each job can be written
_RETRY = 0.5  # seconds between two tries to open a file on a full disk
_PATIENCE = 60.0  # seconds for which a transaction waits for those of others
_UNREADABLE = (zlib.error, ValueError, UnicodeDecodeError, TypeError)


def is_damage(error: BaseException) -> bool:
    """Whether an error means that a file is no longer a database of ours, rather than busy or out of space."""
    if isinstance(error, Timeout) or not isinstance(error, sqlite3.Error):
        return isinstance(error, _UNREADABLE)
    said = str(error)
    return not isinstance(error, sqlite3.ProgrammingError) and not any(
        word in said for word in ("locked", "full", "readonly", "read-only", "interrupted", "busy")
    )


class SafeCache(Cache):
    """The cache in one folder; `size_limit` and other settings as diskcache has them.

    Invariant: values are what JSON can hold.
    """

    def __init__(self, directory: Path, **settings: Any) -> None:
        self._path = Path(directory)
        self._file = self._path / DBNAME
        self._mine = threading.local()  # `inode`: the file behind a thread's connection
        self._given = settings
        self._path.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        while not self._opened():
            log.warning("the cache %r waits for space on the disk", self._path.name)
            time.sleep(_RETRY)
        self._keep_reserve()

    def _opened(self) -> bool:
        """Open the file, a new one where it is damaged; opening writes, so a full disk is waited for: return False."""
        try:
            try:
                super().__init__(str(self._path), **self._settings())
                self._examine()
            except Exception as error:
                if self._for_space(error) or not is_damage(error):
                    raise
                self.mend(error)
                super().__init__(str(self._path), **self._settings())
        except (sqlite3.Error, OSError) as error:
            if not self._for_space(error):
                raise
            self._reserve.unlink(missing_ok=True)
            return False
        return True

    def get(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """As diskcache has it."""
        return self.guarded(lambda: super(SafeCache, self).get(key, *args, **kwargs))

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        """As diskcache has it."""
        return self.guarded(lambda: super(SafeCache, self).set(key, value, *args, **kwargs))

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        """As diskcache has it."""
        return self.guarded(lambda: super(SafeCache, self).add(key, value, *args, **kwargs))

    def touch(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """As diskcache has it."""
        return self.guarded(lambda: super(SafeCache, self).touch(key, *args, **kwargs))

    def delete(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """As diskcache has it."""
        return self.guarded(lambda: super(SafeCache, self).delete(key, *args, **kwargs))

    def __contains__(self, key: Any) -> bool:
        return bool(self.guarded(lambda: super(SafeCache, self).__contains__(key)))

    def guarded(self, work: Callable[[], Value]) -> Value:
        """Return what `work` returns; where the file is damaged it is begun anew, and `work` is done again."""
        if self._txn_id == threading.get_ident():  # whoever began the transaction does it all again
            return work()
        for attempt in range(3):
            try:
                return work()
            except Exception as error:
                full = self._for_space(error)
                if full and attempt == 0 and self._reserve.exists():
                    self._reserve.unlink(missing_ok=True)
                elif not full and is_damage(error) and attempt < 2:
                    self.mend(error)
                elif isinstance(error, sqlite3.ProgrammingError) and attempt < 2:
                    self._drop()  # another call of this thread closed the connection of a file that was replaced
                else:
                    raise
        raise AssertionError("unreachable")

    @property
    def _txn_id(self) -> int | None:
        """This thread, while it is within a transaction; after a file was replaced others may be, too."""
        return getattr(self._mine, "transaction", None)

    @_txn_id.setter
    def _txn_id(self, thread: int | None) -> None:
        self._mine.transaction = thread

    def _for_space(self, error: BaseException) -> bool:
        """Whether an error came of a full disk; SQLite calls it an I/O error where its shared memory is concerned."""
        if isinstance(error, sqlite3.OperationalError) and "I/O" in str(error):
            return shutil.disk_usage(self._path.parent).free < _RESERVE
        return is_full(error)

    def mend(self, error: BaseException) -> None:
        """Set the file aside and begin anew, unless another thread or process did so already."""
        mine = getattr(self._mine, "inode", None)
        self._drop()
        with locked(self._path.with_name(f"{self._path.name}.lock")):
            if mine is not None and mine == self._inode():
                log.error("the cache %r was damaged (%s); it is begun anew", self._path.name, error)
                self._path.rename(self._path.with_name(f"{self._path.name}-damaged-{time.time_ns()}"))
            self._begin()
        for old in sorted(self._path.parent.glob(f"{self._path.name}-damaged-*"))[:-_KEPT_DAMAGED]:
            shutil.rmtree(old, ignore_errors=True)

    def _begin(self) -> None:
        """Make the file where there is none, whole before it has its name; every thread then connects to it."""
        if self._inode() is not None:
            return
        draft = self._path.with_name(f".{self._path.name}.new")
        shutil.rmtree(draft, ignore_errors=True)  # the lock is held: nobody else has one
        draft.mkdir(mode=FOLDER)
        Cache(str(draft), **self._settings()).close()
        if self._path.exists():  # without its file
            self._path.rename(self._path.with_name(f"{self._path.name}-damaged-{time.time_ns()}"))
        draft.rename(self._path)

    def _settings(self) -> dict[str, Any]:
        return {"disk": JSONDisk, "timeout": 10, **self._given, **sqlite_settings(self._path.parent)}

    def _examine(self) -> None:
        """Raise where SQLite itself finds the file damaged."""
        (said,) = self._con.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise sqlite3.DatabaseError(said)

    def _inode(self) -> int | None:
        try:
            return self._file.stat().st_ino
        except FileNotFoundError:
            return None

    def _drop(self) -> None:
        connection = getattr(self._local, "con", None)
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
            del self._local.con

    @property
    def _con(self) -> sqlite3.Connection:
        """This thread's connection, to the file that has the name now."""
        if getattr(self._local, "con", None) is None:
            self._mine.inode = self._inode()
        elif self._txn_id is None and self._mine.inode is not None and (there := self._inode()) != self._mine.inode:
            self._drop()
            if there is None:  # it was removed, or is being set aside
                with locked(self._path.with_name(f"{self._path.name}.lock")):
                    self._begin()
            self._mine.inode = self._inode()
        connection: sqlite3.Connection = Cache._con.fget(self)
        if self._mine.inode is None:
            self._mine.inode = self._inode()
        return connection

    @contextlib.contextmanager
    def _transact(self, retry: bool = False, filename: str | None = None) -> Iterator[Any]:
        """As diskcache has it, but what isn't a lock is raised: there it is tried for ever, or hidden by undoing it."""
        mine, names = threading.get_ident(), list[str | None]()
        if self._txn_id == mine:
            yield self._sql, names.append
        else:
            connection, end = self._con, time.monotonic() + _PATIENCE
            while True:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    break
                except sqlite3.OperationalError as error:
                    if "locked" in str(error) and retry and time.monotonic() < end:
                        continue
                    if filename is not None:
                        self._disk.remove(filename)
                    if "locked" in str(error):
                        raise Timeout from None
                    raise
            self._txn_id = mine
            try:
                yield connection.execute, names.append
            except BaseException:
                self._txn_id = None
                with contextlib.suppress(sqlite3.Error):  # SQLite may have undone it already
                    connection.execute("ROLLBACK")
                raise
            self._txn_id = None
            try:
                connection.execute("COMMIT")
            except sqlite3.Error:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        for name in names:
            if name is not None:
                self._disk.remove(name)

    @property
    def _reserve(self) -> Path:
        return self._path.with_name(f"{self._path.name}.reserve")

    def _keep_reserve(self) -> None:
        if not self._reserve.exists():
            with contextlib.suppress(OSError):
                self._reserve.write_bytes(bytes(_RESERVE))
