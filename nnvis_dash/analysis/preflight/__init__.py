"""Checks a model file before Keras sees it, and writes the clean copy that Keras gets instead.

Keras's safe_mode refuses a list of known tricks; this refuses everything that isn't on a list of known layers. It reads
the file with the standard library and h5py only: no Keras, no TensorFlow. HDF5 is a C library that loops for ever on
some damaged files, so a caller runs `check` in a child process with a limit (`analysis.intake` does).

    formats   what kind of file it is, from its first bytes
    archive   the .keras zip
    config    the description, value by value, against `allowed`
    weights   the HDF5 file, object by object

Invariant: the clean copy is written from what was checked, never copied from the upload as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.preflight import archive
from nnvis_dash.analysis.preflight.config import MAX_CONFIG_BYTES, clean_config, read_json
from nnvis_dash.analysis.preflight.formats import Kind, sniff
from nnvis_dash.analysis.preflight.wording import RAISE_SIZE, refused
from nnvis_dash.errors import ModelError
from nnvis_dash.settings import Settings

if TYPE_CHECKING:
    import h5py

__all__ = ["Checked", "check"]


@dataclass(frozen=True)
class Checked:
    """A model file that passed."""

    clean: Path  # the copy to load
    kind: Kind
    n_parameters: int  # values in the weights: no honest model is built larger
    written_by: str  # "Keras 3.15.1"; empty where the file doesn't say
    content: str  # sha256 of what was given
    repaired: tuple[str, ...] = ()  # what was changed so that today's Keras reads it, one line of words each


def check(path: Path, folder: Path, *, max_parameters: int | None = None, max_bytes: int | None = None) -> Checked:
    """Check a model file and write its clean copy into `folder`.

    Parameters
    ----------
    path : Path
        The file to check; it is only read.
    folder : Path
        An empty folder of the caller's, which removes it.
    max_parameters, max_bytes : int, optional
        The limits; the defaults are those of `Settings`.

    Raises
    ------
    RefusedModel
        The file could do more than classify, or exhaust the machine.
    ModelError
        It isn't a whole Keras model; says what it is and how to convert it.
    """
    defaults = Settings()
    max_parameters = defaults.max_model_parameters if max_parameters is None else max_parameters
    max_bytes = defaults.max_model_mb << 20 if max_bytes is None else max_bytes
    if not path.exists():
        raise ModelError(f"There is no file {path.name!r}", "Check the path; give a .keras or .h5 file.")
    kind = sniff(path)
    size = path.stat().st_size
    if size > max_bytes:
        raise refused(
            f"The model file has {size / 2**20:,.0f} MB, more than the limit of {max_bytes / 2**20:,.0f} MB",
            RAISE_SIZE,
        )
    if kind == "keras":
        return _check_archive(path, folder, max_parameters, max_bytes)
    return _check_h5(path, folder, max_parameters)


def _check_archive(path: Path, folder: Path, max_parameters: int, max_bytes: int) -> Checked:
    from nnvis_dash.analysis.preflight import weights  # h5py, which processes that only ask for a check can do without

    unpacked, rewritten, clean = folder / "unpacked.h5", folder / "rewritten.h5", folder / "clean.keras"
    with archive.opened(path) as opened:
        if opened.getinfo(archive.WEIGHTS).file_size > max_bytes:
            raise refused(
                f"The weights have {opened.getinfo(archive.WEIGHTS).file_size:,} bytes, more than the limit of "
                f"{max_bytes / 2**20:,.0f} MB",
                RAISE_SIZE,
            )
        description = read_json(archive.read_member(opened, archive.CONFIG))
        metadata: Any = {}
        if archive.METADATA in opened.namelist():
            metadata = read_json(archive.read_member(opened, archive.METADATA, 1 << 16))
        version = _version(metadata.get("keras_version") if isinstance(metadata, dict) else None)
        archive.extract_weights(opened, unpacked)
    with weights.opened(unpacked) as file:
        found = weights.inspect_weights(file, max_parameters)
        config = clean_config(description, legacy=False, max_parameters=max_parameters, extents=found.extents)
        weights.copy_weights(file, found, rewritten)
    unpacked.unlink()
    archive.write_archive(
        clean, json.dumps(config).encode(), json.dumps({"keras_version": version or "unknown"}).encode(), rewritten
    )
    rewritten.unlink()
    return Checked(clean, "keras", found.n_parameters, f"Keras {version}" if version else "", _sha256(path))


def _check_h5(path: Path, folder: Path, max_parameters: int) -> Checked:
    from nnvis_dash.analysis.preflight import weights

    clean = folder / "clean.h5"
    with weights.opened(path) as file:
        text = weights.read_text(file, "model_config", MAX_CONFIG_BYTES)
        if text is None:
            raise _without_description(file)
        description = read_json(text)
        version = _version((weights.read_text(file, "keras_version", 1_000) or b"").decode("utf-8", "replace"))
        found = weights.inspect_weights(file, max_parameters)
        config = clean_config(description, legacy=True, max_parameters=max_parameters, extents=found.extents)
        if "/model_weights" not in found.groups:
            raise ModelError(
                "The .h5 file describes a model but holds no weights", "Save the model with model.save('model.keras')."
            )
        weights.copy_weights(file, found, clean, {"model_config": json.dumps(config).encode()})
    return Checked(clean, "h5", found.n_parameters, f"Keras {version}" if version else "", _sha256(path))


def _without_description(file: h5py.File) -> ModelError:
    if "layer_names" in file.attrs or "layers" in file or "_layer_checkpoint_dependencies" in file:
        return ModelError(
            "The file holds only the weights of a model, without its architecture",
            "Build the model, call model.load_weights(file) and save the whole with model.save('model.keras').",
        )
    return ModelError(
        "The HDF5 file holds no Keras model", "Give a file that Keras saved with model.save('model.keras')."
    )


def _version(value: object) -> str:
    """Return a version number, empty for anything else."""
    found = re.match(r"\d{1,4}(\.[0-9A-Za-z\-]{1,16}){0,4}", value) if isinstance(value, str) else None
    return found[0] if found else ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
