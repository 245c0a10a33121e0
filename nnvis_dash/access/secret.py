"""Secrets that all workers share and that a restart keeps: files that only their owner can read."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

from nnvis_dash.access.rules import SHORTEST_TOKEN, is_local, listed
from nnvis_dash.errors import ParameterError
from nnvis_dash.settings import Settings

_BYTES = 32


def signing_key(workspace: Path) -> bytes:
    """Return the key that signs cookies and handles; made at the first start."""
    return _kept(workspace / "cache" / "secret", secrets.token_bytes(_BYTES))


class Token:
    """The start-up token: whoever has it may come in.

    It stands in the settings or in a file of the workspace, which is read each time, so that a new one counts at once
    in every worker.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.token and len(settings.token.strip()) < SHORTEST_TOKEN:
            raise ParameterError(
                f"NNVIS_TOKEN has {len(settings.token)} characters",
                f"Give {SHORTEST_TOKEN} or more by chance, or none: one is made then.",
            )
        self._set = settings.token
        self._path = settings.workspace_path / "cache" / "token"

    def current(self) -> str:
        """Return the token; one is made where there is none."""
        kept = self._set or _kept(self._path, secrets.token_urlsafe(_BYTES).encode()).decode(errors="replace")
        return kept.strip()

    def renew(self) -> str:
        """Make a new token, which ends every session of the old one.

        Raises
        ------
        ParameterError
            The token stands in the settings.
        """
        if self._set:
            raise ParameterError("The token stands in NNVIS_TOKEN", "Change it there, and start the server again.")
        _owned(self._path.parent)
        draft = _written(self._path, secrets.token_urlsafe(_BYTES).encode())
        draft.replace(self._path)
        return self.current()

    def is_right(self, given: str) -> bool:
        """Whether this is the token, in a time that doesn't tell how much is right; one cut short lets nobody in."""
        token = self.current()
        right = hmac.compare_digest(given.strip().encode("utf-8", "surrogatepass"), token.encode())
        return right and len(token) >= SHORTEST_TOKEN


def link(settings: Settings) -> str:
    """Return the address to open in a browser: of this machine, or of the first name where others are listened to."""
    names = listed(settings.allowed_hosts)
    host = settings.host if is_local(settings.host) or not names else names[0]
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    start = f"/?token={Token(settings).current()}" if settings.auth == "token" else ""
    return f"http://{host}:{settings.port}{start}"


def _kept(path: Path, otherwise: bytes) -> bytes:
    """Return what a file holds, written now if it isn't there or is empty; the first of several writers wins."""
    with contextlib.suppress(FileNotFoundError):
        if held := path.read_bytes():
            return held
        path.unlink()  # a power cut left it empty
    _owned(path.parent)
    draft = _written(path, otherwise)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()


def _owned(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _written(path: Path, content: bytes) -> Path:
    """Return a new file beside a path, of mode 0600 and on the disk."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft
