"""Checks a model file before Keras sees it, and writes the clean copy that Keras gets instead.

Keras's safe_mode refuses a list of known tricks; this refuses everything that isn't on a list of known layers. It reads
the file with the standard library and h5py only: no Keras, no TensorFlow. HDF5 is a C library that loops for ever on
some damaged files, so a caller runs `check` in a child process with a limit (`analysis.intake` does).

    formats   what kind of file it is, from its first bytes
    archive   the .keras zip
    config    the description, value by value, against `allowed`
    weights   the HDF5 file, object by object
    stored    which array belongs to which layer
    repairs   what makes an older description one of today's

A description is held against the list, repaired, and held against it once more in its strict form: what a repair made
has no more rights than what came in.

Invariant: the clean copy is written from what was checked, never copied from the upload as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nnvis_dash.analysis.preflight import archive
from nnvis_dash.analysis.preflight.allowed import LEGACY_MODEL_MODULES
from nnvis_dash.analysis.preflight.config import MAX_CONFIG_BYTES, clean_config, read_json
from nnvis_dash.analysis.preflight.formats import Kind, is_json, sniff
from nnvis_dash.analysis.preflight.wording import RAISE_SIZE, refused, without_description, without_weights
from nnvis_dash.errors import ModelError
from nnvis_dash.settings import Settings

__all__ = ["APPLICATION", "Checked", "check"]

APPLICATION = "keras:"  # before the name of a model of keras.applications


@dataclass(frozen=True)
class Checked:
    """A model file that passed."""

    clean: Path  # the copy to load
    kind: Kind
    n_parameters: int  # values in the weights: no honest model is built larger
    written_by: str  # "Keras 3.15.1"; empty where the file doesn't say
    content: str  # sha256 of what was given
    repaired: tuple[str, ...] = ()  # what was changed so that today's Keras reads it, one line of words each
    application: str = ""  # the model of keras.applications that the weights are for; empty: the copy says it

    @property
    def notes(self) -> dict[str, str]:
        """The lines for the model's card."""
        notes = {"written by": self.written_by, "repaired": "; ".join(self.repaired)}
        return {key: text for key, text in notes.items() if text}


def check(
    path: Path,
    folder: Path,
    *,
    architecture: str | None = None,
    max_parameters: int | None = None,
    max_bytes: int | None = None,
) -> Checked:
    """Check a model file and write its clean copy into `folder`.

    Parameters
    ----------
    path : Path
        The file to check; it is only read.
    folder : Path
        An empty folder of the caller's, which removes it.
    architecture : str, optional
        For an .h5 file of weights alone: the path of the model's JSON, or ``keras:NAME``.
    max_parameters, max_bytes : int, optional
        The limits; the defaults are those of `Settings`.

    Raises
    ------
    RefusedModel
        The file could do more than classify, or exhaust the machine.
    ModelError
        It isn't a whole Keras model, or one that can't be repaired; says what it is and what to do.
    """
    defaults = Settings()
    max_parameters = defaults.max_model_parameters if max_parameters is None else max_parameters
    max_bytes = defaults.max_model_mb << 20 if max_bytes is None else max_bytes
    if not path.exists():
        raise ModelError(f"There is no file {path.name!r}", "Check the path; give a .keras or .h5 file.")
    description = _read_architecture(path, architecture)
    kind = sniff(path)
    try:
        return _check(path, folder, kind, architecture, description, max_parameters, max_bytes)
    except BaseException:
        for half in folder.glob("clean.*"):
            half.unlink()
        raise


def _check(
    path: Path,
    folder: Path,
    kind: Kind,
    architecture: str | None,
    description: Any,
    max_parameters: int,
    max_bytes: int,
) -> Checked:
    size = path.stat().st_size
    if size > max_bytes:
        raise refused(
            f"The model file has {size / 2**20:,.0f} MB, more than the limit of {max_bytes / 2**20:,.0f} MB",
            RAISE_SIZE,
        )
    if kind == "keras":
        if architecture is not None:
            raise ModelError(
                "A .keras file holds its own architecture", "Give it alone; an architecture is for weights alone."
            )
        return _check_archive(path, folder, max_parameters, max_bytes)
    return _check_h5(path, folder, max_parameters, architecture, description)


def _read_architecture(path: Path, architecture: str | None) -> Any:
    """Return the parsed JSON of an architecture, None where none is given or it is one of keras.applications."""
    if architecture is None or architecture.startswith(APPLICATION):
        return None
    source = Path(architecture)
    if not source.is_file():
        raise ModelError(f"There is no architecture {source.name!r}", "Give a JSON file or keras:NAME.")
    if not is_json(source):
        if path.is_file() and is_json(path):
            raise ModelError(
                "The model file is JSON and the architecture isn't: they are given the wrong way round",
                f"Give {source.name} as the model and {path.name} as its architecture.",
            )
        raise ModelError(
            f"The architecture {source.name!r} isn't JSON",
            "Give what model.to_json() wrote, or keras:NAME.",
        )
    with source.open("rb") as file:
        return read_json(file.read(MAX_CONFIG_BYTES + 1))


def _check_archive(path: Path, folder: Path, max_parameters: int, max_bytes: int) -> Checked:
    from nnvis_dash.analysis.preflight import stored, weights  # h5py, which the other processes can do without
    from nnvis_dash.analysis.preflight.repairs.draft import Draft
    from nnvis_dash.analysis.preflight.repairs.repair import repair

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
    legacy = version.startswith("2.") or _is_of_tf_keras(description)
    with weights.opened(unpacked) as file:
        found = weights.inspect_weights(file, max_parameters)
        clean_of = partial(clean_config, max_parameters=max_parameters, extents=found.extents)
        draft = Draft(clean_of(description, legacy=legacy), version)
        model = stored.node_of(draft.model)
        words = repair(draft)
        config = clean_of(draft.model, legacy=False)
        if words or legacy:
            clean = folder / "clean.h5"
            stored.write_named(
                file, stored.named_paths(found, model), clean, {"model_config": json.dumps(config).encode()}
            )
        else:
            weights.copy_weights(file, found, rewritten)
    unpacked.unlink()
    if clean.suffix == ".keras":
        archive.write_archive(
            clean, json.dumps(config).encode(), json.dumps({"keras_version": version or "unknown"}).encode(), rewritten
        )
        rewritten.unlink()
    if legacy:
        words += ("weights: found under the names of tf.keras 2",)
    return Checked(clean, "keras", found.n_parameters, _written_by(version), _sha256(path), words)


def _check_h5(path: Path, folder: Path, max_parameters: int, architecture: str | None, description: Any) -> Checked:
    from nnvis_dash.analysis.preflight import stored, weights
    from nnvis_dash.analysis.preflight.repairs.draft import Draft
    from nnvis_dash.analysis.preflight.repairs.repair import repair

    clean = folder / "clean.h5"
    words: tuple[str, ...] = ()
    with weights.opened(path) as file:
        if architecture is None:
            text = weights.read_text(file, "model_config", MAX_CONFIG_BYTES)
            if text is None:
                raise without_description(file)
            description = read_json(text)
        found = weights.inspect_weights(file, max_parameters)
        places = [file, *([file["model_weights"]] if "/model_weights" in found.groups else [])]
        said = {
            name: next(filter(None, (weights.read_text(place, name, 1_000) for place in places)), b"")
            for name in ("keras_version", "backend")
        }
        version = _version(said["keras_version"].decode("utf-8", "replace"))
        if architecture is not None and isinstance(description, dict):
            version = _version(description.get("keras_version")) or version
        by_layer = stored.is_by_layer(file, found)
        if architecture is not None and architecture.startswith(APPLICATION):
            if by_layer:
                stored.write_layers(file, stored.stored_layers(file, found), clean)
            elif stored.is_numbered(found):
                weights.copy_weights(file, found, clean)
            else:
                raise without_weights()
            name, content = architecture.removeprefix(APPLICATION), _sha256(path, architecture)
            return Checked(clean, "h5", found.n_parameters, _written_by(version), content, (), name)
        clean_of = partial(clean_config, max_parameters=max_parameters, extents=found.extents)
        checked = clean_of(_without_extras(description, architecture), legacy=True)
        draft = Draft(checked, version, said["backend"].decode("utf-8", "replace"))
        model = stored.node_of(draft.model)
        if not by_layer and not stored.is_numbered(found):
            raise without_weights()
        words = repair(draft)
        config = clean_of(draft.model, legacy=False)
        attributes = {"model_config": json.dumps(config).encode()}
        attributes |= {name: value for name, value in said.items() if value}
        if by_layer:
            stored.write_layers(file, stored.stored_layers(file, found), clean, attributes, model, draft.conversions)
        else:
            stored.write_named(file, stored.named_paths(found, model), clean, attributes)
        if architecture is None and "training_config" in file.attrs:
            words += ("training settings left out",)
    given = (path, Path(architecture)) if architecture is not None else (path,)
    return Checked(clean, "h5", found.n_parameters, _written_by(version), _sha256(*given), words)


def _without_extras(description: Any, architecture: str | None) -> Any:
    """Return the description without what only model.to_json() puts beside it."""
    if architecture is None or not isinstance(description, dict):
        return description
    return {key: value for key, value in description.items() if key not in ("keras_version", "backend")}


def _is_of_tf_keras(description: Any) -> bool:
    return isinstance(description, dict) and description.get("module") in list(LEGACY_MODEL_MODULES)  # may be a list


def _version(value: object) -> str:
    """Return a version number, empty for anything else."""
    found = re.match(r"\d{1,4}(\.[0-9A-Za-z\-]{1,16}){0,4}", value) if isinstance(value, str) else None
    return found[0] if found else ""


def _written_by(version: str) -> str:
    return f"Keras {version}" if version else ""


def _sha256(*given: Path | str) -> str:
    """Return the hash of a file; of several files and texts, that of their hashes."""
    digests = []
    for entry in given:
        if isinstance(entry, str):
            digests.append(hashlib.sha256(entry.encode()))
            continue
        with entry.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256"))
    if len(digests) == 1:
        return digests[0].hexdigest()
    return hashlib.sha256("".join(digest.hexdigest() for digest in digests).encode()).hexdigest()
