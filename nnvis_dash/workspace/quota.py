"""How much of the disk is one person's: uploads on their way, datasets and classifiers."""

from __future__ import annotations

import os
from pathlib import Path

from nnvis_dash.errors import NNVisError, ParameterError

_MB = 2**20


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; 0 where there is none."""
    return sum(Path(parent, name).lstat().st_size for parent, _, names in os.walk(folder) for name in names)


def check_quota(kept: int, more: int, quota: int, error: type[NNVisError] = ParameterError) -> None:
    """Raise an error where `more` bytes would not fit beside what a person keeps; a quota of 0 is none.

    Raises
    ------
    NNVisError
        Of the kind that is asked for; has the figures and the mend.
    """
    if quota and kept + more > quota:
        raise error(
            f"This has {more / _MB:,.1f} MB, and your datasets, classifiers and uploads have {kept / _MB:,.1f} MB "
            f"of the {quota / _MB:,.1f} MB that are yours",
            "Remove some of them, or ask an administrator to raise NNVIS_QUOTA_MB.",
        )
