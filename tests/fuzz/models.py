"""A target for each kind of model file: changed files are checked in a child process, as those that people add are."""

from __future__ import annotations

import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.fuzz import samples
from tests.fuzz.checking import saved_model_files
from tests.fuzz.judge import Given
from tests.fuzz.mutations import NUMBERS, mutated, mutated_json, mutated_text
from tests.security.crafted import ARRAYS, BIAS, KERNEL, h5_bytes


def _archive(members: dict[str, bytes], rng: random.Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in members.items():
            undated = zipfile.ZipInfo(name)  # a seed gives the same bytes at any time
            archive.writestr(undated, content, archive.compression)
    return stream.getvalue()


def _metadata(rng: random.Random) -> bytes:
    version = rng.choice(("3.15.1", "3.0.0", "2.13.1", "2.15.0", "1.2.2", "", "x" * 200, "\x00", 7, None, ["3"]))
    return json.dumps({"keras_version": version, "date_saved": "2026-11-21@00:00:00"}).encode()


def _keras(members: dict[str, bytes], rng: random.Random) -> Given:
    return Given({"m.keras": _archive({"metadata.json": _metadata(rng), **members}, rng)}, "m.keras")


def config(rng: random.Random) -> Given:
    """A description changed as a tree or as text, over good weights."""
    description = rng.choice(samples.descriptions())
    if rng.random() < 0.85:
        text = json.dumps(mutated_json(rng, description)).encode("utf-8", "surrogatepass")
    else:
        text = mutated_text(rng, json.dumps(description))
    return _keras({"config.json": text, "model.weights.h5": h5_bytes()}, rng)


def _other_weights(rng: random.Random) -> bytes:
    """Return an HDF5 file that h5py wrote, with other objects, types, shapes and names than Keras would."""
    arrays = dict(ARRAYS)
    values: tuple[Any, ...] = (
        KERNEL, BIAS, np.float32(1), np.zeros((0, 2), "f4"), np.zeros((16, 2), "f2"), np.zeros((16, 2), ">f8"),
        np.zeros((2, 16), "i1"), np.array(["a"], "S"), np.zeros((1,) * 9, "f4"), np.zeros(3, [("a", "f4")]),
        np.array([np.nan], "f4"),
    )  # fmt: skip
    names = (
        *arrays, "layers/dense/vars/2", "layers/dense/vars/x", "optimizer/vars/0", "layers\\dense\\vars\\0", "vars/0",
        "_layer_checkpoint_dependencies/dense/vars/0", "a/" * 60 + "b", "\u202e", "x" * 300,
    )  # fmt: skip
    for _ in range(1 + rng.randrange(3)):
        name = rng.choice(names)
        arrays[name] = rng.choice(values)
        if rng.random() < 0.3:
            arrays.pop(rng.choice(list(arrays)))

    def change(file: h5py.File) -> None:
        entries: list[Any] = [file]
        file.visititems(lambda name, entry: entries.append(entry))
        for _ in range(rng.randrange(3)):
            entry = rng.choice(entries)
            name = rng.choice(
                ("name", "weight_names", "weight_names0", "layer_names", "keras_version", "backend", "dtype", "x")
            )
            entry.attrs[name] = rng.choice(
                (b"x", "é", 7, [1, 2], [b"a", b"b"], np.zeros(0), h5py.Empty("f4"), b"x" * 3_000, np.nan)
            )

    try:
        return h5_bytes(arrays, change)
    except (ValueError, TypeError, OSError, RuntimeError):  # a name that is a group and an array
        return h5_bytes()


def weights(rng: random.Random) -> Given:
    """A .keras archive whose weights are changed inside it, so that the archive's own sums fit."""
    good = h5_bytes()
    data = _other_weights(rng) if rng.random() < 0.3 else good
    if rng.random() < 0.75 or data is good:
        data = mutated(rng, data, (samples.old_h5(),))
    return _keras(
        {"config.json": json.dumps(rng.choice(samples.descriptions())).encode(), "model.weights.h5": data}, rng
    )


def keras(rng: random.Random) -> Given:
    """A .keras archive changed in its bytes, or with other members."""
    members = {
        "metadata.json": _metadata(rng),
        "config.json": json.dumps(rng.choice(samples.descriptions())).encode(),
        "model.weights.h5": h5_bytes(),
    }
    if rng.random() < 0.3:
        name = rng.choice(
            ("../x", "assets/x", "model.weights.h5/", "CONFIG.JSON", "config.json.bak", "saved_model.pb", " ")
        )
        members[name] = rng.randbytes(rng.choice(NUMBERS[:10]))
    if rng.random() < 0.2:
        del members[rng.choice(list(members))]
    return Given({"m.keras": mutated(rng, _archive(members, rng))}, "m.keras")


def h5(rng: random.Random) -> Given:
    """An .h5 file changed in its bytes, in its description or in its names; or weights and architecture apart."""
    data = samples.old_h5() if rng.random() < 0.5 else _described(rng)
    if rng.random() < 0.6:
        data = mutated(rng, data, (h5_bytes(),))
    if rng.random() < 0.2:
        text = mutated_text(rng, json.dumps(rng.choice(samples.descriptions())))
        return Given({"m.h5": data, "a.json": text}, "m.h5", {"architecture": rng.choice(("a.json", "keras:VGG16"))})
    return Given({"m.h5": data}, "m.h5")


def _described(rng: random.Random) -> bytes:
    """Return an .h5 file that h5py wrote, with another description, other names and another version."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.h5"
        path.write_bytes(samples.old_h5())
        with h5py.File(path, "r+") as file:
            _change_names(rng, file)
            _change_description(rng, file)
        return path.read_bytes()


def _change_names(rng: random.Random, file: h5py.File) -> None:
    group = file["model_weights"]
    for _ in range(rng.randrange(3)):
        place = rng.choice((group, group["dense"], group["flatten"]))
        name = rng.choice(("layer_names", "weight_names", "backend", "keras_version"))
        values = (
            [b"dense"], [b"dense", b"dense"], [b"dense/kernel:0"], [b"dense/bias:0", b"dense/kernel:0"], [b".."], [b""],
            [b"/"], "é", [b"dense/dense"], 7, [0.0], np.zeros(0), h5py.Empty("S1"), [[b"dense"]], b"theano", b"2.1.6",
            b"1.0.0", np.bytes_(b"a\x00b"),
        )  # fmt: skip
        place.attrs[name] = rng.choice(values)


def _change_description(rng: random.Random, file: h5py.File) -> None:
    description = json.loads(file.attrs["model_config"])
    changed = mutated_json(rng, description) if rng.random() < 0.8 else description
    text = json.dumps(changed).encode("utf-8", "surrogatepass")
    if rng.random() < 0.1:
        text = mutated(rng, text)
    file.attrs["model_config"] = np.bytes_(text[:60_000]) if b"\x00" in text else text  # what h5py can write
    file.attrs["keras_version"] = rng.choice((b"2.8.0", b"2.1.6", b"1.2.2", b"2.15.0", b"3.1.0"))
    file.attrs["backend"] = rng.choice((b"tensorflow", b"theano", b"x"))


def saved_model(rng: random.Random) -> Given:
    """A zip of a SavedModel: its graph or its values changed inside it, or the archive's bytes."""
    files = dict(saved_model_files())
    where = rng.random()
    if where < 0.8:
        for name in rng.sample(sorted(files), rng.choice((1, 1, 2))):
            files[name] = mutated(rng, files[name], tuple(files.values()))
    if 0.7 < where < 0.85:
        extra = rng.choice(
            (
                "saved_model.pb",
                "other/saved_model.pb",
                "assets/x.txt",
                "../x",
                "variables/variables.data-00001-of-00002",
            )
        )
        files[extra] = rng.randbytes(20)
    data = _archive({f"model/{name}": content for name, content in files.items()}, rng)
    return Given({"m.zip": mutated(rng, data) if where > 0.8 else data}, "m.zip")


def loaded(rng: random.Random) -> Given:
    """Another description in a file that HDF5 can read: Keras loads what passes, and it fails in words too."""
    return config(rng) if rng.random() < 0.5 else Given({"m.h5": _described(rng)}, "m.h5")


TARGETS: dict[str, Callable[[random.Random], Given]] = {
    "config": config,
    "weights": weights,
    "keras": keras,
    "h5": h5,
    "saved_model": saved_model,
    "loaded": loaded,
}
TASKS = {**dict.fromkeys(TARGETS, "check"), "saved_model": "freeze", "loaded": "add"}
