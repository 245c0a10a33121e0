"""Settings, read once from the environment: each has one name, one default and one line of help.

Invariant: nothing else in the project reads `os.environ` for its own settings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from nnvis_dash.errors import ParameterError

_NUMBER = re.compile(r"[0-9]{1,18}")


def _setting(default: object, help: str) -> object:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """Everything that an administrator sets; `NNVIS_` and the name in capitals is the environment variable."""

    workspace: str = _setting("workspace", "folder of models, datasets, artifacts and cache")  # type: ignore[assignment]
    host: str = _setting("127.0.0.1", "address that the web server listens on")  # type: ignore[assignment]
    port: int = _setting(8050, "port that the web server listens on")  # type: ignore[assignment]
    scheduler: str = _setting("", "Dask scheduler (tcp:// or tls://host:8786); empty: an engine of its own")  # type: ignore[assignment]
    engine_workers: int = _setting(1, "worker processes of the engine of its own")  # type: ignore[assignment]
    engine_threads: int = _setting(2, "threads of each engine worker; one always stays free for a person")  # type: ignore[assignment]
    gpu_chunks: bool = _setting(False, "1: long jobs run only on engine workers with the resource gpu")  # type: ignore[assignment]
    web_workers: int = _setting(2, "gunicorn worker processes")  # type: ignore[assignment]
    web_threads: int = _setting(8, "threads of each gunicorn worker")  # type: ignore[assignment]
    log: str = _setting("text", "text for a terminal, or json: a line for each request, with its id")  # type: ignore[assignment]
    drain_seconds: int = _setting(0, "seconds in which a stopping server answers while /readyz says no")  # type: ignore[assignment]
    tls_ca: str = _setting("", "PEM file of the CA that signs web, scheduler and workers; empty: no TLS between them")  # type: ignore[assignment]
    tls_cert: str = _setting("", "PEM file of this machine's certificate for the engine")  # type: ignore[assignment]
    tls_key: str = _setting("", "PEM file of that certificate's key")  # type: ignore[assignment]
    model_memory_mb: int = _setting(4096, "memory that warm models may take in an engine worker, in MB")  # type: ignore[assignment]
    disk_limit_percent: int = _setting(85, "how full the workspace's disk may be for new work to be accepted")  # type: ignore[assignment]
    job_seconds: int = _setting(3600, "seconds without progress after which a job is ended; 0: never")  # type: ignore[assignment]
    max_pixels: int = _setting(50_000_000, "largest image that is read, in pixels")  # type: ignore[assignment]
    max_model_mb: int = _setting(2048, "largest model file that is read, in MB")  # type: ignore[assignment]
    max_upload_mb: int = _setting(8192, "largest upload from a browser, in MB")  # type: ignore[assignment]
    max_model_parameters: int = _setting(1_000_000_000, "most parameters that a model may have")  # type: ignore[assignment]
    allow_saved_models: bool = _setting(False, "1: take TensorFlow SavedModels, which are programs")  # type: ignore[assignment]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Raises
        ------
        ParameterError
            A number that isn't one, or a yes or no that is neither 1 nor 0.
        """
        environment = os.environ if environment is None else environment
        given: dict[str, object] = {}
        for entry in fields(cls):
            name = f"NNVIS_{entry.name.upper()}"
            if name not in environment:
                continue
            text = environment[name]
            if isinstance(entry.default, bool):
                if text.strip() not in ("0", "1"):
                    raise ParameterError(f"The setting {name} is {text!r}", "Give 1 for yes or 0 for no.")
                given[entry.name] = text.strip() == "1"
            elif isinstance(entry.default, int):
                if not _NUMBER.fullmatch(text.strip()):
                    raise ParameterError(f"The setting {name} is {text[:40]!r}", "Give a whole number of 0 or more.")
                given[entry.name] = int(text)
            else:
                given[entry.name] = text
        return cls(**given)  # type: ignore[arg-type]

    def environment(self) -> dict[str, str]:
        """Return the settings as the environment of another process, which `from_environment` reads there."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {
            f"NNVIS_{name.upper()}": str(int(value) if isinstance(value, bool) else value)
            for name, value in values.items()
        }

    @property
    def workspace_path(self) -> Path:
        """The workspace's folder, absolute."""
        return Path(self.workspace).expanduser().resolve()
