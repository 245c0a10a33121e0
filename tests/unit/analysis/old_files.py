"""Model files as earlier versions of Keras wrote them, made of today's models with h5py and json alone."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nnvis_dash.analysis.preflight.repairs.draft import Draft
from nnvis_dash.analysis.preflight.repairs.repair import repair
from tests.security.crafted import write_keras


def entry(kind: str, name: str | None = None, **config: Any) -> dict[str, Any]:
    """Return a layer as Keras 1 and 2 wrote it."""
    return {"class_name": kind, "config": {"name": name or kind.lower(), "trainable": True, **config}}


def old_sequential(*layers: dict[str, Any], shape: Sequence[int | None] = (4, 4, 1)) -> dict[str, Any]:
    """Return a Sequential model of Keras 2.2: the first layer says what comes in."""
    first = copy.deepcopy(layers[0])
    first["config"]["batch_input_shape"] = [None, *shape]
    return {"class_name": "Sequential", "config": {"name": "old", "layers": [first, *layers[1:]]}}


def old_functional(*layers: dict[str, Any], output: str, shape: Sequence[int | None] = (4, 4, 1)) -> dict[str, Any]:
    """Return a functional model of Keras 2.2; the first layer is the input `x`."""
    start = {**entry("InputLayer", "x", batch_input_shape=[None, *shape], dtype="float32"), "inbound_nodes": []}
    del start["config"]["trainable"]
    own = [{"name": layer["config"]["name"], **layer} for layer in (start, *layers)]
    config = {"name": "old", "layers": own, "input_layers": [["x", 0, 0]], "output_layers": [[output, 0, 0]]}
    return {"class_name": "Model", "config": config}


def behind(layer: dict[str, Any], *inputs: str | tuple[str, int], **arguments: Any) -> dict[str, Any]:
    """Return the layer with one call on the first outputs of other layers."""
    pairs = [(given, 0) if isinstance(given, str) else given for given in inputs]
    return {**layer, "inbound_nodes": [[[name, number, 0, dict(arguments)] for name, number in pairs]]}


def repaired(config: dict[str, Any], version: str = "2.2.4", backend: str = "") -> tuple[dict[str, Any], str]:
    """Return a description after all repairs, and the words for the card."""
    draft = Draft(copy.deepcopy(config), version, backend)
    words = repair(draft)
    return draft.model, " | ".join(words)


def layer_named(model: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [layer for layer in model["config"]["layers"] if layer["config"]["name"] == name]
    return found


def shake(model: Any, seed: int = 0) -> Any:
    """Give a model random weights, positive variances."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        low = "variance" in weight.path
        values = rng.uniform(0.3, 1, weight.shape) if low else rng.normal(size=weight.shape) / 2
        weight.assign(values.astype(np.float32))
    return model


def weights_of(model: Any) -> dict[str, list[np.ndarray]]:
    """Return the arrays of each layer in the order of an .h5 file."""
    return {
        layer.name: [np.asarray(weight) for weight in (*layer.trainable_weights, *layer.non_trainable_weights)]
        for layer in model.layers
    }


def write_old_h5(
    path: Path,
    config: dict[str, Any] | None,
    weights: Mapping[str, Sequence[np.ndarray]],
    *,
    version: str = "2.2.4",
    backend: str | None = "tensorflow",
) -> Path:
    """Write a whole model, or (`config` None) its weights alone, as Keras 1 and 2 did."""
    with h5py.File(path, "w") as file:
        group = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            file.attrs["keras_version"] = version.encode()
            group = file.create_group("model_weights")
        group.attrs["keras_version"] = version.encode()
        if backend is not None:
            group.attrs["backend"] = backend.encode()
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            own = group.create_group(name)
            names = [f"{name}/weight_{number}:0" for number in range(len(arrays))]
            own.attrs["weight_names"] = np.array([text.encode() for text in names], dtype="S") if names else []
            for text, array in zip(names, arrays, strict=True):
                own.create_dataset(text, data=array)
    return path


def aged(model: Any) -> dict[str, Any]:
    """Return the description of one of today's models as tf.keras 2.8 would have written it."""
    config = json.loads(model.to_json())
    _age(config)
    return config


def _age(value: Any) -> None:
    if isinstance(value, list):
        for part in value:
            _age(part)
    if not isinstance(value, dict):
        return
    for name in ("module", "registered_name", "build_config", "compile_config"):
        value.pop(name, None)
    config = value.get("config")
    if isinstance(config, dict):
        if "batch_shape" in config:
            config["batch_input_shape"] = config.pop("batch_shape")
            config.pop("optional", None)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = {"class_name": "Policy", "config": {"name": config["dtype"]["config"]["name"]}}
        kind = value.get("class_name", "")
        if kind == "DepthwiseConv2D":
            config["groups"] = 1
        if kind == "BatchNormalization":
            config["axis"] = [config["axis"]]
        if kind in ("GlorotUniform", "Zeros", "Ones"):
            config["dtype"] = "float32"
        for which in ("input_layers", "output_layers"):
            if isinstance(config.get(which), list) and isinstance(config[which][0], str):
                config[which] = [config[which]]
        own = config.get("layers", [])
        models = {layer["config"]["name"] for layer in own if layer["class_name"] in ("Sequential", "Functional")}
        for layer in own:
            if layer.get("inbound_nodes"):
                layer["inbound_nodes"] = [_old_call(call, models) for call in layer["inbound_nodes"]]
    for part in value.values():
        _age(part)


def _old_call(call: dict[str, Any], models: set[str]) -> list[Any]:
    """Write a call as a list; the calls of models were counted from 1."""
    tensors = call["args"][0] if isinstance(call["args"][0], list) else call["args"][:1]
    histories = [tensor["config"]["keras_history"] for tensor in tensors]
    return [[name, number + (name in models), which, dict(call["kwargs"])] for name, number, which in histories]


def write_tf_keras(path: Path, model: Any, *, slash: str = "/", word: str = "_layer_checkpoint_dependencies") -> Path:
    """Write a .keras file as tf.keras 2.13 did: layers with weights take two numbers of their class."""
    import keras

    arrays: dict[str, np.ndarray] = {}

    def collect(inner: Any, place: list[str]) -> None:
        counts: dict[str, int] = {}
        for layer in inner.layers:
            kind = {"Functional": "functional", "Sequential": "sequential"}.get(type(layer).__name__)
            kind = kind or keras.src.utils.naming.to_snake_case(type(layer).__name__)
            number = counts.get(kind, 0)
            counts[kind] = number + (2 if layer.weights else 1)
            own = [*place, word, kind if number == 0 else f"{kind}_{number}"]
            if isinstance(layer, keras.Model):
                collect(layer, own)
                continue
            for key, weight in enumerate(layer.weights):
                arrays[slash.join([*own, "vars", str(key)])] = np.asarray(weight)

    collect(model, [])
    config = json.loads(model.to_json())
    _age(config)
    config["module"] = "keras.src.engine.functional" if config["class_name"] == "Functional" else "keras"
    members = {"metadata.json": json.dumps({"keras_version": "2.13.1"}).encode()}
    return write_keras(path, config, arrays, members=members)
