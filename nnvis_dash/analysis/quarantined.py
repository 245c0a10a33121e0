"""What the child process of `quarantine` does: check a file, load its clean copy, describe it, save it anew.

Invariant: Keras is imported only after a file has passed its check, and only ever opens the clean copy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nnvis_dash.errors import ModelError
from nnvis_dash.settings import Settings
from nnvis_dash.types import ModelCard

Begin = Callable[[str], None]
Task = Callable[[Mapping[str, Any], Begin], dict[str, Any]]

STORED = "model.keras"
MAX_ACTIVATION = 1 << 28  # numbers that one layer may put out for one image: 1 GB
_FETCH_TIMEOUT = 30.0  # seconds without a byte


def check_file(request: Mapping[str, Any], begin: Begin) -> dict[str, Any]:
    """Check a file and write its clean copy into the folder."""
    from nnvis_dash.analysis import preflight

    begin("check")
    path, folder = Path(request["path"]), Path(request["folder"])
    try:
        checked = preflight.check(
            path,
            folder,
            architecture=request.get("architecture"),
            max_parameters=request["max_parameters"],
            max_bytes=request["max_bytes"],
        )
    except OSError as error:
        raise ModelError(
            f"The model file can't be read or copied ({error.strerror or 'input/output error'})",
            "Check its permissions and the space that is left.",
        ) from None
    return {**asdict(checked), "clean": checked.clean.name}


def add_file(request: Mapping[str, Any], begin: Begin) -> dict[str, Any]:
    """Check a file, load it, describe it, and save what was loaded as `STORED` in the folder."""
    if _is_allowed_saved_model(request):
        from nnvis_dash.analysis import saved_model

        return saved_model.add(request, begin)
    found = check_file(request, begin)
    begin("load")
    from nnvis_dash.analysis.loading import load_clean
    from nnvis_dash.analysis.preflight import Checked

    clean = Path(request["folder"]) / found["clean"]
    checked = Checked(**{**found, "clean": clean, "repaired": tuple(found["repaired"])})
    model = load_clean(checked)
    notes = checked.notes | request["notes"]
    return _describe_and_save(model, {**request, "notes": notes}, checked.content)


def freeze_file(request: Mapping[str, Any], begin: Begin) -> dict[str, Any]:
    """Write the finished graph of a SavedModel into the folder; {} for anything else, or where that isn't allowed."""
    if not _is_allowed_saved_model(request):
        return {}
    from nnvis_dash.analysis import saved_model

    return saved_model.freeze_file(request, begin)


def add_application(request: Mapping[str, Any], begin: Begin) -> dict[str, Any]:
    """Build a keras.applications model with its ImageNet weights, describe it and save it."""
    begin("fetch")
    import socket

    import keras

    name = request["application"]
    socket.setdefaulttimeout(_FETCH_TIMEOUT)
    try:
        model = getattr(keras.applications, name)(weights="imagenet")
    except Exception as error:
        raise _not_fetched(name, error) from error
    names = request["class_names"] or _imagenet_names(int(model.output_shape[-1]))
    return _describe_and_save(model, {**request, "class_names": names}, None)


def _is_allowed_saved_model(request: Mapping[str, Any]) -> bool:
    from nnvis_dash.analysis.saved_model.files import is_saved_model

    return bool(request["allow_saved_models"]) and is_saved_model(Path(request["path"]))


def _describe_and_save(model: Any, request: Mapping[str, Any], content: str | None) -> dict[str, Any]:
    from nnvis_dash.analysis.card import describe, described_by
    from nnvis_dash.analysis.heads import NOTE, choose_head, content_of
    from nnvis_dash.analysis.health import check_weights
    from nnvis_dash.analysis.inspection import inspected

    model, head = choose_head(model, request.get("head"))
    check_weights(model)
    card = describe(
        model,
        **described_by(request),
        content=content and content_of(content, head),
        notes={**request["notes"], NOTE: head} if head else request["notes"],
    )
    _check_sizes(card)
    card = inspected(model, card)
    model.save(Path(request["folder"]) / STORED, include_optimizer=False)
    return {"card": card.to_json(), "file": STORED}


def _check_sizes(card: ModelCard) -> None:
    """Refuse a model whose layers would take too much memory for a single image."""
    height, width, _ = card.input_shape
    if height * width > Settings().max_pixels:
        raise ModelError(f"The model takes images of {height:,} × {width:,} pixels", "Use a model for smaller images.")
    for layer in card.layers:
        size = math.prod(extent or 1 for extent in layer.output_shape)
        if size > MAX_ACTIVATION:
            raise ModelError(
                f"For one image the layer {layer.name!r} puts out {size:,} numbers ({size * 4 / 2**30:,.1f} GB)",
                "Use a model for smaller images.",
            )


def _not_fetched(name: str, error: Exception) -> ModelError:
    from nnvis_dash.analysis.loading import reason

    elsewhere = (
        f"On a machine with internet: keras.applications.{name}().save('{name}.keras'); then add that file by its path."
    )
    text = str(error)
    if isinstance(error, OSError) or "URL fetch failure" in text or "urlopen" in text or "timed out" in text:
        return ModelError(f"The weights of keras:{name} can't be fetched: no internet connection here", elsewhere)
    return ModelError(f"Keras can't build keras:{name}: {reason(error)}", elsewhere)


def _imagenet_names(n_classes: int) -> list[str] | None:
    """Return Keras's names of the ImageNet classes, None where its file can't be had."""
    import json

    import keras
    from keras.applications import imagenet_utils

    address = getattr(imagenet_utils, "CLASS_INDEX_PATH", None) or _CLASS_INDEX
    try:
        path = keras.utils.get_file("imagenet_class_index.json", address, cache_subdir="models")
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
        names = [str(entries[str(number)][1]) for number in range(len(entries))]
    except Exception:  # whatever a download ends in; the names are only a convenience
        return None
    return names if len(names) == n_classes else None


_CLASS_INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"

TASKS: dict[str, Task] = {
    "check": check_file,
    "add": add_file,
    "application": add_application,
    "freeze": freeze_file,
}
