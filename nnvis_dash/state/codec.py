"""The state as the browser's stores hold it (JSON), and as a link holds it (short text).

A link is a version (``1``), how it is packed (``j`` plain, ``z`` by zlib when that is shorter) and base64url of: the
number of fingerprints (1 byte), the fingerprints (16 bytes each), and JSON of what differs from the defaults, under
short names. It holds everything, so it means the same after every restart.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from nnvis_dash.errors import StateError
from nnvis_dash.state import checks
from nnvis_dash.state.checks import Check
from nnvis_dash.state.ids import decode_ids, encode_ids
from nnvis_dash.state.selection import CORRECTNESS, Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import (
    BESIDES,
    COLOURS,
    COMPARISON,
    DIFFERENCES,
    LENSES,
    MODELS,
    NETWORK,
    OUTPUTS,
    OVERVIEWS,
    READOUTS,
    REVIEW,
    SIMULATION,
    SUGGESTION,
    TABLE,
    TABS,
    TRUST,
    View,
)

LINK_LIMIT = 65_536  # characters
Part = TypeVar("Part", Session, Selection, View)

_MEND = "Copy the whole link again, or open the page without it."
_LINK = re.compile(r"1([jz])([A-Za-z0-9_-]*)", re.ASCII)
_FINGERPRINT = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class _Field:
    """How one field is checked, and what a link calls it."""

    short: str
    check: Check[Any]


_FIELDS: Mapping[type, Mapping[str, _Field]] = {
    Session: {
        "dataset": _Field("d", checks.any_name),
        "classifiers": _Field("m", checks.classifiers),
    },
    Selection: {
        "samples": _Field("s", checks.samples),
        "primary": _Field("p", checks.optional(checks.sample)),
        "compared": _Field("q", checks.optional(checks.sample)),
        "classes": _Field("c", checks.classes),
        "correctness": _Field("w", checks.one_of(CORRECTNESS)),
        "layer": _Field("l", checks.optional(checks.name)),
        "units": _Field("u", checks.units),
        "pattern": _Field("n", checks.optional(checks.pattern)),
        "target": _Field("t", checks.optional(checks.target)),
        "origin": _Field("r", checks.any_name),
        "derived": _Field("T", checks.derived),
        "edits": _Field("E", checks.edits),
        "frozen": _Field("F", checks.frozen),
    },
    View: {
        "features": _Field("f", checks.features),
        "method": _Field("e", checks.name),
        "n_samples": _Field("k", checks.whole(0, 10_000_000)),
        "seed": _Field("i", checks.whole(0, 2**31 - 1)),
        "parameters": _Field("a", checks.set_parameters),
        "start": _Field("H", checks.start),
        "colour": _Field("o", checks.one_of(COLOURS)),
        "opacity": _Field("y", checks.real(0, 1)),
        "attribution": _Field("x", checks.name),
        "attribution_parameters": _Field("g", checks.set_parameters),
        "output": _Field("z", checks.one_of(OUTPUTS)),
        "explained": _Field("A", checks.optional(checks.name)),
        "unit": _Field("v", checks.optional(checks.channel)),
        "clip": _Field("h", checks.real(50, 100)),
        "smooth": _Field("b", checks.truth),
        "grid": _Field("j", checks.names),
        "judged": _Field("I", checks.words),
        "grey": _Field("Y", checks.truth),
        "lens": _Field("L", checks.one_of(LENSES)),
        "difference": _Field("D", checks.without_null(checks.parameters_among(DIFFERENCES))),
        "beside": _Field("B", checks.one_of(BESIDES)),
        "readout": _Field("R", checks.one_of(READOUTS)),
        "common": _Field("C", checks.truth),
        "responses": _Field("W", checks.words),
        "attack": _Field("K", checks.without_null(checks.word_parameters)),
        "tab": _Field("N", checks.one_of(TABS)),
        "network": _Field("U", checks.without_null(checks.parameters_among(NETWORK))),
        "simulation": _Field("S", checks.without_null(checks.parameters_among(SIMULATION))),
        "suggestion": _Field("G", checks.without_null(checks.parameters_among(SUGGESTION))),
        "overview": _Field("O", checks.one_of(OVERVIEWS)),
        "models": _Field("M", checks.without_null(checks.parameters_among(MODELS))),
        "review": _Field("Q", checks.without_null(checks.parameters_among(REVIEW))),
        "table": _Field("V", checks.without_null(checks.parameters_among(TABLE))),
        "comparison": _Field("P", checks.without_null(checks.parameters_among(COMPARISON))),
        "trust": _Field("J", checks.without_null(checks.parameters_among(TRUST))),
    },
}
# Fields that are pairs of a name and a value.
_BY_NAME = (
    "parameters",
    "attribution_parameters",
    "difference",
    "attack",
    "frozen",
    "network",
    "simulation",
    "suggestion",
    "models",
    "review",
    "table",
    "comparison",
    "trust",
)
_SHORT = {entry.short: (part, name) for part, entries in _FIELDS.items() for name, entry in entries.items()}


def field_check(part: type, name: str) -> Check[Any]:
    """Return the check of one field of `Session`, `Selection` or `View`."""
    return _FIELDS[part][name].check


def to_json(part: Session | Selection | View) -> dict[str, Any]:
    """Return a part of the state as a store holds it: units and edits as pairs, parameters by name."""
    record = asdict(part)
    for name, value in record.items():
        if name == "edits":
            record[name] = [edit.to_json() for edit in getattr(part, name)]
        elif name == "units":
            record[name] = [[unit["layer"], unit["channel"]] for unit in value]
        elif name in _BY_NAME:
            record[name] = dict(value)
        elif isinstance(value, tuple):
            record[name] = list(value)
    return record


def from_json(kind: type[Part], record: Any) -> Part:
    """Read what `to_json` wrote; a field that isn't there has its default.

    Raises
    ------
    StateError
        Not a record, an unknown field, or a value that a field can't have.
    """
    entries = _FIELDS[kind]
    title = kind.__name__.lower()
    if not isinstance(record, dict):
        raise checks.refuse(f"The page's {title}", record, "Reload the page.")
    unknown = [name for name in record if name not in entries]
    if unknown:
        raise StateError(
            f"A {title} has no field {checks.shown(unknown[0])}", f"Its fields: {', '.join(entries)}. Reload the page."
        )
    return kind(**{name: entries[name].check(f"The {title}'s {name}", value) for name, value in record.items()})


def encode_link(state: State) -> str:
    """Write the whole state as text for an address.

    Returns
    -------
    str
        Letters, digits, ``-`` and ``_``.

    Raises
    ------
    StateError
        The state was made by hand and is larger than any that `read_change` lets through.
    """
    short: dict[str, Any] = {}
    for part in (state.session, state.selection, state.view):
        record = to_json(part)
        for entry in fields(part):
            if getattr(part, entry.name) != entry.default:
                short[_FIELDS[type(part)][entry.name].short] = record[entry.name]
    if "c" in short:
        short["c"] = encode_ids(short["c"])
    if "u" in short:
        layers: dict[str, list[int]] = {}
        for layer, channel in short["u"]:
            layers.setdefault(layer, []).append(channel)
        short["u"] = {layer: encode_ids(channels) for layer, channels in layers.items()}
    packed: list[bytes] = []

    def pack(fingerprint: str) -> str | int:
        if not _FINGERPRINT.fullmatch(fingerprint) or len(packed) == 255:
            return fingerprint
        packed.append(bytes.fromhex(fingerprint))
        return len(packed) - 1

    if "d" in short:
        short["d"] = pack(short["d"])
    if "m" in short:
        short["m"] = [pack(fingerprint) for fingerprint in short["m"]]
    text = json.dumps(short, ensure_ascii=False, separators=(",", ":"), allow_nan=False) if short else ""
    body = bytes([len(packed)]) + b"".join(packed) + text.encode()
    smaller = zlib.compress(body, 9)
    way, body = ("z", smaller) if len(smaller) < len(body) else ("j", body)
    link = f"1{way}" + base64.urlsafe_b64encode(body).rstrip(b"=").decode("ascii")
    if len(link) > LINK_LIMIT:
        raise StateError(f"The link would have {len(link)} characters", f"Choose less; {LINK_LIMIT} fit.")
    return link


def decode_link(text: Any) -> State:
    """Read what `encode_link` wrote.

    Raises
    ------
    StateError
        Anything else: another version, junk, too long, too much when unpacked, an unknown or a wrong value.
    """
    if not isinstance(text, str) or len(text) > LINK_LIMIT:
        size = f"{len(text)} characters" if isinstance(text, str) else type(text).__name__
        raise StateError(f"The link can't be read: it is {size}", f"A link has {LINK_LIMIT} characters at most.")
    match = _LINK.fullmatch(text)
    if match is None:
        raise StateError(f"The link {checks.shown(text)} can't be read", _MEND)
    try:
        body = _unpacked(match[1], match[2])
        count = body[0]
        table = [body[1 + 16 * at : 17 + 16 * at].hex() for at in range(count)]
        rest = body[1 + 16 * count :]
        if len(body) < 1 + 16 * count:
            raise ValueError("cut short")
        short = json.loads(rest.decode(), parse_constant=_no_constant) if rest else {}
        if not isinstance(short, dict):
            raise ValueError("not a record")
    except (ValueError, IndexError, RecursionError, zlib.error) as error:  # ValueError: base64, UTF-8 and JSON too
        raise StateError(f"The link {checks.shown(text)} is damaged or cut short", _MEND) from error
    records: dict[type, dict[str, Any]] = {Session: {}, Selection: {}, View: {}}
    for key, value in short.items():
        if key not in _SHORT:
            raise StateError(f"The link holds {checks.shown(key)}, which nothing is called", _MEND)
        part, name = _SHORT[key]
        records[part][name] = _long(key, value, table)
    return State(
        from_json(Session, records[Session]), from_json(Selection, records[Selection]), from_json(View, records[View])
    )


def _unpacked(way: str, text: str) -> bytes:
    body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if way == "j":
        return body
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(body, 2 * LINK_LIMIT)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("too much, cut short, or followed by more")
    return unpacked


def _no_constant(constant: str) -> Any:
    raise ValueError(constant)


def _long(key: str, value: Any, table: list[str]) -> Any:
    """Return a link's value as the store's JSON has it; what is of a wrong type is left for the field's check."""

    def fingerprint(entry: Any) -> Any:
        known = isinstance(entry, int) and not isinstance(entry, bool) and 0 <= entry < len(table)
        return table[entry] if known else entry

    if key == "d":
        return fingerprint(value)
    if key == "m" and isinstance(value, list):
        return [fingerprint(entry) for entry in value]
    if key == "c" and isinstance(value, str):
        return list(decode_ids(value, limit=checks.MOST_CLASSES))
    if key == "u" and isinstance(value, dict):
        pairs: list[list[Any]] = []
        for layer, channels in value.items():
            pairs += [[layer, channel] for channel in decode_ids(channels, limit=checks.MOST_UNITS)]
            if len(pairs) > checks.MOST_UNITS:
                break
        return pairs
    return value
