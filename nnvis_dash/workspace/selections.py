"""Sets of samples as short text: ranges of ids where those are few, else ``@`` and the key of what is kept on disk.

A million samples of which a tenth is selected are 700 kB as ranges and 125 kB as bits. Kept is a bit a sample, the
first one the lowest of the first byte, without zeros at the end, under half of the SHA-256 of these bytes: equal
selections have one key, whoever made them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import NotFound, StateError
from nnvis_dash.state.ids import decode_ids, encode_ids

MOST_BYTES = 4 * 2**20  # of a kept selection: samples below 33,554,432
MOST_RANGES = 80  # of a selection that is written as text; assets/changes.js has the same
_KEY = re.compile(r"[0-9a-f]{32}")


class Selections:
    """The large selections of a workspace; any number of processes may use one folder.

    Parameters
    ----------
    folder : Path
        It must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, bits: bytes) -> str:
        """Keep a selection, a bit a sample, and return its key (32 hexadecimal digits).

        Raises
        ------
        StateError
            It has more than `MOST_BYTES` bytes.
        """
        bits = bits.rstrip(b"\0")
        if len(bits) > MOST_BYTES:
            raise StateError(
                f"The selection reaches to sample {8 * len(bits) - 1:,}",
                f"Samples below {8 * MOST_BYTES:,} can be selected.",
            )
        key = hashlib.sha256(bits).hexdigest()[:32]
        path = self._folder / key
        if not path.exists():
            temporary = self._folder / f".{secrets.token_hex(8)}"
            try:
                temporary.write_bytes(bits)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        return key

    def kept(self, key: str) -> bytes:
        """Return what `keep` kept.

        Raises
        ------
        NotFound
            No selection has that key.
        """
        try:
            if _KEY.fullmatch(key):
                return (self._folder / key).read_bytes()
        except FileNotFoundError:
            pass
        raise NotFound(f"There is no selection {key[:64]!r} on this server", "Select the samples again.")

    def ids(self, text: str) -> npt.NDArray[np.int64]:
        """Return the samples (n,) that a text means, ascending.

        Raises
        ------
        NotFound, StateError
            No such selection, or a text that can't be read.
        """
        if not text.startswith("@"):
            return np.array(decode_ids(text), dtype=np.int64)
        bits = np.frombuffer(self.kept(text[1:]), np.uint8)
        return np.flatnonzero(np.unpackbits(bits, bitorder="little"))

    def text(self, ids: npt.ArrayLike) -> str:
        """Return the one short text for samples (n,), in any order: few as ranges, many kept under a key.

        Raises
        ------
        StateError
            A sample below 0, or above what can be kept.
        """
        chosen = np.unique(np.asarray(ids, np.int64))
        if 1 + np.count_nonzero(np.diff(chosen) != 1) <= MOST_RANGES:
            return encode_ids(chosen.tolist())
        if chosen[0] < 0 or chosen[-1] >= 8 * MOST_BYTES:
            wrong = int(chosen[0] if chosen[0] < 0 else chosen[-1])
            raise StateError(f"There is no sample {wrong}", f"Ids go from 0 to {8 * MOST_BYTES - 1}.")
        flags = np.zeros(int(chosen[-1]) + 1, np.uint8)
        flags[chosen] = 1
        return "@" + self.keep(np.packbits(flags, bitorder="little").tobytes())
