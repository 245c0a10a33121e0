"""Names made of content, and sets of sample ids as short text.

Invariant: equal content gives equal text, in every process and after every restart.
"""

from __future__ import annotations

import hashlib
import json
import operator
import re
from collections.abc import Iterable
from itertools import chain
from typing import Any

from nnvis_dash.errors import StateError

HIGHEST_ID = 2**31 - 1
_RANGE = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", re.ASCII)
_MEND = "Write ids as in 1-5,8,11-40."


def content_key(*parts: str | int | float | bool | list[Any] | tuple[Any, ...] | dict[str, Any] | bytes | None) -> str:
    """Name content: equal parts give equal keys, whatever process and order of dictionary entries.

    Parameters
    ----------
    *parts
        What JSON can hold (a tuple counts as a list), and bytes, also inside lists and dictionaries. 1 and 1.0 differ.

    Returns
    -------
    str
        32 hexadecimal digits: half of the SHA-256 of the canonical JSON, bytes standing as their own SHA-256.

    Raises
    ------
    StateError
        A number that is NaN or infinite.
    TypeError
        A value or a dictionary's key that JSON can't hold.
    """
    try:
        text = json.dumps(_canonical(parts), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise StateError("A key can't be made of a number that is NaN or infinite", "Give finite numbers.") from error
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def _canonical(part: Any) -> Any:
    """Return `part` with bytes replaced by their hash, so that JSON can hold it."""
    if isinstance(part, dict):
        for key in part:
            if not isinstance(key, str):
                raise TypeError(f"a key can't be made of a dictionary with the key {key!r}: use text")
        return {key: _canonical(value) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_canonical(value) for value in part]
    if isinstance(part, bytes):
        return {"\0bytes": hashlib.sha256(part).hexdigest()}
    return part


def encode_ids(ids: Iterable[int]) -> str:
    """Write sample ids as sorted, unique ranges: ``"1-5,8,11-40"``.

    Raises
    ------
    StateError
        An id below 0 or above `HIGHEST_ID`.
    """
    ordered = sorted({operator.index(sample) for sample in ids})
    if ordered and (ordered[0] < 0 or ordered[-1] > HIGHEST_ID):
        wrong = ordered[0] if ordered[0] < 0 else ordered[-1]
        raise StateError(f"There is no sample {wrong}", f"Ids go from 0 to {HIGHEST_ID}.")
    return _write((sample, sample) for sample in ordered)


def decode_ids(text: str, limit: int = 2_000_000) -> tuple[int, ...]:
    """Read what `encode_ids` wrote.

    Parameters
    ----------
    text : str
        Ranges in any order; an id that stands in several counts once.
    limit : int
        Most ids that are read.

    Returns
    -------
    tuple of int
        Ascending, each once.

    Raises
    ------
    StateError
        Text that isn't ranges of ids, or more than `limit` ids.
    """
    return tuple(chain.from_iterable(range(first, last + 1) for first, last in _ranges(text, limit)))


def canonical_ids(text: str, limit: int = 2_000_000) -> str:
    """Return the text that `encode_ids` would write for the same ids, without listing them; raises as `decode_ids`."""
    return _write(_ranges(text, limit))


def _ranges(text: str, limit: int) -> list[tuple[int, int]]:
    """Read ranges, sorted, none touching the next; both ends belong to a range."""
    if not isinstance(text, str):
        raise StateError(f"Sample ids are {_short(text)}, which isn't text", _MEND)
    found = []
    for part in text.split(",") if text else []:
        match = _RANGE.fullmatch(part)
        if match is None:
            raise StateError(f"Sample ids hold {_short(part)}", _MEND)
        first = int(match[1])
        last = int(match[2]) if match[2] is not None else first
        if last < first or last > HIGHEST_ID:
            raise StateError(f"Sample ids hold {_short(part)}", f"{_MEND} Ids go from 0 to {HIGHEST_ID}.")
        found.append((first, last))
    merged = _merged(sorted(found))
    count = sum(last - first + 1 for first, last in merged)
    if count > limit:
        raise StateError(f"There are {count} sample ids", f"Give {limit} at most.")
    return merged


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join sorted ranges that touch or overlap."""
    merged: list[tuple[int, int]] = []
    for first, last in ranges:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _write(ranges: Iterable[tuple[int, int]]) -> str:
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in _merged(ranges))


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:36]} ..."
