"""Which image is meant: a sample of the dataset or a derived one, and what is done to it before it is looked at.

A plain sample is written as its number; everything else as short text, so that requests and addresses can hold it.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from nnvis_dash.errors import StateError
from nnvis_dash.state import checks
from nnvis_dash.state.edits import Edit

LONGEST = 12_000  # characters of a reference
_TEXT = re.compile(r"(?:(\d{1,10})|d([0-9a-f]{32}))(?:~([A-Za-z0-9_-]+))?", re.ASCII)
_MEND = "Choose the image again."


@dataclass(frozen=True)
class Reference:
    """One image.

    Parameters
    ----------
    sample : int or None
        Of the dataset; None: a derived one.
    derived : str
        Fingerprint of a derived sample, 32 hexadecimal digits; empty: a sample of the dataset.
    edits : tuple of Edit
        In the order in which they are applied.
    """

    sample: int | None = None
    derived: str = ""
    edits: tuple[Edit, ...] = ()

    @property
    def plain(self) -> int | str:
        """The sample's number where it is one of the dataset as it is, else text; `read` takes both."""
        if self.sample is not None and not self.derived and not self.edits:
            return self.sample
        base = f"d{self.derived}" if self.derived else str(self.sample)
        if not self.edits:
            return base
        text = json.dumps([edit.to_json() for edit in self.edits], separators=(",", ":"))
        return base + "~" + base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).rstrip(b"=").decode("ascii")

    @property
    def unedited(self) -> Reference:
        """The same image before its edits."""
        return Reference(self.sample, self.derived)

    @classmethod
    def read(cls, value: Any) -> Reference:
        """Read what `plain` wrote.

        Raises
        ------
        StateError
            Anything else.
        """
        if isinstance(value, int) and not isinstance(value, bool):
            return cls(checks.sample("The sample", value))
        match = _TEXT.fullmatch(value) if isinstance(value, str) and len(value) <= LONGEST else None
        if match is None:
            raise checks.refuse("The image", value, _MEND)
        sample, derived, packed = match.groups()
        edits = checks.edits("The edits", _unpacked(packed)) if packed else ()
        return cls(None if sample is None else checks.sample("The sample", int(sample)), derived or "", edits)

    @classmethod
    def wanted(cls, record: dict[str, Any]) -> Reference | None:
        """Return what a view asks for in ``{"sample", "derived", "edits"}``; None where it names no image.

        Raises
        ------
        StateError
            A value that can't be one.
        """
        derived = checks.derived("The derived sample", record.get("derived") or "")
        sample = checks.optional(checks.sample)("The sample", record.get("sample"))
        if not derived and sample is None:
            return None
        edits = checks.edits("The edits", record.get("edits") or [])
        return cls(None if derived else sample, derived, edits)


def _unpacked(packed: str) -> Any:
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(
            base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), 4 * checks.LONGEST_EDITS
        )
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("too much, or cut short")
        return json.loads(body)
    except (ValueError, RecursionError, zlib.error) as error:
        raise StateError("The edits of an image are damaged or cut short", _MEND) from error
