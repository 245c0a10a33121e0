"""The cards of datasets or of models, as they lie on disk: each in a folder that its fingerprint names."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from nnvis_dash.errors import NNVisError, NotFound
from nnvis_dash.types import DatasetCard, ModelCard

log = logging.getLogger(__name__)

Card = TypeVar("Card", DatasetCard, ModelCard)

KEY = re.compile(r"[0-9a-f]{8,64}")  # a fingerprint
_SHORTEST_PREFIX = 4


class Shelf(Generic[Card]):
    """The folders of one kind: cards by fingerprint, found by name, fingerprint or the beginning of it."""

    def __init__(
        self, folder: Path, what: str, read: Callable[[dict[str, Any]], Card], error: type[NNVisError]
    ) -> None:
        self.folder = folder
        self.what = what
        self.error = error
        self._read: Callable[[dict[str, Any]], Card] = read
        self._cards: dict[str, tuple[int, Card]] = {}  # by fingerprint, with the time of the card's file

    def cards(self) -> list[Card]:
        """Return the cards in the order of their names; one that can't be read is left out, and logged."""
        cards = []
        for entry in self.folder.iterdir():
            card = self._card(entry)
            if card is not None:
                cards.append(card)
        return sorted(cards, key=lambda card: (card.name.casefold(), card.name, card.fingerprint))

    def _card(self, folder: Path) -> Card | None:
        path = folder / "card.json"
        try:
            changed = path.stat().st_mtime_ns
            known = self._cards.get(folder.name)
            if known is None or known[0] != changed:
                known = (changed, self._read(json.loads(path.read_text(encoding="utf-8"))))
                self._cards[folder.name] = known
            return known[1]
        except (FileNotFoundError, NotADirectoryError):  # removed meanwhile, or not ours
            return None
        except (OSError, ValueError, KeyError, TypeError):
            log.warning("the card of the %s %s can't be read", self.what, folder.name)
            return None

    def known(self, fingerprint: str) -> Card | None:
        """Return the card of a fingerprint, None where there is none that can be read."""
        return self._card(self.folder / fingerprint)

    def find(self, ref: str) -> Card:
        """Return the card of a name, a fingerprint or its beginning (4 digits or more).

        Raises
        ------
        NotFound
            None, or several.
        """
        if KEY.fullmatch(ref):  # the common case, without reading the others
            card = self._card(self.folder / ref)
            if card is not None:
                return card
        cards = self.cards()
        found = [card for card in cards if card.name == ref]
        if not found and len(ref) >= _SHORTEST_PREFIX:
            found = [card for card in cards if card.fingerprint.startswith(ref)]
        if len(found) > 1:
            raise NotFound(f"{len(found)} {self.what}s have a fingerprint that begins {ref!r}", "Give more of it.")
        if not found:
            raise NotFound.among(self.what, ref, [card.name for card in cards])
        return found[0]

    def admit(self, card: Card) -> Card | None:
        """Return the card of the same content if it is there, None if there is room; called with the lock held.

        Raises
        ------
        NNVisError
            Another content has that name.
        """
        there = self._card(self.folder / card.fingerprint)
        if there is not None:
            return there
        if any(other.name == card.name for other in self.cards()):
            raise self.error(
                f"There is another {self.what} named {card.name!r} already",
                f"Give this one another name (--name), or remove that one first (remove {card.name}).",
            )
        return None
