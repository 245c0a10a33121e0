"""Changes of good inputs, drawn from a generator that the caller seeds, so that every example can be made again."""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

Bytes = Callable[[random.Random, bytearray, Sequence[bytes]], None]

NUMBERS = (
    0, 1, 2, 3, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1,
)  # fmt: skip
_FORMS = ("<H", ">H", "<I", ">I", "<Q", ">Q", "B")
_HEAD = 64  # bytes at both ends of a file, where headers and directories are
_LONGEST = 1 << 20


def place(rng: random.Random, n: int) -> int:
    """Draw a position, half of the time near the beginning or the end."""
    if n <= 1:
        return 0
    where = rng.random()
    if where < 0.3:
        return rng.randrange(min(n, _HEAD))
    if where < 0.5:
        return n - 1 - rng.randrange(min(n, _HEAD))
    return rng.randrange(n)


def _flip(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    data[place(rng, len(data))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    data[place(rng, len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _truncate(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    del data[place(rng, len(data)) :]


def _remove(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    start = place(rng, len(data))
    del data[start : start + 1 + rng.randrange(32)]


def _repeat(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    start = place(rng, len(data))
    piece = data[start : start + 1 + rng.randrange(64)]
    data[start:start] = piece * rng.choice((1, 2, 50))


def _insert(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    start = place(rng, len(data))
    data[start:start] = rng.choice((b"\x00", b"\xff", rng.randbytes(4))) * (1 + rng.randrange(16))


def _splice(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """Put a piece of another input over or into this one."""
    other = rng.choice(others) if others else bytes(data)
    start, end = sorted((place(rng, len(other)), place(rng, len(other))))
    here = place(rng, len(data))
    data[here : here + rng.choice((0, end - start))] = other[start:end]


def _exchange(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    first, second, n = place(rng, len(data)), place(rng, len(data)), 1 + rng.randrange(16)
    one, two = data[first : first + n], data[second : second + n]
    data[first : first + n], data[second : second + n] = two, one


def _length(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """Write a number of 1 to 8 bytes over what may be a length, or change the one that is there a little."""
    form = rng.choice(_FORMS)
    size = struct.calcsize(form)
    if len(data) < size:
        return
    start = min(place(rng, len(data)), len(data) - size)
    (there,) = struct.unpack_from(form, data, start)
    number = rng.choice((rng.choice(NUMBERS), there + rng.choice((-1, 1, 4, 100)), there * 2, there // 2, len(data)))
    struct.pack_into(form, data, start, number % (1 << 8 * size))


def _digits(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    """Replace a number that is written in digits."""
    found = list(re.finditer(rb"\d+", data[: 1 << 16]))
    if found:
        start, end = rng.choice(found).span()
        data[start:end] = str(rng.choice((-1, *NUMBERS, 10**30))).encode()


_BYTES: tuple[Bytes, ...] = (
    _flip, _flip, _set, _truncate, _remove, _repeat, _insert, _splice, _exchange, _length, _length, _digits,
)  # fmt: skip


def mutated(rng: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return bytes with one to five changes.

    Parameters
    ----------
    others : sequence of bytes
        Further inputs, from which pieces may be taken.
    """
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        if changed:
            rng.choice(_BYTES)(rng, changed, others)
    return bytes(changed[:_LONGEST])


_TOKENS = (
    "", " ", "0", "-1", "-2", "1e3", "NaN", "1_0", "٣", "99999", "999999999999999999", "9" * 400, "x" * 1_100, '"', "'",
    '""', ",", ",,", "\t", ";", "\n", "\r", "\r\n", "\x00", "\x1b[31m", "\u202e", "\ud800", "\ufeff", "name", "index",
    "label", "filename", "../../x", "/etc/passwd", "a/0.png", "{", "[", "]", "null", "=1+1", "<script>", "%s", "\u2028",
)  # fmt: skip


def mutated_text(rng: random.Random, text: str, others: Sequence[bytes] = ()) -> bytes:
    """Return a text file with changes of its words and marks, and now and then of its bytes or its encoding."""
    parts = re.split(r"([,\t\r\n\"\[\]{}:]+)", text)
    for _ in range(rng.randrange(5)):
        change, spot = rng.randrange(5), rng.randrange(len(parts))
        if change == 0:
            parts[spot] = rng.choice(_TOKENS)
        elif change == 1:
            parts.insert(spot, rng.choice(_TOKENS))
        elif change == 2 and len(parts) > 1:
            del parts[spot]
        elif change == 3:
            parts[spot] = rng.choice(parts)
        else:
            parts[spot:spot] = parts[: rng.randrange(len(parts)) + 1] * rng.choice((1, 3))
    whole = "".join(parts)[:_LONGEST]
    encoding = rng.choice(("utf-8",) * 12 + ("utf-8-sig", "utf-16", "latin1", "utf-32"))
    data = whole.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")
    return mutated(rng, data, others) if rng.random() < 0.3 else data


_VALUES = (
    None, True, False, 0, 1, -1, 2, 3, 2**31, 2**63, 10**30, -(10**400), 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", "x", "softmax", "linear", "relu", "keras", "keras.layers", "builtins", "os", "eval", "Dense", "Lambda",
    "Functional", "channels_first", "float64", "string", "x" * 5_000, "\x00", "\ud800", "../x", "/etc/passwd",
    "layer_0", [], [[]], [None], [None, 4, 4, 1], [0] * 50, {}, {"class_name": "Lambda", "config": {}},
    {"config": None},
    {"class_name": "__tuple__", "items": []},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}},
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
)  # fmt: skip


def _values(rng: random.Random) -> Any:
    return json.loads(json.dumps(rng.choice(_VALUES)))


def _holders(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a JSON value: what holds it, and the key or position."""
    found: list[tuple[Any, Any]] = []
    pending = [value]
    while pending:
        entry = pending.pop()
        inner = list(entry.items()) if isinstance(entry, dict) else list(enumerate(entry))
        for key, held in inner:
            found.append((entry, key))
            if isinstance(held, (dict, list)):
                pending.append(held)
    return found


def mutated_json(rng: random.Random, value: Any) -> Any:
    """Return a JSON value (dictionary or list) with one to five changes of what it holds."""
    whole = json.loads(json.dumps(value))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        places = _holders(whole)
        if not places:
            break
        holder, key = rng.choice(places)
        other_holder, other_key = rng.choice(places)
        change = rng.randrange(7)
        if change <= 1:
            holder[key] = _values(rng)
        elif change == 2:
            del holder[key]
        elif change == 3:
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        elif change == 4 and isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(rng.choice((holder[key], other_holder[other_key])))))
        elif change == 4:
            holder[rng.choice(("name", "extra", "module", "dtype", "filepath", "layers", ""))] = _values(rng)
        elif change == 5:
            inner = holder[key]
            for _ in range(rng.choice((1, 1, 3, 80))):
                inner = rng.choice(([inner], {"config": inner}))
            holder[key] = inner
        elif isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
            holder[key] = rng.choice((holder[key] + 1, -holder[key], holder[key] * 1000, str(holder[key]), 2.5))
        else:
            holder[key] = str(holder[key])[::-1]
    return whole
