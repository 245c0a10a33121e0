"""Who did what: one JSON line for each, in a file a month, that is only ever added to.

    <workspace>/audit/2026-11.jsonl

A line has the time (ISO 8601, UTC), the person's id and name, the action, the outcome, and whatever else tells what it
was done to: a fingerprint, a name, the sha256 of an upload. Never a token, a password or pixels. A line is one write to
a file that is open for appending, so that lines of several processes don't mix. A disk that takes no more fails no
request: the lines that are lost are counted, in the server's log and in the next line that is written.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nnvis_dash.person import Person, current_person
from nnvis_dash.workspace.permissions import FOLDER

log = logging.getLogger(__name__)

LONGEST = 300  # characters of a value


class AuditLog:
    """The audit log of a workspace; safe from several threads and processes.

    Call it with an action and what is known of it: ``audit("remove", what="dataset", name="cats")``.

    Parameters
    ----------
    folder : Path
        Made with the first line.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._lost = 0

    def __call__(self, action: str, *, person: Person | None = None, outcome: str = "ok", **fields: Any) -> None:
        """Write a line; never raises for what the disk does.

        Parameters
        ----------
        action : str
            "add", "share", "sign-in", ...
        person : Person, optional
            Who did it; the current person where none is given.
        outcome : str
            "ok", or why not.
        **fields
            Plain values; texts are cut at `LONGEST` characters.
        """
        person = current_person() if person is None else person
        now = datetime.now(UTC)
        line: dict[str, Any] = {
            "time": now.isoformat(timespec="milliseconds"),
            "person": person.id,
            "person_name": person.name,
            "action": action,
            "outcome": outcome,
            **fields,
        }
        with self._lock:
            if self._lost:
                line["lines_lost_before"] = self._lost
            try:
                self._append(f"{now:%Y-%m}.jsonl", json.dumps({key: _short(value) for key, value in line.items()}))
                self._lost = 0
            except OSError as error:
                self._lost += 1
                log.error("the audit log can't be written: %s; %d lines are lost", error.strerror, self._lost)

    def _append(self, name: str, line: str) -> None:
        self._folder.mkdir(mode=FOLDER, exist_ok=True)
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            data = (line + "\n").encode("ascii")
            if os.write(descriptor, ("\n" if self._lost else "").encode() + data) < len(data):
                raise OSError(0, "the disk is full")
        finally:
            os.close(descriptor)

    def lines(self, since: str = "", person: str = "") -> Iterator[dict[str, Any]]:
        """Give the lines, the first one first; one that was torn by a full disk is left out.

        Parameters
        ----------
        since : str
            The beginning of an ISO 8601 time, such as 2026-11 or 2026-11-22T08; earlier lines are left out.
        person : str
            An id or a name; empty: everybody's.
        """
        for path in sorted(self._folder.glob("*.jsonl")):
            if path.stem < since[:7]:
                continue
            with path.open(encoding="ascii", errors="replace") as stream:
                for text in stream:
                    try:
                        line = json.loads(text)
                    except ValueError:
                        continue
                    by = (line.get("person"), line.get("person_name")) if isinstance(line, dict) else ()
                    if by and str(line.get("time", "")) >= since and (not person or person in by):
                        yield line


def _short(value: Any) -> Any:
    """Return a value as it may stand in a line."""
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]}..."
    return value if value is None or isinstance(value, (str, int, float)) else _short(str(value))
