"""What every process says: one JSON object a line, or text for a person, with the request that it was said for.

`NNVIS_LOG=json` also has a line for every request. No line holds a token, a query or what a person typed.
"""

from __future__ import annotations

import json
import logging
import logging.config
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from nnvis_dash.settings import Settings

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_request: ContextVar[str] = ContextVar("request", default="")


def begin_request(offered: str | None) -> str:
    """Return the id of a request that begins here: the one that a proxy gave it where that is sane, else a new one."""
    _request.set(offered if offered and _SANE.fullmatch(offered) else secrets.token_hex(8))
    return _request.get()


def current_request() -> str:
    """Return the id of the request that this thread works for: a web request, or that of a Dask task; "" for none."""
    return _request.get() or _request_of_task()


def _request_of_task() -> str:
    """Return what `launch` noted beside the task that runs in this thread of an engine worker."""
    import sys

    distributed = sys.modules.get("distributed.worker")
    task = getattr(getattr(distributed, "thread_state", None), "key", None)
    if distributed is None or task is None:
        return ""
    state = distributed.get_worker().state.tasks.get(task)
    return str(state.annotations.get("request", "")) if state is not None and state.annotations else ""


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; `extra={"fields": {...}}` adds to it."""

    def __init__(self, tier: str) -> None:
        super().__init__()
        self.tier = tier

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "tier": self.tier,
            "process": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := current_request():
            line["request"] = request
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Text(logging.Formatter):
    """Writes a record for a person at a terminal."""

    def __init__(self, tier: str) -> None:
        super().__init__(f"%(asctime)s {tier} %(levelname)s %(message)s")


def configuration(settings: Settings, tier: str, quiet: bool = False) -> dict[str, Any]:
    """Return the logging of a process for `logging.config.dictConfig`, and for gunicorn.

    Parameters
    ----------
    settings : Settings
    tier : str
        "web" or "engine".
    quiet : bool
        Warnings only.
    """
    as_json = settings.log == "json"
    said = "WARNING" if quiet else "INFO"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonLines if as_json else Text, "tier": tier}},
        "handlers": {"error": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"level": "WARNING", "handlers": ["error"]},
        "loggers": {
            "nnvis_dash": {"level": said},
            "nnvis_dash.requests": {"level": said if as_json else "CRITICAL"},
            "gunicorn.error": {"level": "INFO" if as_json else "WARNING", "handlers": [], "propagate": True},
            "gunicorn.access": {
                "level": "CRITICAL",
                "handlers": [],
                "propagate": False,
            },  # ours says who and which route
        },
    }


def configure(settings: Settings, tier: str, quiet: bool = False) -> None:
    """Set this process's logging."""
    logging.config.dictConfig(configuration(settings, tier, quiet))


@contextmanager
def without_lines(*phrases: bytes) -> Iterator[None]:
    """Keep lines with these phrases off standard error: TensorFlow's C++ writes some whatever its log level is."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said:
                if not any(phrase in line for phrase in phrases):
                    os.write(2, line)
