"""Model files written by hand, without Keras: an honest small classifier, and whatever a test makes of it.

The classifier: input (4, 4, 1), Flatten, Dense(2). Weights: kernel (16, 2), bias (2,); 34 parameters.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

KERNEL = np.arange(32, dtype=np.float32).reshape(16, 2) / 32
BIAS = np.array([0.5, -0.5], dtype=np.float32)
ARRAYS = {"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS}


def keras_object(module: str, name: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None, **more}


def layer(kind: str, **config: Any) -> dict[str, Any]:
    return keras_object("keras.layers", kind, {"name": kind.lower(), "trainable": True, **config})


def dense(units: int = 2, **config: Any) -> dict[str, Any]:
    values = {
        "units": units,
        "activation": "softmax",
        "use_bias": True,
        "kernel_initializer": keras_object("keras.initializers", "GlorotUniform", {"seed": None}),
        "bias_initializer": keras_object("keras.initializers", "Zeros", {}),
    }
    return layer("Dense", **{**values, **config})


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a Sequential of these layers behind the input; Flatten and Dense by default."""
    start = layer("InputLayer", batch_shape=[None, 4, 4, 1], dtype="float32")
    inner = list(layers) or [layer("Flatten", data_format="channels_last"), dense()]
    return keras_object(
        "keras",
        "Sequential",
        {"name": "crafted", "trainable": True, "layers": [start, *inner]},
        build_config={"input_shape": [None, 4, 4, 1]},
    )


def deep_copy(config: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(config)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every dictionary inside a description, itself included."""
    if isinstance(value, dict):
        yield value
        for entry in value.values():
            yield from objects(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from objects(entry)


def h5_bytes(arrays: Mapping[str, Any] = ARRAYS, change: Callable[[h5py.File], None] | None = None) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)
        if change is not None:
            change(file)
    return buffer.getvalue()


def write_keras(
    path: Path,
    config: Any = None,
    arrays: Mapping[str, Any] = ARRAYS,
    *,
    change: Callable[[h5py.File], None] | None = None,
    members: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """Write a .keras archive; `members` are added to it or replace its own."""
    contents = {
        "metadata.json": json.dumps({"keras_version": "3.15.1", "date_saved": "2026-11-21@00:00:00"}).encode(),
        "config.json": json.dumps(sequential() if config is None else config).encode(),
        "model.weights.h5": h5_bytes(arrays, change),
        **(members or {}),
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def write_h5(
    path: Path,
    config: Any = None,
    *,
    change: Callable[[h5py.File], None] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Path:
    """Write an .h5 file as Keras 2 did: classes without modules, weights by the layers' names."""
    if config is None:
        config = sequential()
        for entry in objects(config):
            entry.pop("module", None)
            entry.pop("registered_name", None)
            entry.pop("build_config", None)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.8.0"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["training_config"] = json.dumps({"loss": {"class_name": "Evil", "config": {}}}).encode()
        for name, value in (attributes or {}).items():
            file.attrs[name] = value
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"flatten", b"dense"])
        group.attrs["backend"] = b"tensorflow"
        group.attrs["keras_version"] = b"2.8.0"
        group.create_group("flatten").attrs["weight_names"] = np.array([], dtype="S1")
        weights = group.create_group("dense")
        weights.attrs["weight_names"] = np.array([b"dense/kernel:0", b"dense/bias:0"])
        weights.create_dataset("dense/kernel:0", data=KERNEL)
        weights.create_dataset("dense/bias:0", data=BIAS)
        if change is not None:
            change(file)
    return path
