"""Choices that a browser sends with an upload, held against what a kind of job takes.

Invariant: no option is a path: what could name a file of the server is refused by its check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nnvis_dash.errors import ParameterError


def checked_options(given: Mapping[str, Any], checks: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    """Return the options if each is known and passes its check.

    Raises
    ------
    ParameterError
        Names the option and its value.
    """
    for name, value in given.items():
        if name not in checks:
            raise ParameterError(f"There is no option {name[:40]!r}", f"The options: {', '.join(checks)}.")
        if not checks[name](value):
            raise ParameterError(f"The option {name} can't be {str(value)[:60]!r}", "Choose another value.")
    return dict(given)
