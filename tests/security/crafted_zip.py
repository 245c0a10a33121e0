"""Zip archives written byte by byte, so that their directory can say anything."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from dataclasses import dataclass, field

STORED, DEFLATED, DEFLATE64, BZIP2, LZMA, UNKNOWN = 0, 8, 9, 12, 14, 99
LINK, PIPE = 0o120777, 0o010644


@dataclass(frozen=True)
class Member:
    """One file. What `directory` and `local` hold goes before what is true: name, method, flags, crc, packed, size."""

    name: bytes
    data: bytes = b""
    method: int = STORED
    mode: int = 0o100644
    directory: dict[str, object] = field(default_factory=dict)
    local: dict[str, object] = field(default_factory=dict)
    packed: bytes | None = None  # the bytes that are stored, whatever the method says
    extra: bytes = b""


def packed(data: bytes, method: int) -> bytes:
    if method == DEFLATED:
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
        return compressor.compress(data) + compressor.flush()
    if method == BZIP2:
        return bz2.compress(data)
    if method == LZMA:
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
        properties = struct.pack("<BI", 93, 1 << 16)
        return struct.pack("<BBH", 9, 4, 5) + properties + lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    return data


def zip_bytes(
    *members: Member, end: dict[str, int] | None = None, before: bytes = b"", comment: bytes = b"", tail: bytes = b""
) -> bytes:
    """Return an archive; `end` goes before what is true in its last record: entries, size, offset."""
    body, directory = bytearray(before), bytearray()
    for member in members:
        content = packed(member.data, member.method) if member.packed is None else member.packed
        facts = {
            "name": member.name, "method": member.method, "flags": 0x800, "crc": zlib.crc32(member.data),
            "packed": len(content), "size": len(member.data), "offset": len(body),
        }  # fmt: skip
        local, entry = {**facts, **member.local}, {**facts, **member.directory}
        body += struct.pack(
            "<4s5H3L2H", b"PK\x03\x04", 20, local["flags"], local["method"], 0, 0x21, local["crc"], local["packed"],
            local["size"], len(local["name"]), len(member.extra),  # type: ignore[arg-type]
        ) + local["name"] + member.extra + content  # type: ignore[operator]  # fmt: skip
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 0x0314, 20, entry["flags"], entry["method"], 0, 0x21, entry["crc"],
            entry["packed"], entry["size"], len(entry["name"]), len(member.extra), 0, 0, 0,  # type: ignore[arg-type]
            member.mode << 16, entry["offset"],
        ) + entry["name"] + member.extra  # type: ignore[operator]  # fmt: skip
    place = {"entries": len(members), "size": len(directory), "offset": len(body), **(end or {})}
    record = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, place["entries"] & 0xFFFF, place["entries"] & 0xFFFF, place["size"],
        place["offset"], len(comment),
    )  # fmt: skip
    return bytes(body + directory + record + comment + tail)
