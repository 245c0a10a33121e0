"""Paths as a person writes them: they may name nothing, or be what no file can be called."""

from __future__ import annotations

from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Return a path with its ``~`` written out; as it is where there is no such person."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def there(path: str | Path) -> Path | None:
    """Return the path of a file or folder that is there, its ``~`` written out; None where nothing is.

    What no file can be called, a name that is far too long or holds a zero byte, is none that is there.
    """
    found = expanded(path)
    try:
        return found if found.exists() else None
    except (OSError, ValueError):
        return None
