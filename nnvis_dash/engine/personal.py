"""The engine as one person may use it: what they may see is computed, what they asked for is theirs to cancel.

The engine itself runs for everyone and sees everything. All that the web tier asks of it goes through here, where each
dataset, classifier and artifact that a request names is looked at with the eyes of who asks: what is hidden from them
isn't there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request, Row
from nnvis_dash.errors import NNVisError, NotFound, ParameterError
from nnvis_dash.person import current_person
from nnvis_dash.workspace.store import Workspace

if TYPE_CHECKING:
    from nnvis_dash.workspace.artifacts import Artifact

DATASETS = frozenset({"dataset", "other"})  # parameters that hold a fingerprint, of a dataset
MODELS = frozenset({"model", "models", "reference", "classifier"})  # and of a classifier, or several
ARTIFACTS = frozenset({"map", "attack", "start", "keys"})  # and the key of an artifact, or several


class PersonalEngine:
    """The engine on behalf of the current person.

    Parameters
    ----------
    engine : Engine
    workspace : Workspace
        With a viewer.
    max_jobs : int
        Long jobs that a verified person may have queued or running; 0: any number.
    """

    def __init__(self, engine: Engine, workspace: Workspace, max_jobs: int = 0) -> None:
        self._engine = engine
        self._workspace = workspace
        self._max_jobs = max_jobs

    @property
    def whole(self) -> Engine:
        """The engine of all, for those who look after the server."""
        return self._engine

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return self._engine.address

    def submit(self, request: Request) -> str:
        """Start a request's job; see `Engine.submit`.

        Raises
        ------
        NotFound
            It names what isn't there, or isn't shared with who asks.
        ParameterError
            The person has as many jobs as they may.
        """
        self._check(request)
        return self._engine.submit(request)

    def result(
        self,
        request: Request,
        on_progress: Callable[[Row], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        timeout: float | None = None,
    ) -> Artifact:
        """Wait for a request's artifact; see `Engine.result`, and `submit`."""
        self._check(request)
        return self._engine.result(request, on_progress, cancelled, timeout)

    def ask(self, name: str, parameters: Mapping[str, Any], timeout: float = 30.0) -> dict[str, Any]:
        """Ask a question and wait for its answer; see `Engine.ask`, and `submit`."""
        self._look(parameters)
        return self._engine.ask(name, parameters, timeout)

    def warm(self, model_fingerprint: str) -> None:
        """Ask every worker to load a model."""
        self.submit(Request("warm", {"model": model_fingerprint}))

    def row(self, key: str) -> Row | None:
        """Return how a job stands, None where nobody asked for it, or for none that this person might ask for."""
        row = self._engine.row(key)
        return row if row is not None and self._seen(row) else None

    def rows(self) -> list[Row]:
        """Return the jobs that this person asked for, and everyone's."""
        return [row for row in self._engine.rows() if self._own(row) and self._seen(row)]

    def cancel(self, key: str) -> None:
        """Cancel what this person waits for; a job that others asked for as well goes on for them."""
        person = current_person().key
        row = self.row(key)
        if row is not None and row.asked_by(person):
            self._engine.table.withdraw(key, person)
            self._workspace.audit("cancel", what=row.kind, name=row.title, job=key)

    def close(self) -> None:
        """Let the connection go; jobs go on."""
        self._engine.close()

    def _check(self, request: Request) -> None:
        self._look(request.parameters)
        person = current_person()
        if not person.key or not self._max_jobs or not request.read.batch:
            return
        if self._workspace.artifacts.has(request.key):
            return
        mine = {row.key for row in self._engine.rows() if not row.finished and row.asked_by(person.key)}
        if request.key not in mine and len(mine) >= self._max_jobs:
            raise ParameterError(
                f"{len(mine)} long jobs of yours are queued or running, of {self._max_jobs} that may be",
                "Wait for one or cancel one, or ask an administrator to raise NNVIS_MAX_JOBS.",
            )

    def _look(self, parameters: Mapping[str, Any]) -> None:
        """Raise NotFound where the parameters name what this person doesn't see, or not by its whole fingerprint."""
        for name, value in _strings(parameters):
            if name in DATASETS:
                self._demand(self._workspace.dataset_card(value).fingerprint, value)
            elif name in MODELS:
                self._demand(self._workspace.model(value).fingerprint, value)
            elif name in ARTIFACTS and self._workspace.artifacts.has(value):
                self._workspace.artifacts.load(value)

    @staticmethod
    def _demand(fingerprint: str, given: str) -> None:
        if fingerprint != given:
            raise NotFound(f"There is nothing with the fingerprint {given!r}", "Give it whole.")

    def _own(self, row: Row) -> bool:
        return row.asked_by(current_person().key) or row.asked_by("")

    def _seen(self, row: Row) -> bool:
        """Whether a person may know of a job: it adds nothing of another's, and names nothing that is hidden."""
        try:
            parameters = row.request.parameters
        except (NNVisError, ValueError):
            return self._own(row)
        if "upload" in parameters and not self._own(row):
            return False
        hides = self._workspace.sharing.hides
        return not any(name in DATASETS | MODELS and hides(value) for name, value in _strings(parameters))


def _strings(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the texts among parameters, each of a list, under the parameter's name; empty ones are left out."""
    for name, value in parameters.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and one:
                yield name, one
