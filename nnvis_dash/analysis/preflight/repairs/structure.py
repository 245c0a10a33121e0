"""The form of a whole description: lists in the place of models, inputs that are only implied, connections, names."""

from __future__ import annotations

from typing import Any

from nnvis_dash.analysis.preflight.repairs.draft import (
    Draft,
    Entry,
    calls,
    ends,
    fresh_name,
    is_model,
    is_reference,
    is_sequential,
    layers,
    layers_of,
    made,
    models,
    name_of,
    references,
    tensor,
)


def list_configs(draft: Draft) -> str:
    """Sequential models up to Keras 2.1.6 are a list of layers without a name."""
    changed = 0
    for model in models(draft.model):
        if isinstance(model["config"], list):
            changed += 1
            name = model.get("name") or ("sequential" if changed == 1 else f"sequential_{changed}")
            model["config"] = {"name": name, "layers": model["config"]}
    return "Sequential model: its list of layers put into a model" if changed else ""


def model_class(draft: Draft) -> str:
    """Functional models up to Keras 2.2 are of the class Model."""
    changed = False
    for model in models(draft.model):
        if model["class_name"] == "Model":
            model["class_name"] = "Functional"
            changed = True
        if not name_of(model):
            model["config"]["name"] = model.get("name") or "model"
    return "class Model: read as a functional model" if changed else ""


def batch_shapes(draft: Draft) -> str:
    """Input layers had a batch_input_shape, and an input_dtype before Keras 2.

    Any first layer of a Sequential model could have them too; those are left for `missing_inputs`.
    """
    changed = False
    for layer in layers(draft.model):
        config = layer["config"]
        if layer["class_name"] != "InputLayer" or not isinstance(config, dict):
            continue
        if "batch_input_shape" in config:
            config["batch_shape"] = config.pop("batch_input_shape")
            changed = True
        if "input_dtype" in config:
            config["dtype"] = config.pop("input_dtype") or "float32"
            changed = True
    return "InputLayer: batch_input_shape read as batch_shape" if changed else ""


def missing_inputs(draft: Draft) -> str:
    """A Sequential model could say its input in the first layer, or only after it had been built."""
    changed = False
    for model in reversed(list(models(draft.model))):  # inner ones first, for outer ones may begin with them
        own = layers_of(model)
        if not is_sequential(model) or not own or own[0]["class_name"] == "InputLayer":
            continue
        shape, dtype = _input_of(own[0]), _dtype_of(own[0])
        shape = shape or model["config"].get("build_input_shape") or _built(model) or _built(own[0])
        if not isinstance(shape, list) or not all(extent is None or isinstance(extent, int) for extent in shape):
            continue  # Keras builds it with what comes in
        name = fresh_name(model, "input")
        own.insert(0, made("InputLayer", name, batch_shape=list(shape), dtype=dtype))
        changed = True
    return "Sequential model: an InputLayer put in front" if changed else ""


def input_layers(model: Entry) -> list[Entry]:
    """Return the input layers of a model, in its order."""
    return [layer for layer in layers_of(model) if layer["class_name"] == "InputLayer"]


def _input_of(entry: Entry) -> Any:
    """Return the input shape that a layer declares, or that the model declares which it is."""
    config = entry["config"]
    if is_model(entry):
        inner = input_layers(entry)
        return inner[0]["config"].get("batch_shape") if len(inner) == 1 else None
    if config.get("batch_input_shape"):
        return config["batch_input_shape"]
    if isinstance(config.get("input_shape"), list):
        return [None, *config["input_shape"]]
    if entry["class_name"] == "Dense" and isinstance(config.get("input_dim"), int):
        return [None, config["input_dim"]]
    return None


def _dtype_of(entry: Entry) -> str:
    config = entry["config"]
    given = config.get("input_dtype") if entry["class_name"] != "Embedding" else "int32"
    return given if isinstance(given, str) else "float32"


def _built(entry: Entry) -> Any:
    config = entry.get("build_config")
    return config.get("input_shape") if isinstance(config, dict) else None


def connections(draft: Draft) -> str:
    """Calls with further arguments were lists in which a tensor looks like any list; they are written as today.

    tf.keras 2.4 and later wrote a call with one input without the list around it. Arguments that are None say nothing.
    """
    changed = False
    for model in models(draft.model):
        if is_sequential(model):
            continue
        names = {name_of(layer) for layer in layers_of(model)}
        for layer in layers_of(model):
            layer["config"]["name"] = layer.setdefault("name", name_of(layer))  # the former is what connections name
            nodes = calls(layer)
            for number, node in enumerate(nodes):
                if not isinstance(node, list):
                    continue
                inputs = [node] if is_reference(node) else node
                given = [entry[3] for entry in inputs if len(entry) > 3 and isinstance(entry[3], dict)]
                more = {key: value for entry in given for key, value in entry.items() if value is not None}
                if inputs is node and not more:
                    nodes[number] = [entry[:3] for entry in inputs]
                    continue
                changed = True
                nodes[number] = {
                    "args": [tensor(inputs[0])] if len(inputs) == 1 else [[tensor(entry) for entry in inputs]],
                    "kwargs": {key: _argument(value, names) for key, value in more.items()},
                    "legacy": True,
                }
    return "connections written as today" if changed else ""


def _argument(value: Any, names: set[str]) -> Any:
    """Return an argument with the tensors inside it as today."""
    if is_reference(value) and value[0] in names:
        return tensor(value)
    if isinstance(value, list):
        if len(value) >= 3 and value[0] == "_CONSTANT_VALUE":
            return value[2]
        return [_argument(entry, names) for entry in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _argument(entry, names) for key, entry in value.items()}
    return value


def nested_calls(draft: Draft) -> str:
    """The calls of a model inside a model were counted from 1; today from 0, but in `output_layers` of some kinds."""
    changed = False
    for model in models(draft.model):
        if is_sequential(model):
            continue
        kinds = {name_of(layer): layer["class_name"] for layer in layers_of(model) if is_model(layer)}
        old = []
        for call in (call for layer in layers_of(model) for call in calls(layer)):
            if isinstance(call, list) or call.pop("legacy", False):
                old += [reference for reference in references(call) if reference[0] in kinds]
        outputs = [reference for reference in ends(model, "output_layers") if reference[0] in kinds]
        for name in {reference[0] for reference in old + outputs}:
            inside = [reference for reference in old if reference[0] == name]
            outside = [reference for reference in outputs if reference[0] == name and kinds[name] == "Sequential"]
            if draft.major >= 3 or min(reference[1] for reference in inside + outside or [[name, 0]]) < 1:
                continue
            for reference in inside + outside:
                reference[1] -= 1
                changed = True
    return "models inside the model: their calls counted as today" if changed else ""


def single_ends(draft: Draft) -> str:
    """A single input or output stood in a list; today that would make the model return a list."""
    for model in models(draft.model):
        for which in ("input_layers", "output_layers"):
            value = None if is_sequential(model) else model["config"].get(which)
            if isinstance(value, list) and len(value) == 1 and is_reference(value[0]):
                model["config"][which] = value[0]
    return ""


def slashes_in_names(draft: Draft) -> str:
    """Names with a slash are parts of a path today."""
    changed = False
    for model in models(draft.model):
        taken = {name_of(layer) for layer in layers_of(model)}
        renamed: dict[str, str] = {}
        for layer in layers_of(model):
            old = name_of(layer)
            if "/" not in old:
                continue
            stem = old.replace("/", "_")
            new, number = stem, 0
            while new in taken:
                number += 1
                new = f"{stem}_{number}"
            taken.add(new)
            renamed[old] = layer["config"]["name"] = new
            if "name" in layer:
                layer["name"] = new
        for reference in _all_references(model) if renamed and not is_sequential(model) else ():
            reference[0] = renamed.get(reference[0], reference[0])
        changed = changed or bool(renamed)
    for model in models(draft.model):
        if "/" in name_of(model):
            model["config"]["name"] = name_of(model).replace("/", "_")
            changed = True
    return "names of layers: / replaced by _" if changed else ""


def _all_references(model: Entry) -> list[list[Any]]:
    inner = [reference for layer in layers_of(model) for call in calls(layer) for reference in references(call)]
    return inner + ends(model, "input_layers") + ends(model, "output_layers")
