"""`add_dataset`: read images that were uploaded into the workspace.

The artifact's card says what was added: ``fingerprint`` and ``new``. The upload stays when it is refused, so that it
can be tried again with other choices, and goes when it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.options import checked_options
from nnvis_dash.engine.uploaded import uploaded
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.uploads import Uploads

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

_CHECKS: dict[str, Callable[[Any], bool]] = {
    "class_names": lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    "split": lambda value: value in ("train", "test", "all"),
    "skip_unreadable": lambda value: isinstance(value, bool),
}


@dataclass(frozen=True)
class AddDatasetParameters(KindParameters):
    """Which upload, and what the person chose."""

    batch: ClassVar[bool] = True
    upload: str = ""
    name: str = ""
    options: dict = field(default_factory=dict)  # type: ignore[type-arg]

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"Adding {self.name}"


@KINDS.register("add_dataset", title="Adding images", reference="", parameters=AddDatasetParameters)
def add_dataset(job: Job, parameters: AddDatasetParameters) -> None:
    """Read, check and keep uploaded images; see `Workspace.add_dataset`."""
    options = checked_options(parameters.options, _CHECKS)
    uploads = Uploads(job.workspace.path / "cache" / "uploads", Settings.from_environment().max_upload_mb << 20)

    def progress(done: int, total: int | None) -> None:
        if done % 1024 == 0:
            uploads.touch(parameters.upload)
        job.progress(done, total or 0, "Reading images")

    job.progress(0, 0, "Looking at the files")
    with uploaded(job.workspace, uploads, parameters.upload, "dataset") as source:
        card, new = job.workspace.add_dataset(source, name=parameters.name or None, on_progress=progress, **options)
        job.save({}, {"fingerprint": card.fingerprint, "new": new})
