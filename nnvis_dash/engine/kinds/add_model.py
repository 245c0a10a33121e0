"""`add_model`: bring a classifier that was uploaded into the workspace; the file is opened in a child process only.

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
from nnvis_dash.errors import ModelError
from nnvis_dash.settings import Settings
from nnvis_dash.types import PREPROCESSINGS
from nnvis_dash.workspace.uploads import Uploads

if TYPE_CHECKING:
    from pathlib import Path

    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

_STEPS = 3  # checking, loading, keeping
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "architecture": lambda value: isinstance(value, str) and value.startswith("keras:"),
    "head": lambda value: isinstance(value, (str, int)) and not isinstance(value, bool),
    "input_size": lambda value: isinstance(value, list) and [type(side) for side in value] == [int, int],
    "output": lambda value: value in ("softmax", "logits", "sigmoid"),
    "resize": lambda value: value in ("squash", "crop"),
    "preprocessing": lambda value: value == "auto" or value in PREPROCESSINGS,
}


@dataclass(frozen=True)
class AddModelParameters(KindParameters):
    """Which upload, and what the person chose."""

    batch: ClassVar[bool] = True
    upload: str = ""
    name: str = ""
    options: dict = field(default_factory=dict)  # type: ignore[type-arg]  # architecture, head, input_size, output, resize

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"Adding {self.name}"


@KINDS.register("add_model", title="Adding a classifier", reference="", parameters=AddModelParameters)
def add_model(job: Job, parameters: AddModelParameters) -> None:
    """Check, load, describe and keep an uploaded classifier; see `analysis.intake.add_model`."""
    from nnvis_dash.analysis import intake

    options = checked_options(parameters.options, _CHECKS)
    if "input_size" in options:
        options["input_size"] = tuple(options["input_size"])
    settings = Settings.from_environment()
    uploads = Uploads(job.workspace.path / "cache" / "uploads", settings.max_upload_mb << 20)
    steps = 0

    def say(words: str) -> None:
        nonlocal steps
        uploads.touch(parameters.upload)
        steps += 1
        job.progress(min(steps, _STEPS - 1), _STEPS, words)

    with uploaded(job.workspace, uploads, parameters.upload, "model") as files:
        source, architecture = _sources(files)
        if architecture is not None:
            options["architecture"] = architecture
        card, new = intake.add_model(
            job.workspace,
            source,
            name=parameters.name or None,
            settings=settings,
            on_progress=say,
            on_wait=job.check,
            **options,
        )
        job.save({}, {"fingerprint": card.fingerprint, "new": new})


def _sources(source: Path) -> tuple[Path, Path | None]:
    """Tell weights from an architecture where both were uploaded; a SavedModel's folder stays one."""
    if not source.is_dir():
        return source, None
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if any(path.name == "saved_model.pb" for path in files):
        return next(path for path in files if path.name == "saved_model.pb").parent, None
    described = [path for path in files if path.suffix.lower() == ".json"]
    others = [path for path in files if path not in described]
    if len(described) == 1 and len(others) == 1:
        return others[0], described[0]
    names = ", ".join(path.name for path in files[:4]) + (", ..." if len(files) > 4 else "")
    raise ModelError(
        f"{len(files)} files were given for one classifier: {names}",
        "Give one model file, or a weights file with its architecture (.json).",
    )
