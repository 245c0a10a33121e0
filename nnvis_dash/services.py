"""What a web worker holds to answer anyone: the workspace, the door to the engine, and memory-mapped results.

Invariant: nothing remembered here belongs to one user. It is addressed by content, so any worker gives the same answer,
and a worker that is killed loses nothing. Who may see a thing is asked of the workspace each time, never remembered.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.classes import as_outputs, lacking, share_names
from nnvis_dash.analysis.index import Index, load_index
from nnvis_dash.analysis.measures import Measures, measures_key
from nnvis_dash.analysis.prediction_difference.stored import Stored
from nnvis_dash.analysis.quality.table import Choice, load_choice
from nnvis_dash.analysis.references import image_of
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.personal import PersonalEngine
from nnvis_dash.errors import NotFound
from nnvis_dash.person import current_person
from nnvis_dash.settings import Settings
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.datasets import Dataset
from nnvis_dash.workspace.sharing import named_in
from nnvis_dash.workspace.store import Workspace

Value = TypeVar("Value")


class Recent:
    """The last `limit` values by key, least recently used out first; safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Value]) -> Value:
        """Return the value of `key`, made now if it isn't there. What `make` raises is not remembered."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._limit:
                self._values.popitem(last=False)
        return value


@dataclass(frozen=True)
class Services:
    """The workspace and the engine, and the questions that several callbacks ask of them."""

    settings: Settings
    workspace: Workspace
    engine: Engine | PersonalEngine
    _datasets: Recent = field(default_factory=lambda: Recent(8))
    _indexes: Recent = field(default_factory=lambda: Recent(16))
    _measured: Recent = field(default_factory=lambda: Recent(16))
    _differences: Recent = field(default_factory=lambda: Recent(12))

    def dataset(self, fingerprint: str) -> Dataset:
        """Open a dataset (memory-mapped); NotFound names what is there."""
        found = self.workspace.dataset_card(fingerprint).fingerprint  # whoever opened it before
        return self._datasets.get(found, lambda: self.workspace.dataset(found))

    def picture(self, dataset: str, reference: Reference) -> npt.NDArray[np.uint8]:
        """Return the image that a reference means, after its edits, in its own size (H, W, C) uint8."""
        return image_of(reference, self.dataset(dataset), self.workspace.derived)

    def before(self, reference: Reference) -> Reference | None:
        """Return the image that this one was made of: itself unedited, or its parent; None where there is none."""
        if reference.edits:
            return reference.unedited
        parent = self.workspace.derived.get(reference.derived).parent if reference.derived else None
        return None if parent is None else Reference.read(parent)

    def label_of(self, dataset: str, reference: Reference) -> int | None:
        """Return the dataset's class that an image ought to be, edited or not; None where it isn't known."""
        if reference.derived:
            return self.workspace.derived.get(reference.derived).label
        labels = self.dataset(dataset).labels
        label = -1 if labels is None or reference.sample is None else int(labels[reference.sample])
        return None if label < 0 else label

    def predict(
        self, dataset: str, references: Sequence[Reference], models: Sequence[str]
    ) -> list[tuple[npt.NDArray[np.float32] | None, str]]:
        """Return of each classifier the probabilities of images (n, K), or None and why; the engine answers at once."""
        wanted = {"dataset": dataset, "images": [one.plain for one in references], "models": list(models)}
        answer = self.engine.ask("predictions", wanted)
        return list(zip(answer["probabilities"], answer["problems"], strict=True))

    def standing(self, card: DatasetCard | ModelCard) -> str:
        """Return how a dataset or a classifier stands for the current person; see `Ownership.standing`."""
        return self.workspace.sharing.owners(card).standing(current_person())

    def dataset_card(self, session: Session) -> DatasetCard | None:
        """Return the session's dataset, None where it has none or it was removed."""
        return next((card for card in self.workspace.datasets() if card.fingerprint == session.dataset), None)

    def models(self, session: Session) -> list[ModelCard]:
        """Return the session's classifiers that are still there, in their order."""
        known = {card.fingerprint: card for card in self.workspace.models()}
        return [known[fingerprint] for fingerprint in session.classifiers if fingerprint in known]

    def fitting(self, dataset: DatasetCard) -> list[ModelCard]:
        """Return the classifiers that share classes with a dataset, those that know all of its classes first."""
        fitting = [card for card in self.workspace.models() if fits(card, dataset)]
        return sorted(fitting, key=lambda card: bool(lacking(card.class_names, dataset.class_names)))

    def offered(self, dataset: DatasetCard) -> tuple[str, ...]:
        """Return the classifiers that a dataset is opened with: those that know all of its classes, else any."""
        fitting = self.fitting(dataset)
        return tuple(
            card.fingerprint
            for card in fitting
            if not lacking(card.class_names, dataset.class_names) or card is fitting[0]
        )

    def start(self) -> Session:
        """Return the session that a page without a link opens: the first dataset with classifiers that fit it."""
        cards = self.workspace.datasets()
        for card in cards:
            models = self.offered(card)
            if models:
                return Session(card.fingerprint, models)
        return Session(cards[0].fingerprint if cards else "")

    def class_names(self, dataset: DatasetCard, model: ModelCard | None) -> tuple[str, ...]:
        """Return the names to show for a classifier's outputs, else the dataset's, else numbers."""
        if model is not None and model.class_names:
            return model.class_names
        if dataset.class_names and (model is None or len(dataset.class_names) == model.n_classes):
            return dataset.class_names
        return tuple(str(number) for number in range(model.n_classes if model else len(dataset.class_names)))

    def labels(self, dataset: DatasetCard, model: ModelCard | None) -> npt.NDArray[np.int32] | None:
        """Return the labels as output numbers of the classifier (N,), -1 where there is none; None without labels."""
        labels = self.dataset(dataset.fingerprint).labels
        if labels is None:
            return None
        return as_outputs(labels, dataset.class_names, () if model is None else model.class_names)

    def index_request(self, dataset: str, model: str) -> Request:
        """Return the request for the index of a classifier over a dataset."""
        return Request("index", {"model": model, "dataset": dataset, "precision": "float32"})

    def index(self, dataset: str, model: str) -> Index | None:
        """Return the finished index, None while there is none; never waits."""
        if self.workspace.sharing.hides(dataset) or self.workspace.sharing.hides(model):
            return None
        key = self.index_request(dataset, model).key

        def load() -> Index:
            return load_index(self.workspace.artifacts.load(key))

        try:
            return self._indexes.get(key, load)
        except NotFound:
            return None

    def difference(self, key: str, number: int | None = None) -> Stored | None:
        """Return what is known of a prediction difference, None where nothing is.

        A page asks for many pictures of one round: with its `number`, what was read of it is not read again.
        """

        def unread() -> Stored:
            raise NotFound("This round was not read yet", "Read it.")

        stored: Stored | None = None
        if number is not None:
            with contextlib.suppress(NotFound):
                stored = self._differences.get((key, number), unread)
        if stored is None:
            read = stored = Stored.open(self.workspace.artifacts, key)
            if read is not None:
                self._differences.get((key, read.round), lambda: read)
        if stored is not None and any(map(self.workspace.sharing.hides, named_in(stored.card))):
            return None
        return stored

    def trust(self, request: Request) -> Choice | None:
        """Return the table that a job `trust` kept, None while it hasn't ended; never waits."""
        if any(map(self.workspace.sharing.hides, named_in(request.parameters))):
            return None
        try:
            return load_choice(self.workspace.artifacts.load(request.key))
        except NotFound:
            return None

    def accuracy(self, dataset: DatasetCard, model: ModelCard) -> float | None:
        """Return the share of labelled samples that are predicted right, None where it isn't known."""
        right = self.correct(dataset, model)
        if right is None or not (right >= 0).any():
            return None
        return float((right[right >= 0] == 1).mean())

    def correct(self, dataset: DatasetCard, model: ModelCard) -> npt.NDArray[np.int8] | None:
        """Return (N,) int8: 1 right, 0 wrong, -1 without a label; None where labels or index are missing."""
        found = self.measures(dataset.fingerprint, model.fingerprint)
        labels = self.labels(dataset, model)
        if found is None or labels is None:
            return None
        right = (found.prediction == labels).astype(np.int8)
        right[labels < 0] = -1
        return right

    def chosen(self, selection: Selection) -> npt.NDArray[np.int64]:
        """Return the selected sample ids, whether they stand in the state or are kept on the server."""
        return self.workspace.selections.ids(selection.samples)

    def measures(self, dataset: str, model: str) -> Measures | None:
        """Return what a classifier's answers come to, (N,) each; None while the index isn't there."""
        index = self.index(dataset, model)
        if index is None:
            return None
        key = measures_key(self.index_request(dataset, model).key)

        def find() -> Measures:
            artifacts = self.workspace.artifacts
            if artifacts.has(key):
                return Measures.load(artifacts.load(key))
            found = Measures.of(index.probabilities)
            with contextlib.suppress(OSError):  # a full disk: this worker has them all the same
                return Measures.load(artifacts.save(key, found.arrays(), {"dataset": dataset, "model": model}))
            return found

        return self._measured.get(key, find)

    def attributes(self, dataset: DatasetCard, model: ModelCard | None) -> tuple[npt.NDArray[Any], ...]:
        """Return label, prediction (-1 for none), confidence and entropy / log K (NaN for unknown), each (N,)."""
        n = dataset.n_samples
        labels = self.labels(dataset, model)
        label = np.full(n, -1, dtype=np.int32) if labels is None else np.asarray(labels)
        found = None if model is None else self.measures(dataset.fingerprint, model.fingerprint)
        if found is None:
            unknown = np.full(n, np.nan, dtype=np.float32)
            return label, np.full(n, -1, dtype=np.int32), unknown, unknown
        return label, found.prediction, found.confidence, found.entropy


def fits(model: ModelCard, dataset: DatasetCard) -> bool:
    """Whether a classifier shares classes with a dataset: by name where both have names, else by their number."""
    if model.class_names and dataset.class_names:
        return share_names(model.class_names, dataset.class_names)
    return not dataset.class_names or model.n_classes == len(dataset.class_names)
