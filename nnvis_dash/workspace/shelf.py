"""The cards of datasets or of models, as they lie on disk: each in a folder that its fingerprint names.

A shelf with a `viewer` shows what that person may see; what is somebody else's is as if it weren't there. One without
(the engine's, a command's) shows everything.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from nnvis_dash.errors import NNVisError, NotFound
from nnvis_dash.person import Person
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.disk import write_whole
from nnvis_dash.workspace.ownership import EVERYONES, Ownership

log = logging.getLogger(__name__)

Card = TypeVar("Card", DatasetCard, ModelCard)

KEY = re.compile(r"[0-9a-f]{8,64}")  # a fingerprint
_SHORTEST_PREFIX = 4
_OWNERS = "owners"  # the entry of card.json


_Entry: TypeAlias = tuple[tuple[int, int], Card, Ownership]  # when the card's file was written, and what it says


class Shelf(Generic[Card]):
    """The folders of one kind: cards by fingerprint, found by name, fingerprint or the beginning of it."""

    def __init__(
        self,
        folder: Path,
        what: str,
        read: Callable[[dict[str, Any]], Card],
        error: type[NNVisError],
        viewer: Callable[[], Person] | None = None,
    ) -> None:
        self.folder = folder
        self.what = what
        self.error = error
        self.viewer = viewer
        self._read: Callable[[dict[str, Any]], Card] = read
        self._entries: dict[str, _Entry[Card]] = {}  # by fingerprint

    def cards(self) -> list[Card]:
        """Return the cards in the order of their names; one that can't be read is left out, and logged."""
        seen = self._seeing()
        return _ordered(card for _, card, owners in self._all() if seen(owners))

    def entries(self) -> list[tuple[Card, Ownership]]:
        """Return all cards and whose they are, whoever looks."""
        return [(card, owners) for _, card, owners in self._all()]

    def _all(self) -> Iterator[_Entry[Card]]:
        for folder in self.folder.iterdir():
            entry = self._entry(folder)
            if entry is not None:
                yield entry

    def _seeing(self) -> Callable[[Ownership], bool]:
        """Return what says of an entry whether the viewer sees it."""
        if self.viewer is None:
            return lambda owners: True
        return partial(Ownership.seen_by, person=self.viewer())

    def _entry(self, folder: Path) -> _Entry[Card] | None:
        path = folder / "card.json"
        try:
            status = path.stat()
            changed = (status.st_mtime_ns, status.st_ino)  # a clock's tick may see two writes, of two files
            known = self._entries.get(folder.name)
            if known is None or known[0] != changed:
                record = json.loads(path.read_text(encoding="utf-8"))
                known = (changed, self._read(record), Ownership.from_json(record.get(_OWNERS, ())))
                self._entries[folder.name] = known
            return known
        except (FileNotFoundError, NotADirectoryError):  # removed meanwhile, or not ours
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            log.warning("the card of the %s %s can't be read", self.what, folder.name)
            return None

    def known(self, fingerprint: str) -> Card | None:
        """Return the card of a fingerprint, None where there is none that can be read and seen."""
        entry = self._entry(self.folder / fingerprint)
        return entry[1] if entry is not None and self._seeing()(entry[2]) else None

    def hides(self, fingerprint: str) -> bool:
        """Whether there is something of that fingerprint that the viewer must not see."""
        if self.viewer is None or not KEY.fullmatch(fingerprint):
            return False
        entry = self._entry(self.folder / fingerprint)
        return entry is not None and not entry[2].seen_by(self.viewer())

    def owners(self, fingerprint: str) -> Ownership:
        """Return whose an entry is; everyone's where there is none."""
        entry = self._entry(self.folder / fingerprint)
        return EVERYONES if entry is None else entry[2]

    def give(self, fingerprint: str, owners: Ownership) -> None:
        """Say whose an entry is; called with the lock held."""
        path = self.folder / fingerprint / "card.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        write_whole(path, with_owners(record, owners))

    def find(self, ref: str) -> Card:
        """Return the card of a name, a fingerprint or its beginning (4 digits or more).

        Raises
        ------
        NotFound
            None, or several.
        """
        if KEY.fullmatch(ref):  # the common case, without reading the others
            card = self.known(ref)
            if card is not None:
                return card
        cards = self.cards()
        found = [card for card in cards if card.name == ref]
        if not found and len(ref) >= _SHORTEST_PREFIX:
            found = [card for card in cards if card.fingerprint.startswith(ref)]
        if len(found) > 1:
            alike = "are named" if found[0].name == ref else "have a fingerprint that begins"
            digits = ", ".join(card.fingerprint[:12] for card in found[:4])
            raise NotFound(f"{len(found)} {self.what}s {alike} {ref!r}", f"Give more of its fingerprint: {digits}.")
        if not found:
            raise NotFound.among(self.what, ref, [card.name for card in cards])
        return found[0]

    def admit(self, card: Card, person: Person) -> Card | None:
        """Return the card of the same content if it is there, None if there is room; called with the lock held.

        Raises
        ------
        NNVisError
            Another content has that name, among what the person sees who adds it.
        """
        there = self._entry(self.folder / card.fingerprint)
        if there is not None:
            return there[1]
        if any(other.name == card.name for _, other, owners in self._all() if owners.seen_by(person)):
            raise self.error(
                f"There is another {self.what} named {card.name!r} already",
                f"Give this one another name (--name), or remove that one first (remove {card.name}).",
            )
        return None


def with_owners(record: dict[str, Any], owners: Ownership) -> str:
    """Return the text of a `card.json`: what is known of the content, and whose it is."""
    record = {key: value for key, value in record.items() if key != _OWNERS}
    return json.dumps(record if owners.everyones else {**record, _OWNERS: owners.to_json()}, indent=1)


def _ordered(cards: Iterable[Card]) -> list[Card]:
    return sorted(cards, key=lambda card: (card.name.casefold(), card.name, card.fingerprint))
