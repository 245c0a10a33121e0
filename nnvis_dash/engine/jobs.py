"""What a job is: a request with a key made of its content, and a row that every process can read.

A row has one writer at a time: the attempt that it names. A cancelled or failed job that is asked for again gets the
next attempt, so that a task of an earlier one, which may still be running, finds that it is no longer wanted.

What was accepted, a job that goes on when nobody waits, is also written down in a small file beside the table before
the one who asked is told, and stays there until the job has ended: a table that is damaged, and all processes that end
at once, lose no job.
"""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, cast

from nnvis_dash.errors import EngineError, NNVisError
from nnvis_dash.state.ids import content_key
from nnvis_dash.workspace.alive import Watch, sign
from nnvis_dash.workspace.disk import disk_errors, write_whole
from nnvis_dash.workspace.permissions import FOLDER
from nnvis_dash.workspace.safe_cache import SafeCache

JobState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
CODE_VERSION = 1  # of everything that an artifact's content depends on and that no kind's own version covers
STALE = 10.0  # seconds without a sign of life after which a job is submitted again
KEPT_ROWS = 500  # finished rows that are remembered
ACCEPTED = "accepted"  # the folder beside the table

logger = logging.getLogger(__name__)
Method = TypeVar("Method", bound=Callable[..., Any])
_watch = Watch()


@dataclass(frozen=True)
class Request:
    """A job that someone wants: its kind, and parameters that JSON can hold.

    Two requests with equal content have the same key, whether they spell out a default or leave it out.
    """

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def read(self) -> Any:
        """The parameters as the kind's frozen dataclass.

        Raises
        ------
        NotFound
            There is no such kind.
        ParameterError
            A parameter that the kind doesn't have, or of a wrong type.
        """
        from nnvis_dash.engine.kinds import KINDS

        return KINDS[self.kind].read(self.parameters)

    @cached_property
    def key(self) -> str:
        """The name of the job and of its artifact: 32 hex digits."""
        return self.read.key(self.kind)

    @property
    def text(self) -> str:
        """The parameters as JSON, defaults left out as they were given."""
        return json.dumps(dict(self.parameters), sort_keys=True)

    @classmethod
    def from_text(cls, kind: str, text: str) -> Request:
        """Read what `text` wrote."""
        return cls(kind, json.loads(text))


@dataclass(frozen=True)
class Row:
    """How a job stands."""

    key: str
    kind: str
    title: str
    state: JobState = "queued"
    done: int = 0
    total: int = 0
    message: str = ""
    reason: str = ""  # why it failed, for a person to read
    started: float = 0.0  # seconds since 1970; 0: not yet
    asked: float = 0.0  # seconds since 1970
    sign: str = ""  # the last sign of life, see `workspace.alive`; none: left to the next worker that comes
    moved: str = ""  # that of the last progress
    attempt: int = 0
    waiters: int = 0  # who would miss it; a job that is left by the last of them is cancelled
    people: dict[str, int] = field(default_factory=dict)  # waiters by the id of who asked; "": everyone
    starts: int = 0  # how often a worker began this attempt; more than one after a worker or server was lost
    in_vain: int = 0  # how often since it last made progress
    reached: int = 0  # of `done`, when it was begun last
    parameters: str = "{}"  # of the request, as JSON

    @property
    def request(self) -> Request:
        """What was asked for."""
        return Request.from_text(self.kind, self.parameters)

    def asked_by(self, person: str) -> bool:
        """Whether one of that id asked for it; "" stands for everyone who isn't told apart."""
        return person in self.people if self.people else person == ""

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def stale(self) -> bool:
        """Whether its worker seems to be gone. A wrong guess is harmless: equal tasks run once."""
        return not self.finished and self.silent > STALE

    @property
    def silent(self) -> float:
        """Seconds since its last sign of life."""
        return _watch.silence(f"{self.key}-{self.attempt}", self.sign)

    @property
    def stuck(self) -> float:
        """Seconds for which a running job made no progress; 0 for any other."""
        return _watch.silence(f"{self.key}-{self.attempt}-moved", self.moved) if self.state == "running" else 0.0

    @property
    def fraction(self) -> float:
        """The part that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total > 0 else float(self.state == "done")


_FIELDS = frozenset(entry.name for entry in fields(Row))


def content(kind: str, parameters: Any, version: int) -> str:
    """Return the key of a kind's parameters (a dataclass) in this version of the code."""
    return content_key(kind, asdict(parameters), version, CODE_VERSION)


def _guarded(method: Method) -> Method:
    """Do a method again on a new table where the table is damaged."""

    @functools.wraps(method)
    def again(self: JobTable, *args: Any, **kwargs: Any) -> Any:
        return self._cache.guarded(lambda: method(self, *args, **kwargs))

    return cast(Method, again)


@dataclass(frozen=True)
class Accepted:
    """A request that goes on when nobody waits: with the job's title, and the ids of those who asked."""

    request: Request
    title: str
    people: tuple[str, ...] = ("",)


class JobTable:
    """The rows of all jobs of a workspace, shared by every web worker and engine worker through diskcache.

    Parameters
    ----------
    path : Path
        The folder, made for the account alone. A damaged table is set aside and begun anew, for artifacts hold all
        results, and the files beside it what is yet to be done.
    """

    def __init__(self, path: Path) -> None:
        self._accepted = path.with_name(ACCEPTED)
        self._accepted.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        self._unread: set[str] = set()
        self._cache = SafeCache(path, eviction_policy="none", cull_limit=0)

    @_guarded
    def get(self, key: str) -> Row | None:
        """Return a job's row, None where there is none."""
        record = self._cache.get(key, retry=True)
        return None if record is None else _row(record)

    @_guarded
    def rows(self) -> list[Row]:
        """Return all rows, the last submitted first."""
        found = (self.get(key) for key in self._cache.iterkeys(reverse=True))
        known = [row for row in found if row is not None]
        return sorted(known, key=lambda row: (not row.finished, row.started or row.asked), reverse=True)

    def claim(
        self, request: Request, title: str, held: int = 0, people: Iterable[str] = ("",), keep: bool = False
    ) -> Row:
        """Return the row of a job that is queued or running with one more waiter, else begin its next attempt.

        `held` is the attempt that the waiter is counted in already; `people` are the ids of who asks. With `keep` the
        job is accepted: it goes on when nobody waits, whatever happens to the table.

        Raises
        ------
        EngineError
            There is no space to write it down.
        """
        if keep:
            with disk_errors(EngineError):
                row = self.get(request.key)
                known = row.people if row is not None and not row.finished else {}
                record: dict[str, Any] = {"kind": request.kind, "parameters": request.text, "title": title}
                record |= {"people": sorted({*known, *people})}
                write_whole(self._accepted / f"{request.key}.json", json.dumps(record))
        row = self._claim(request, title, held, people)
        if row.attempt == 1 and row.waiters == 1 and len(self._cache) > KEPT_ROWS * 1.2:
            self._prune()
        return row

    def accepted(self) -> list[Accepted]:
        """Return the requests that were accepted and have not ended."""
        found = []
        for path in sorted(self._accepted.glob("*.json")):
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                request = Request.from_text(record["kind"], record["parameters"])
                if request.key != path.stem:  # of another version of the code: it is another job now
                    path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue
            except (
                NNVisError,
                ValueError,
                KeyError,
                TypeError,
            ) as error:  # of a kind that isn't known here
                if path.stem not in self._unread:
                    logger.warning("the accepted job %s can't be read (%s)", path.stem[:8], error)
                    self._unread.add(path.stem)
                continue
            people = tuple(str(one) for one in record.get("people", ()))
            found.append(Accepted(request, str(record.get("title", "")), people or ("",)))
        return found

    @_guarded
    def _claim(self, request: Request, title: str, held: int, people: Iterable[str]) -> Row:
        key, kind = request.key, request.kind
        with self._cache.transact(retry=True):
            row = self.get(key)
            if row is not None and not row.finished:
                if row.attempt != held:
                    shares = {one: row.people.get(one, 0) + 1 for one in people}
                    row = replace(row, waiters=row.waiters + 1, people={**row.people, **shares})
            else:
                attempt = 1 if row is None else row.attempt + 1
                row = Row(key, kind, title, asked=time.time(), attempt=attempt, waiters=1, parameters=request.text)
                row = replace(row, sign=sign(), moved=sign(), people=dict.fromkeys(people, 1))
            self._put(row)
        return row

    def update(self, key: str, attempt: int, **changes: Any) -> bool:
        """Give a row a sign of life and change it, unless the attempt is over; return whether it is still wanted."""
        row = self._update(key, attempt, changes)
        if row is not None and row.finished:
            self._forget(key)
        return row is not None

    @_guarded
    def _update(self, key: str, attempt: int, changes: Mapping[str, Any]) -> Row | None:
        with self._cache.transact(retry=True):
            row = self.get(key)
            if row is None:  # the table was begun anew: not knowing a job is no reason to end it
                return Row(key, "", "", attempt=attempt)
            if row.attempt != attempt or row.finished:
                return None
            given = sign()
            moved = any(getattr(row, name) != value for name, value in changes.items())
            row = replace(row, **{**changes, "sign": given, "moved": given if moved else row.moved})
            self._put(row)
        return row

    @_guarded
    def begin(self, key: str, attempt: int) -> int:
        """Note that a worker begins an attempt; return how often it did since it made progress, 0 when not wanted."""
        with self._cache.transact(retry=True):
            row = self.get(key)
            if row is None:
                return 1
            if row.attempt != attempt or row.finished:
                return 0
            in_vain = 1 if row.done > row.reached else row.in_vain + 1
            self._put(
                replace(
                    row,
                    state="running",
                    started=time.time(),
                    sign=sign(),
                    moved=sign(),
                    starts=row.starts + 1,
                    in_vain=in_vain,
                    reached=row.done,
                )
            )
        return in_vain

    @_guarded
    def abandon(self, key: str, attempt: int) -> None:
        """Leave an attempt to the next worker that comes: the engine stops."""
        with self._cache.transact(retry=True):
            row = self.get(key)
            if row is not None and row.attempt == attempt and not row.finished:
                self._put(replace(row, sign="", starts=max(0, row.starts - 1), in_vain=max(0, row.in_vain - 1)))

    def wanted(self, key: str, attempt: int) -> bool:
        """Return whether that attempt is still to go on."""
        row = self.get(key)
        return row is None or (row.attempt == attempt and not row.finished)

    def cancel(self, key: str) -> bool:
        """Cancel a job that is queued or running, whoever waits; return whether there was one."""
        row = self.get(key)
        return row is not None and self.update(key, row.attempt, state="cancelled", message="")

    def leave(self, key: str, attempt: int, person: str = "") -> bool:
        """Take one waiter off, of that person; the last one cancels the job. Return whether it was the last."""
        last = self._leave(key, attempt, person)
        if last:
            self._forget(key)
        return last

    @_guarded
    def _leave(self, key: str, attempt: int, person: str) -> bool:
        with self._cache.transact(retry=True):
            row = self.get(key)
            if row is None or row.attempt != attempt or row.finished:
                return False
            waiters = max(0, row.waiters - 1)
            people = {one: count - (one == person) for one, count in row.people.items()}
            people = {one: count for one, count in people.items() if count > 0} or row.people
            self._put(replace(row, waiters=waiters, people=people, state=row.state if waiters else "cancelled"))
        return waiters == 0

    def withdraw(self, key: str, person: str) -> bool:
        """Take all that a person asked off a job, which goes on for others; return whether it is cancelled."""
        last = self._withdraw(key, person)
        if last:
            self._forget(key)
        return last

    @_guarded
    def _withdraw(self, key: str, person: str) -> bool:
        with self._cache.transact(retry=True):
            row = self.get(key)
            if row is None or row.finished or not row.asked_by(person):
                return False
            people = {one: count for one, count in row.people.items() if one != person}
            if people:
                row = replace(row, waiters=max(1, row.waiters - row.people[person]), people=people)
            else:
                row = replace(row, state="cancelled", message="", sign=sign())
            self._put(row)
        return not people

    def close(self) -> None:
        """Close the file."""
        self._cache.close()

    def settle(self, row: Row) -> None:
        """Take a job off the list of what was accepted: its row has ended."""
        self._forget(row.key)

    def _forget(self, key: str) -> None:
        """Take what was accepted off the list: it has ended."""
        (self._accepted / f"{key}.json").unlink(missing_ok=True)

    def _put(self, row: Row) -> None:
        self._cache.set(row.key, asdict(row), retry=True)

    def _prune(self) -> None:
        """Forget the oldest finished rows."""
        for row in [row for row in self.rows() if row.finished][KEPT_ROWS:]:
            self._cache.delete(row.key, retry=True)


def _row(record: Any) -> Row:
    if not isinstance(record, dict):
        raise ValueError("a row that isn't a record")
    return Row(**{name: value for name, value in record.items() if name in _FIELDS})
