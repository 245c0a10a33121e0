"""Whose the datasets and classifiers of a workspace are, what of them a person sees, and how they are shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.person import Person
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.artifacts import Artifact, Artifacts
from nnvis_dash.workspace.audit import AuditLog
from nnvis_dash.workspace.disk import disk_errors
from nnvis_dash.workspace.lock import locked
from nnvis_dash.workspace.ownership import Ownership
from nnvis_dash.workspace.quota import size_of
from nnvis_dash.workspace.shelf import Shelf


class Sharing:
    """Whose the entries of a workspace are.

    Parameters
    ----------
    datasets, models : Shelf
    lock : Path
        The workspace's lock file.
    audit : AuditLog
    viewer : callable, optional
        Says on whose behalf the workspace is looked at; without one, everything is seen and may be changed.
    """

    def __init__(
        self,
        datasets: Shelf[DatasetCard],
        models: Shelf[ModelCard],
        lock: Path,
        audit: AuditLog,
        viewer: Callable[[], Person] | None,
    ) -> None:
        self._datasets = datasets
        self._models = models
        self._lock = lock
        self._audit = audit
        self._viewer = viewer

    def owners(self, card: DatasetCard | ModelCard) -> Ownership:
        """Return whose a dataset or a classifier is."""
        return self._shelf(card).owners(card.fingerprint)

    def hides(self, fingerprint: str) -> bool:
        """Whether there is a dataset or a classifier of that fingerprint that the viewer must not see."""
        return self._datasets.hides(fingerprint) or self._models.hides(fingerprint)

    def share(self, card: DatasetCard | ModelCard, shared: bool) -> Ownership:
        """Let everyone see what the viewer owns, or keep it private; without a viewer, on behalf of all its owners.

        Raises
        ------
        ParameterError
            It is everyone's, or somebody else's.
        NotFound
            It was removed.
        """
        shelf = self._shelf(card)
        with disk_errors(shelf.error), locked(self._lock):
            shelf.find(card.fingerprint)
            owners = self.changeable(shelf, card)
            if owners.everyones:
                raise not_yours(shelf.what, card.name, owners)
            owners = owners.sharing(shared, None if self._viewer is None else self._viewer())
            shelf.give(card.fingerprint, owners)
        self._audit(
            "share" if shared else "keep private", what=shelf.what, name=card.name, fingerprint=card.fingerprint
        )
        return owners

    def changeable(self, shelf: Shelf[Any], card: DatasetCard | ModelCard) -> Ownership:
        """Return whose an entry is that the viewer wants to change.

        Raises
        ------
        ParameterError
            It is somebody else's.
        """
        owners = shelf.owners(card.fingerprint)
        if self._viewer is not None and not owners.everyones and owners.share_of(self._viewer()) is None:
            raise not_yours(shelf.what, card.name, owners)
        return owners

    def parted(self, owners: Ownership) -> tuple[Ownership, Ownership | None]:
        """Return the viewer's own part of what they may change, and what is left to others, None where nothing is.

        Without a viewer, and of what is everyone's, the part is the whole.
        """
        own = None if self._viewer is None else owners.share_of(self._viewer())
        if self._viewer is None or own is None:
            return owners, None
        rest = owners.left(self._viewer())
        return Ownership((own,)), None if rest.everyones else rest

    def used_by(self, person: Person) -> int:
        """Return the bytes of the datasets and classifiers that a verified person owns."""
        shelves: tuple[Shelf[Any], ...] = (self._datasets, self._models)
        return sum(
            size_of(shelf.folder / card.fingerprint)
            for shelf in shelves
            for card, owners in shelf.entries()
            if owners.share_of(person) is not None
        )

    def _shelf(self, card: DatasetCard | ModelCard) -> Shelf[Any]:
        return self._datasets if isinstance(card, DatasetCard) else self._models


class SeenArtifacts(Artifacts):
    """The artifacts as a person may open them: not those of a dataset or a classifier that is hidden from them.

    Parameters
    ----------
    root : Path
    hides : callable
        Whether a fingerprint is hidden from who looks.
    """

    def __init__(self, root: Path, hides: Callable[[str], bool]) -> None:
        super().__init__(root)
        self._hides = hides

    def load(self, key: str) -> Artifact:
        """Return the artifact; see `Artifacts.load`."""
        artifact = super().load(key)
        if any(self._hides(name) for name in named_in(artifact.card)):
            raise NotFound(f"There is no artifact {key!r}", "It was never computed, or was removed; ask for it again.")
        return artifact


def named_in(record: Mapping[str, Any]) -> list[str]:
    """Return the datasets and classifiers that an artifact's card or a request's parameters name."""
    named = [record.get(name) for name in ("dataset", "model", "other", "fingerprint")]
    for listed in (record.get("models"), record.get("named")):
        named += listed if isinstance(listed, list) else []
    return [name for name in dict.fromkeys(one for one in named if isinstance(one, str)) if name]


def not_yours(what: str, name: str, owners: Ownership) -> ParameterError:
    """Return the error that says whose something is."""
    whose = "everyone" if owners.everyones else ", ".join(owner.name for owner in owners.owners)
    return ParameterError(
        f"The {what} {name!r} belongs to {whose}",
        "Only an owner can do that: who adds the same content is one as well.",
    )
