"""Whose a dataset or a classifier is: everyone's, or of the people who added it, each of whom may share it.

The record stands in the entry's `card.json` beside what is known of the content, so it is read and written with the
card and costs nothing more. It is no part of the content's fingerprint: two people who add the same content both own
it, and what one who isn't told apart adds (a command, a page without sign-in) is everyone's from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from nnvis_dash.person import Person
from nnvis_dash.workspace.labels import plain_text

_LONGEST_NAME = 100


@dataclass(frozen=True)
class Owner:
    """One who added the content.

    Attributes
    ----------
    id : str
        Of a verified person.
    name : str
        What others are shown where it is shared.
    shared : bool
        Whether this owner lets everyone see it.
    """

    id: str
    name: str
    shared: bool = False


@dataclass(frozen=True)
class Ownership:
    """Whose something is; without owners it is everyone's."""

    owners: tuple[Owner, ...] = ()

    @classmethod
    def of(cls, person: Person) -> Ownership:
        """Return whose something is that a person makes now: theirs alone, everyone's where nobody vouches for them."""
        return cls((_owner(person),)) if person.key else cls()

    @classmethod
    def from_json(cls, record: Iterable[dict[str, Any]]) -> Ownership:
        """Read what `to_json` wrote."""
        owners = (Owner(str(one["id"]), str(one["name"]), one["shared"] is True) for one in record)
        return cls(tuple(owners))

    def to_json(self) -> list[dict[str, Any]]:
        """Return plain values that JSON can hold."""
        return [asdict(owner) for owner in self.owners]

    @property
    def everyones(self) -> bool:
        """Whether it belongs to nobody in particular."""
        return not self.owners

    @property
    def shared(self) -> bool:
        """Whether one of its owners shares it."""
        return any(owner.shared for owner in self.owners)

    def share_of(self, person: Person) -> Owner | None:
        """Return a person's own part in it, None where they have none."""
        return next((owner for owner in self.owners if person.key and owner.id == person.key), None)

    def seen_by(self, person: Person) -> bool:
        """Whether a person may see it."""
        return self.everyones or self.shared or self.share_of(person) is not None

    def joined(self, person: Person) -> Ownership:
        """Return whose it is once a person added the same content."""
        if self.everyones or self.share_of(person) is not None:
            return self
        return Ownership((*self.owners, _owner(person))) if person.key else Ownership()

    def left(self, person: Person) -> Ownership:
        """Return whose it is without a person who is not its only owner."""
        return Ownership(tuple(owner for owner in self.owners if owner.id != person.key))

    def sharing(self, shared: bool, person: Person | None = None) -> Ownership:
        """Return it shared or not by a person, by all of its owners where none is named."""

        def changed(owner: Owner) -> Owner:
            return replace(owner, shared=shared) if person is None or owner.id == person.key else owner

        return Ownership(tuple(map(changed, self.owners)))

    def standing(self, person: Person) -> str:
        """Return how it stands for who sees it: their own "private" or "shared", "of NAME", "" if everyone's."""
        own = self.share_of(person)
        if own is not None:
            return "shared" if own.shared else "private"
        return f"of {', '.join(owner.name for owner in self.owners if owner.shared)}" if self.owners else ""

    @property
    def words(self) -> str:
        """Whose it is, for a list."""
        names = ", ".join(owner.name for owner in self.owners)
        return f"{names} ({'shared' if self.shared else 'private'})" if names else "everyone"


EVERYONES = Ownership()


def _owner(person: Person) -> Owner:
    return Owner(person.id, plain_text(person.name)[:_LONGEST_NAME] or "somebody")
