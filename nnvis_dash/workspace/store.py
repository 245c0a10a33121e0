"""The workspace: models, datasets and artifacts in one folder, known by their content, written whole or not at all.

    <workspace>/datasets/<fingerprint>/   card.json, images.npy | images.bin + offsets.npy + shapes.npy, labels.npy, ...
                models/<fingerprint>/     card.json, model.keras | model.pb (a graph without layers)
                artifacts/<key>/          card.json, *.npy
                trays/, ratings/          what people keep: their samples, and how well evidence fits, a file a dataset
                reviews/<fingerprint>.json what people decided about a dataset's samples
                audit/<year>-<month>.jsonl who did what
                cache/                    selections/ (large ones), incoming/ (what is being written), jobs

Everything new is written into ``cache/incoming`` and renamed while the lock is held, so of two processes that add the
same thing one finds it there, and whatever fails leaves nothing behind. No memory of its own: any number of processes
may use one workspace.

What is added belongs to the current person where they are verified, to everyone otherwise. A workspace that is opened
with a `viewer` shows what that person may see and changes what is theirs; to it, all else isn't there.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from nnvis_dash.errors import DatasetError, ModelError, NNVisError
from nnvis_dash.person import Person, current_person
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.audit import AuditLog
from nnvis_dash.workspace.datasets import Dataset, default_name, open_dataset
from nnvis_dash.workspace.derived import DerivedSamples
from nnvis_dash.workspace.disk import disk_errors
from nnvis_dash.workspace.labels import LabelsGiven, NamesGiven, plain_text
from nnvis_dash.workspace.lock import locked
from nnvis_dash.workspace.metadata import read_metadata, write_metadata
from nnvis_dash.workspace.ownership import Ownership
from nnvis_dash.workspace.permissions import FOLDER
from nnvis_dash.workspace.pixels import MAX_PIXELS
from nnvis_dash.workspace.quota import check_quota, size_of
from nnvis_dash.workspace.readers import Given, ReadOptions, Split, located, read
from nnvis_dash.workspace.reviews import Reviews
from nnvis_dash.workspace.selections import Selections
from nnvis_dash.workspace.sharing import SeenArtifacts, Sharing, not_yours
from nnvis_dash.workspace.shelf import KEY, Card, Shelf, with_owners
from nnvis_dash.workspace.sidecars import metadata_beside, with_sidecars
from nnvis_dash.workspace.temporaries import sweep, temporary_folder
from nnvis_dash.workspace.writing import Progress, write_dataset

log = logging.getLogger(__name__)

_LONGEST_NAME = 200


class Workspace:
    """The store that the web application serves.

    Parameters
    ----------
    path : str or Path
        Made if it isn't there, readable by its owner only.
    max_pixels : int
        Largest image that is read.
    quota : int
        Bytes that the datasets and classifiers of one verified person may have; 0: any number.
    viewer : callable, optional
        Says on whose behalf the workspace is looked at; without one, everything is seen and may be changed.

    Attributes
    ----------
    path : Path
    artifacts : Artifacts
    derived : DerivedSamples
    selections : Selections
    reviews : Reviews
    audit : AuditLog
    sharing : Sharing

    Raises
    ------
    NNVisError
        The folder can't be made.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_pixels: int = MAX_PIXELS,
        quota: int = 0,
        viewer: Callable[[], Person] | None = None,
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        self._max_pixels = max_pixels
        self._quota = quota
        self._viewer = viewer
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True, mode=0o700)
            for name in ("models", "datasets", "artifacts", "cache", "cache/incoming", "cache/selections"):
                (self.path / name).mkdir(mode=FOLDER, exist_ok=True)
            self._lock = self.path / "cache" / "lock"
            self._lock.touch(mode=0o600)
        except OSError as error:
            raise NNVisError(
                f"The workspace {self.path.name!r} can't be used: {error.strerror}",
                "Choose a folder that you may write to (--workspace or NNVIS_WORKSPACE).",
            ) from None
        kept = Artifacts(self.path / "artifacts")
        self.derived = DerivedSamples(kept)
        self.selections = Selections(self.path / "cache" / "selections")
        self.reviews = Reviews(self.path / "reviews", self._lock)
        self.audit = AuditLog(self.path / "audit")
        self._datasets = Shelf(self.path / "datasets", "dataset", DatasetCard.from_json, DatasetError, viewer)
        self._models = Shelf(self.path / "models", "model", ModelCard.from_json, ModelError, viewer)
        self.sharing = Sharing(self._datasets, self._models, self._lock, self.audit, viewer)
        self.artifacts = kept if viewer is None else SeenArtifacts(kept.root, self.sharing.hides)

    def add_dataset(
        self,
        source: Given,
        *,
        name: str | None = None,
        labels: LabelsGiven = None,
        class_names: NamesGiven = None,
        skip_unreadable: bool = False,
        split: Split | None = None,
        notes: Mapping[str, str] | None = None,
        extras: Mapping[str, npt.NDArray[Any]] | None = None,
        metadata: Path | None = None,
        on_progress: Progress | None = None,
    ) -> tuple[DatasetCard, bool]:
        """Read a dataset in a stream and keep it.

        Parameters
        ----------
        source : path, (N, H, W[, C]) array, or list of arrays
            A folder of class folders, a zip of one, .npz, .npy, idx(.gz), CIFAR batches.
        name : str, optional
            Else the source's own name.
        labels : array-like or path, optional
            Instead of those that the source has; see `labels.read_labels`.
        class_names : names or path, optional
            See `labels.read_class_names`.
        skip_unreadable : bool
            Leave damaged images out instead of refusing the dataset.
        split : "train", "test" or "all", optional
            Where the source has several; else the test split.
        notes : mapping, optional
            For the card.
        extras : mapping of name to (N, ...) array, optional
            What else is known of each sample; see `Dataset.extra`.
        metadata : Path, optional
            Columns of a CSV or JSON file, instead of those beside the images; see `metadata.read_metadata`.
        on_progress : callable, optional
            Gets the number of images done and of all.

        Returns
        -------
        card : DatasetCard
        new : bool
            False where the same content was there for this person, under whatever name.

        Raises
        ------
        DatasetError, NotFound
            What is wrong, the value, and the mend; the workspace is as it was.
        """
        source = located(source)
        chosen = _checked_name(default_name(source, split) if name is None else name, DatasetError)
        with disk_errors(DatasetError), self._incoming() as folder:
            reading = read(source, ReadOptions(split, self._max_pixels))
            labels, class_names, found = with_sidecars(source, labels, class_names)
            card = write_dataset(
                reading,
                folder,
                name=chosen,
                labels=labels,
                class_names=class_names,
                skip_unreadable=skip_unreadable,
                notes={**found, **(notes or {})},
                extras=extras,
                max_pixels=self._max_pixels,
                on_progress=on_progress,
            )
            beside = metadata_beside(source) if metadata is None else metadata
            columns = {}
            if beside is not None:
                names = open_dataset(folder).file_names
                columns = read_metadata(beside, card.n_samples, names, skip_unknown=skip_unreadable)
            kept, new = self._keep(self._datasets, folder, card)
            if columns:
                write_metadata(self._datasets.folder / kept.fingerprint, columns)
            return kept, new

    def add_metadata(self, ref: str, path: Path) -> tuple[str, ...]:
        """Keep what a CSV or JSON file says of a dataset's samples, instead of what was kept; return its titles.

        Raises
        ------
        DatasetError, NotFound
            See `metadata.read_metadata`; the workspace is as it was.
        """
        data = self.dataset(ref)
        with disk_errors(DatasetError):
            columns = read_metadata(path, len(data), data.file_names)
            write_metadata(self._datasets.folder / data.fingerprint, columns)
        return tuple(columns)

    def datasets(self) -> list[DatasetCard]:
        """Return the datasets' cards in the order of their names."""
        return self._datasets.cards()

    def dataset(self, ref: str) -> Dataset:
        """Open a dataset by name, fingerprint, or a beginning of the fingerprint that is unique.

        Raises
        ------
        NotFound
            Says what there is.
        """
        return open_dataset(self._datasets.folder / self._datasets.find(ref).fingerprint)

    def dataset_card(self, ref: str) -> DatasetCard:
        """Return a dataset's card without opening it; see `dataset`."""
        return self._datasets.find(ref)

    def remove_dataset(self, ref: str) -> DatasetCard:
        """Remove a dataset; results computed on it stay until they are removed.

        Raises
        ------
        NotFound
            Says what there is.
        """
        return self._remove(self._datasets, ref)

    def store_model(self, clean_model: Path, card: ModelCard) -> tuple[ModelCard, bool]:
        """Keep a model file that was checked (`analysis.intake`), and its card.

        Parameters
        ----------
        clean_model : Path
            A .keras file, or the .pb file of a graph without layers; copied.
        card : ModelCard

        Returns
        -------
        card : ModelCard
        new : bool
            False where the same content was there, under whatever name.

        Raises
        ------
        ModelError
            Another model has that name.
        """
        if not KEY.fullmatch(card.fingerprint):
            raise ValueError(f"{card.fingerprint!r} is not a fingerprint")
        card = replace(card, name=_checked_name(card.name, ModelError))
        with disk_errors(ModelError), self._incoming() as folder:
            shutil.copyfile(clean_model, folder / f"model{clean_model.suffix}")
            (folder / "card.json").write_text(json.dumps(card.to_json(), indent=1), encoding="utf-8")
            return self._keep(self._models, folder, card)

    def models(self) -> list[ModelCard]:
        """Return the models' cards in the order of their names."""
        return self._models.cards()

    def model(self, ref: str) -> ModelCard:
        """Return a model's card by name, fingerprint, or a beginning of the fingerprint that is unique.

        Raises
        ------
        NotFound
            Says what there is.
        """
        return self._models.find(ref)

    def model_path(self, ref: str) -> Path:
        """Return the checked file of a model: .keras, or .pb for a graph without layers.

        Raises
        ------
        NotFound
            Says what there is.
        """
        folder = self._models.folder / self._models.find(ref).fingerprint
        opaque = folder / "model.pb"
        return opaque if opaque.exists() else folder / "model.keras"

    def replace_model(self, ref: str, card: ModelCard) -> ModelCard:
        """Give a model another card: another preprocessing, other class names, other notes.

        Parameters
        ----------
        ref : str
            The model that is there; its file is kept.
        card : ModelCard
            Of the same model; where its fingerprint is another, the old entry is gone afterwards.

        Returns
        -------
        ModelCard
            `card`, under the name that the model has.

        Raises
        ------
        NotFound
            No such model.
        ModelError
            The workspace holds a classifier with that fingerprint under another name.
        """
        if not KEY.fullmatch(card.fingerprint):
            raise ValueError(f"{card.fingerprint!r} is not a fingerprint")
        with disk_errors(ModelError), self._incoming() as folder:
            with locked(self._lock):
                old = self._models.find(ref)
                owners = self.sharing.changeable(self._models, old)
                card = replace(card, name=old.name)
                same = card.fingerprint == old.fingerprint
                own, rest = (owners, None) if same else self.sharing.parted(owners)
                there = self._models.folder / old.fingerprint
                written = folder / "card.json"
                written.write_text(with_owners(card.to_json(), own), encoding="utf-8")
                if same:
                    written.replace(there / "card.json")
                else:
                    self._move(there, folder, card, rest)
            log.info("replaced the model %s by %s", old.fingerprint, card.fingerprint)
            self.audit("replace", what="model", name=card.name, fingerprint=card.fingerprint, before=old.fingerprint)
            return card

    def _move(self, there: Path, folder: Path, card: ModelCard, rest: Ownership | None) -> None:
        """Bring a model to its new place, in two renames: whoever looks between them finds both or the new one.

        The new folder holds links to the old one's files, so that a reader who has the old path goes on reading. Where
        others own the model as well, `rest`, they keep it as it was; what somebody else has at the new place is joined.
        """
        target = self._models.folder / card.fingerprint
        other = self._models.known(card.fingerprint)
        if other is not None:
            raise ModelError(
                f"The workspace holds this model with this preprocessing already: {other.name!r}",
                f"Use that one, or remove it first (remove {other.name}).",
            )
        if self._models.hides(card.fingerprint):
            self._models.give(card.fingerprint, self._models.owners(card.fingerprint).joined(current_person()))
        else:
            self._link_there(there, target, folder)
        if rest is None:
            there.rename(folder / "old")  # removed with the folder
        else:
            self._models.give(there.name, rest)

    @staticmethod
    def _link_there(there: Path, target: Path, folder: Path) -> None:
        if target.exists():  # a damaged one, without a card
            shutil.rmtree(target)
        whole = folder / "whole"
        whole.mkdir(mode=FOLDER)
        for file in there.iterdir():
            if file.name != "card.json":
                _link(file, whole / file.name)
        (folder / "card.json").rename(whole / "card.json")
        whole.rename(target)

    def remove_model(self, ref: str) -> ModelCard:
        """Remove a model; results computed with it stay until they are removed.

        Raises
        ------
        NotFound
            Says what there is.
        """
        return self._remove(self._models, ref)

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """Make a folder to write into; whatever is still there at the end is removed."""
        sweep(self.path / "cache" / "incoming", "*")
        with temporary_folder(self.path / "cache" / "incoming", "") as folder:
            yield folder

    def sweep(self) -> int:
        """Remove what processes that are gone left half-written anywhere; return how many entries went."""
        cache = self.path / "cache"
        return self.artifacts.sweep() + sum(
            sweep(*place) for place in ((cache / "incoming", "*"), (cache, "*.writing.*"))
        )

    def _keep(self, shelf: Shelf[Card], folder: Path, card: Card) -> tuple[Card, bool]:
        person = current_person()
        if person.key and self._quota:
            check_quota(self.sharing.used_by(person), size_of(folder), self._quota, shelf.error)
        with locked(self._lock):
            there = shelf.admit(card, person)
            if there is None:
                target = shelf.folder / card.fingerprint
                if target.exists():  # a damaged one, without a card
                    shutil.rmtree(target)
                if person.key:
                    text = with_owners(card.to_json(), Ownership.of(person))
                    (folder / "card.json").write_text(text, encoding="utf-8")
                folder.rename(target)
                new, kept = True, card
                log.info("added the %s %s", shelf.what, card.fingerprint)
            else:
                owners, kept = shelf.owners(there.fingerprint), there
                new = not owners.seen_by(person)
                if owners.joined(person) != owners:
                    shelf.give(there.fingerprint, owners.joined(person))
        self.audit("add", what=shelf.what, name=kept.name, fingerprint=kept.fingerprint, new=new)
        return kept, new

    def _remove(self, shelf: Shelf[Card], ref: str) -> Card:
        doomed = self.path / "cache" / "incoming" / secrets.token_hex(8)
        with locked(self._lock):
            card = shelf.find(ref)
            owners = self.sharing.changeable(shelf, card)
            if self._viewer is not None and owners.everyones:
                raise not_yours(shelf.what, card.name, owners)
            _, rest = self.sharing.parted(owners)
            if rest is None:
                (shelf.folder / card.fingerprint).rename(doomed)
            else:
                shelf.give(card.fingerprint, rest)
        shutil.rmtree(doomed, ignore_errors=True)
        log.info("removed the %s %s", shelf.what, card.fingerprint)
        self.audit("remove", what=shelf.what, name=card.name, fingerprint=card.fingerprint)
        return card


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; copy it (or the folder) where the disk can't do that."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _checked_name(name: str, error: type[NNVisError]) -> str:
    """Return a name as plain text, or raise."""
    plain = plain_text(name)
    if not plain:
        raise error(f"The name {name!r} is empty", "Give a name (--name).")
    if len(plain) > _LONGEST_NAME:
        raise error(f"The name {plain[:40] + '...'!r} has {len(plain):,} characters", f"Use {_LONGEST_NAME} at most.")
    return plain
