"""What jobs and questions find in an engine worker: a workspace with warm classifiers and open datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nnvis_dash.engine.jobs import JobTable
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.permissions import keep_private
from nnvis_dash.workspace.store import Workspace

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.datasets import Dataset


@lru_cache(maxsize=8)
def open_workspace(path: str) -> tuple[Workspace, JobTable]:
    """Open a workspace and its job table, once a process."""
    settings = Settings.from_environment()
    keep_private(Path(path))
    workspace = Workspace(path, max_pixels=settings.max_pixels, quota=settings.quota_mb << 20)
    return workspace, JobTable(Path(path) / "cache" / "jobs")


@lru_cache(maxsize=16)
def _dataset(path: str, fingerprint: str) -> Dataset:
    return open_workspace(path)[0].dataset(fingerprint)


@lru_cache(maxsize=4)
def _frozen(clf: Classifier, units: tuple[tuple[str, tuple[int, ...]], ...]) -> Classifier:
    from nnvis_dash.analysis.mutation.frozen_graph import frozen_classifier

    return frozen_classifier(clf, dict(units))


class Desk:
    """A workspace as a worker holds it.

    Parameters
    ----------
    path : str
        The workspace's folder.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.workspace, self.table = open_workspace(path)

    def classifier(self, fingerprint: str) -> Classifier:
        """Return a warm classifier of this worker."""
        from nnvis_dash.engine.worker import WARM

        return WARM.get(self.workspace, fingerprint)

    def frozen(self, fingerprint: str, frozen: Mapping[str, Iterable[int]]) -> Classifier:
        """Return a warm classifier with units frozen; the last few stay, for each has compiled functions of its own."""
        from nnvis_dash.analysis.mutation.frozen import frozen_units

        clf = self.classifier(fingerprint)
        units = frozen_units(clf.card, frozen)
        return _frozen(clf, tuple(units.items())) if units else clf

    def dataset(self, fingerprint: str) -> Dataset:
        """Return a dataset, opened once a worker."""
        return _dataset(self.path, fingerprint)
