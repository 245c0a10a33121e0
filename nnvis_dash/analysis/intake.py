"""Brings a classifier into a workspace: the file is checked, loaded, described and stored, or nothing happens at all.

Invariant: this process never opens a model file with Keras or HDF5; a child process does (`quarantine`), and what the
workspace stores is a file that Keras wrote there from the clean copy, or a finished graph (`saved_model`).
With a dataset that file is then run here, as every analysis does later.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from nnvis_dash.analysis import quarantine
from nnvis_dash.analysis.preflight import Checked
from nnvis_dash.analysis.quarantine import GB, Limits
from nnvis_dash.analysis.saved_model.files import size_of
from nnvis_dash.errors import ModelError, NotFound, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.types import ModelCard, OutputKind, Preprocessing, Resize
from nnvis_dash.workspace.paths import there
from nnvis_dash.workspace.temporaries import sweep, temporary_folder

if TYPE_CHECKING:
    from nnvis_dash.workspace.datasets import Dataset
    from nnvis_dash.workspace.store import Workspace

PREFIX = "keras:"
APPLICATIONS = tuple(
    f"{family}{size}"
    for family, sizes in (
        ("VGG", ("16", "19")),
        ("ResNet", ("50", "101", "152", "50V2", "101V2", "152V2")),
        ("Xception", ("",)),
        ("Inception", ("V3", "ResNetV2")),
        ("MobileNet", ("", "V2", "V3Small", "V3Large")),
        ("DenseNet", ("121", "169", "201")),
        ("NASNet", ("Mobile", "Large")),
        ("EfficientNet", ("B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7")),
        ("EfficientNetV2", ("B0", "B1", "B2", "B3", "S", "M", "L")),
        ("ConvNeXt", ("Tiny", "Small", "Base", "Large", "XLarge")),
    )
    for size in sizes
)
_PHASES = {"check": "Checking {}", "load": "Loading {} with Keras", "fetch": "Fetching {}"}
_FOLDER = "intake.writing."


def add_model(
    workspace: Workspace,
    source: str | Path,
    *,
    name: str | None = None,
    preprocessing: str | Preprocessing = "auto",
    class_names: Sequence[str] | None = None,
    resize: Resize = "squash",
    architecture: str | Path | None = None,
    head: str | int | None = None,
    input_size: tuple[int, int] | None = None,
    output: OutputKind | None = None,
    dataset: Dataset | None = None,
    notes: dict[str, str] | None = None,
    on_progress: Callable[[str], None] | None = None,
    on_wait: Callable[[], None] | None = None,
    settings: Settings | None = None,
    limits: Limits | None = None,
) -> tuple[ModelCard, bool]:
    """Add a classifier to a workspace.

    Parameters
    ----------
    workspace : Workspace
    source : str or Path
        A `.keras` or `.h5` file, or ``keras:NAME`` for a model of keras.applications with its ImageNet weights; also
        a SavedModel (its folder, or a zip of it) where `Settings.allow_saved_models` is on.
    name : str, optional
        The file's name without its ending, or NAME, by default.
    preprocessing : str or Preprocessing
        A name, a record, or ``"auto"``; see `card.describe`. With a dataset ``"auto"`` is what the doctor proposes.
    class_names : sequence of str, optional
        One for each class; taken from the dataset where there are none.
    resize : {"squash", "crop"}
        How an image of another size is fitted.
    architecture : str or Path, optional
        For a file that holds weights alone: the model's JSON, or ``keras:NAME`` for a model of keras.applications.
    head : str or int, optional
        Which output of a model that has several: its name, or its number from 0.
    input_size : (height, width), optional
        For a model that takes images of any size; 224 × 224 by default.
    output : {"softmax", "logits", "sigmoid"}, optional
        What the model puts out; read from its last activation by default.
    dataset : Dataset, optional
        Images that the model is meant for; what doesn't fit them is noted in the card.
    notes : dict, optional
        Lines for the card.
    on_progress : callable, optional
        Called with a line of text at each step.
    on_wait : callable, optional
        Called several times a second; what it raises ends the intake.
    settings : Settings, optional
        For the limits on size; read from the environment by default.
    limits : Limits, optional
        What the child process may use.

    Returns
    -------
    card : ModelCard
    new : bool
        False where the workspace held the same classifier already; the same file with other preprocessing is another.

    Raises
    ------
    RefusedModel
        The file could do more than classify, or exhaust the machine.
    ModelError
        It can't be used; says why and what to do. The workspace is as it was.
    ParameterError
        A preprocessing, a resizing or class names that don't fit.
    NotFound
        No such model in keras.applications.
    """
    settings = settings or Settings.from_environment()
    limits = limits or Limits()
    text = os.fspath(source)
    if resize not in get_args(Resize):
        raise ParameterError(f"There is no resizing {resize!r}", f"Use one of: {', '.join(get_args(Resize))}.")
    request: dict[str, Any] = {
        "preprocessing": _preprocessing(preprocessing),
        "class_names": None if class_names is None else [str(entry) for entry in class_names],
        "resize": resize,
        "head": head,
        "input_size": None if input_size is None else list(input_size),
        "output": output,
        "notes": dict(notes or {}),
    }
    if text.startswith(PREFIX):
        application = _application(text.removeprefix(PREFIX))
        task, title = "application", PREFIX + application
        request |= {"name": name or application, "source": title, "application": application}
        limits = Limits(limits.check_seconds, max(limits.load_seconds, 1200), max(limits.memory_bytes, 16 * GB))
    else:
        path = _file(text)
        task, title = "add", path.name
        request |= {"name": name or path.stem, "source": path.name, **_file_request(path, settings, architecture)}
        limits = limits.for_size(size_of(path))

    def announce(phase: str) -> None:
        if on_progress is not None:
            on_progress(_PHASES[phase].format(title))

    parent = workspace.path / "cache"
    parent.mkdir(exist_ok=True)
    sweep(parent, f"{_FOLDER}*")
    with temporary_folder(parent, _FOLDER) as folder:
        request["folder"] = str(folder)
        online = task == "application"
        result = quarantine.run(task, request, folder, limits, online=online, on_phase=announce, on_wait=on_wait)
        stored, card = folder / result["file"], ModelCard.from_json(result["card"])
        if dataset is not None:
            if on_progress is not None:
                on_progress(f"Trying {title} on {dataset.card.name}")
            card = _fitted(stored, card, dataset, automatic=preprocessing == "auto")
        return workspace.store_model(stored, card)


def _fitted(stored: Path, card: ModelCard, dataset: Dataset, *, automatic: bool) -> ModelCard:
    """Return the card with what the doctor finds; runs the file that is going to be stored, in this process."""
    from nnvis_dash.analysis.classifier import Classifier, read_model
    from nnvis_dash.analysis.inspection import fitted_to

    return fitted_to(Classifier(read_model(stored), card), dataset, automatic=automatic).card


def checked_copy(
    path: str | Path,
    folder: str | Path,
    settings: Settings | None = None,
    architecture: str | Path | None = None,
) -> Checked:
    """Check a model file in a child process and write its clean copy into `folder`, for `loading.load_clean`.

    Raises
    ------
    RefusedModel, ModelError
        As `preflight.check`; and for a file on which its reader hangs or dies.
    """
    path = _file(os.fspath(path))
    folder = Path(folder)
    request = {
        "folder": str(folder.resolve()),
        **_file_request(path, settings or Settings.from_environment(), architecture),
    }
    result = quarantine.run("check", request, folder, Limits().for_size(path.stat().st_size))
    return Checked(**{**result, "clean": folder / result["clean"], "repaired": tuple(result["repaired"])})


def frozen_copy(path: str | Path, folder: str | Path, settings: Settings | None = None, **given: Any) -> dict[str, Any]:
    """Write the finished graph of a SavedModel into `folder` in a child process, for `opaque.OpaqueGraph.open`.

    Parameters
    ----------
    path, folder : str or Path
    settings : Settings, optional
        Read from the environment by default.
    **given
        `head` and `input_size`, as `add_model` takes them.

    Returns
    -------
    dict : what `saved_model.freeze_file` found; empty for anything but a SavedModel, or where none is allowed.
    """
    settings = settings or Settings.from_environment()
    if not settings.allow_saved_models:
        return {}
    path, folder = _file(os.fspath(path)), Path(folder)
    request = {"folder": str(folder.resolve()), **given, **_file_request(path, settings, None)}
    return quarantine.run("freeze", request, folder, Limits().for_size(size_of(path)))


def _file(text: str) -> Path:
    """Return the absolute path of something that is there, which may still be anything."""
    path = there(text)
    if path is None:
        raise ModelError(
            f"There is no model file {Path(text).name[:200]!r}",
            f"Give the path of a .keras or .h5 file, or {PREFIX}NAME such as {PREFIX}MobileNetV2.",
        )
    if not path.is_file() and not path.is_dir():
        raise ModelError(f"{path.name!r} is not a file", "Give the path of a .keras or .h5 file.")
    return path.resolve()


def _file_request(path: Path, settings: Settings, architecture: str | Path | None) -> dict[str, Any]:
    text = None if architecture is None else os.fspath(architecture)
    if text is not None:
        named = text.startswith(PREFIX)
        text = PREFIX + _application(text.removeprefix(PREFIX)) if named else str(_file(text))
    return {
        "path": str(path),
        "architecture": text,
        "allow_saved_models": settings.allow_saved_models,
        "max_parameters": settings.max_model_parameters,
        "max_bytes": settings.max_model_mb << 20,
    }


def _application(name: str) -> str:
    """Return the name as keras.applications spells it."""
    for known in APPLICATIONS:
        if known.lower() == name.lower():
            return known
    raise NotFound.among("model in keras.applications", name, APPLICATIONS, limit=len(APPLICATIONS))


def _preprocessing(given: str | Preprocessing) -> str | dict[str, Any]:
    """Return what the child can read; an unknown name is refused before a child is started."""
    if isinstance(given, Preprocessing):
        return given.to_json()
    if given != "auto":
        Preprocessing.named(given)
    return given
