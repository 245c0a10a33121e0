"""Derived samples: images that are in no dataset, because somebody uploaded, drew, edited or attacked them.

Each keeps its parent and how it was made, and is named by all of that and its pixels. Whoever knows the name may see it
(a link shows it to a colleague); which ones a person's tray lists is that person's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import DatasetError, NotFound, ParameterError
from nnvis_dash.state.ids import content_key
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.disk import disk_errors, write_whole
from nnvis_dash.workspace.lock import locked
from nnvis_dash.workspace.permissions import FOLDER

KINDS = ("uploaded", "drawn", "edited", "adversarial")
MOST = 200  # entries of a tray
_OWNER = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


@dataclass(frozen=True)
class DerivedSample:
    """A derived sample without its pixels.

    Attributes
    ----------
    fingerprint : str
        32 hexadecimal digits.
    kind : str
        One of `KINDS`.
    name : str
        What a tray calls it.
    shape : (height, width, channels)
    dataset : str
        Fingerprint of the dataset beside which it was made.
    parent : int, str or None
        The image that it was made of, as `state.references.Reference.plain` writes it; None: of none.
    recipe : dict
        How it was made: the edits, or the attack with its parameters and its classifier.
    label : int or None
        The class that it ought to be, by the dataset's names, where that is known.
    """

    fingerprint: str
    kind: str
    name: str
    shape: tuple[int, int, int]
    dataset: str = ""
    parent: int | str | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    label: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)


_FIELDS = frozenset(entry.name for entry in fields(DerivedSample))


class DerivedSamples:
    """All derived samples of a workspace, kept as artifacts."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def save(
        self,
        image: npt.NDArray[np.uint8],
        kind: str,
        name: str,
        *,
        dataset: str = "",
        parent: int | str | None = None,
        recipe: Mapping[str, Any] | None = None,
        label: int | None = None,
    ) -> DerivedSample:
        """Keep an image (H, W, C) uint8 and how it was made; equal ones are kept once.

        Raises
        ------
        ParameterError
            Not a grey or RGB image of 8 bits, or a kind that there isn't.
        """
        array = np.ascontiguousarray(image)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape:
            raise ParameterError(
                f"The image has the shape {array.shape} and type {array.dtype}", "Give (height, width, 1 or 3) uint8."
            )
        if kind not in KINDS:
            raise ParameterError(f"There is no kind {kind!r} of derived sample", f"Use one of: {', '.join(KINDS)}.")
        about = {
            "kind": kind,
            "name": name,
            "shape": list(array.shape),
            "dataset": dataset,
            "parent": parent,
            "recipe": dict(recipe or {}),
            "label": label,
        }
        key = content_key("derived", array.tobytes(), about)
        self._artifacts.save(key, {"image": array}, {"derived": about})
        return self.get(key)

    def get(self, fingerprint: str) -> DerivedSample:
        """Return what is known of a derived sample; NotFound where there is none."""
        about = self._about(fingerprint)
        known = {name: value for name, value in about.items() if name in _FIELDS}
        return DerivedSample(**{**known, "fingerprint": fingerprint, "shape": tuple(about["shape"])})

    def image(self, fingerprint: str) -> npt.NDArray[np.uint8]:
        """Return its pixels (H, W, C) uint8; NotFound where there is none."""
        self._about(fingerprint)
        return np.asarray(self._artifacts.load(fingerprint).array("image"))

    def _about(self, fingerprint: str) -> dict[str, Any]:
        card = self._artifacts.load(fingerprint).card if self._artifacts.has(fingerprint) else {}
        if "derived" not in card:
            raise NotFound(f"There is no derived sample {fingerprint!r}", "It was removed, or is of another workspace.")
        return dict(card["derived"])


class Tray:
    """One person's derived samples, the last one first; safe to change from several processes.

    Parameters
    ----------
    folder : Path
        Where trays are kept.
    owner : str
        A name that nobody can guess.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        if not _OWNER.fullmatch(owner):
            raise ParameterError("The tray's owner can't be read", "Reload the page.")
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        self._path = folder / f"{owner}.json"

    def names(self) -> list[str]:
        """Return the fingerprints."""
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        return [entry for entry in entries if isinstance(entry, str)]

    def add(self, fingerprint: str) -> None:
        """Put a sample first; the oldest leaves a full tray."""
        self._change(lambda names: [fingerprint, *(name for name in names if name != fingerprint)][:MOST])

    def remove(self, fingerprint: str) -> None:
        """Take a sample out; its pixels stay for links that name it."""
        self._change(lambda names: [name for name in names if name != fingerprint])

    def _change(self, change: Any) -> None:
        with disk_errors(DatasetError), locked(self._path.with_suffix(".lock")):
            write_whole(self._path, json.dumps(change(self.names())))
