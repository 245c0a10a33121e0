"""The .keras archive: a zip of three known members, unpacked within limits, and written anew.

Invariant: no member's name ever becomes a path; the three members are read by their exact names.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnvis_dash.analysis.preflight.config import MAX_CONFIG_BYTES
from nnvis_dash.analysis.preflight.formats import refuse_by_members
from nnvis_dash.analysis.preflight.wording import COPY_AGAIN, NOT_THE_FILE, refused, shown
from nnvis_dash.errors import ModelError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAX_MEMBERS = 64
MAX_RATIO = 200
MAX_SMALL = 1 << 20  # a member below this may expand as it likes
_NO_MODEL = "Save the model with model.save('model.keras'); a dataset is added with add-dataset."
_LINK = 0o120000
_KIND = 0o170000


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose members were checked; damage inside the block becomes a ModelError."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive)
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, KeyError) as error:
        if getattr(error, "errno", None) in NOT_THE_FILE:
            raise
        raise ModelError(
            f"The .keras file is damaged or incomplete ({path.stat().st_size:,} bytes)",
            COPY_AGAIN,
        ) from None


def _check_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    refuse_by_members(names)
    if {CONFIG, METADATA, WEIGHTS}.isdisjoint(names):
        raise ModelError("The file is a zip, but not a .keras model", _NO_MODEL)
    if len(members) > MAX_MEMBERS:
        raise refused(f"The archive holds {len(members):,} files; a .keras file holds three")
    for member in members:
        name = repr(shown(member.filename))
        if names.count(member.filename) > 1:
            raise refused(f"The archive holds {name} twice")
        if member.filename not in (CONFIG, METADATA, WEIGHTS):
            raise refused(f"The archive holds {name}, which doesn't belong into a .keras file")
        if member.flag_bits & 1:
            raise refused(f"In the archive, {name} is encrypted", "Save the model again without a password.")
        if (member.external_attr >> 16) & _KIND == _LINK:
            raise refused(f"In the archive, {name} is a link, which isn't allowed")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refused(f"In the archive, {name} is packed in a way that .keras files aren't")
        if member.file_size > MAX_SMALL and member.file_size > MAX_RATIO * max(member.compress_size, 1):
            raise refused(
                f"In the archive, {name} would grow from {member.compress_size:,} to {member.file_size:,} bytes, more "
                f"than {MAX_RATIO} times"
            )
    missing = [name for name in (CONFIG, WEIGHTS) if name not in names]
    if missing:
        raise ModelError(f"The file is not a complete .keras model: {missing[0]} is missing", _NO_MODEL)


def read_member(archive: zipfile.ZipFile, name: str, limit: int = MAX_CONFIG_BYTES) -> bytes:
    """Read a small member whole.

    Raises
    ------
    RefusedModel
        It is larger than `limit` bytes.
    """
    if archive.getinfo(name).file_size > limit:
        raise refused(f"In the archive, {name} has {archive.getinfo(name).file_size:,} bytes, too many")
    with archive.open(name) as member:
        return member.read(limit + 1)


def extract_weights(archive: zipfile.ZipFile, target: Path) -> None:
    """Write the weights to `target`; the archive's checksum is verified on the way."""
    with archive.open(WEIGHTS) as member, target.open("wb") as file:
        shutil.copyfileobj(member, file, 1 << 20)


def write_archive(target: Path, config: bytes, metadata: bytes, weights: Path) -> None:
    """Write a .keras archive from checked parts."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(METADATA, metadata)
        archive.writestr(CONFIG, config)
        archive.write(weights, WEIGHTS)
