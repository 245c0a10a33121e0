"""A description while it is being repaired: how repairs walk it, follow its tensors and add layers.

Invariant: an entry (the dictionary of one layer) stays the same object through all repairs, whatever becomes of its
class, its name and its fields; the weights of a file find their layers by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

import numpy as np

from nnvis_dash.analysis.preflight.allowed import MODELS
from nnvis_dash.analysis.preflight.wording import SAVE_AGAIN, shown
from nnvis_dash.errors import ModelError

Entry: TypeAlias = dict[str, Any]  # {"class_name": ..., "config": {...}, ...}
Reference: TypeAlias = list[Any]  # [name of a layer, number of its call, number of its output, ...]
Convert: TypeAlias = Callable[[list[np.ndarray]], list[np.ndarray]]

_INNER = ("layer", "forward_layer", "backward_layer", "cell")
FUNCTIONAL = "keras.src.models.functional"


@dataclass
class Draft:
    """What the repairs change."""

    model: Entry
    version: str = ""  # of the Keras that wrote it, "2.1.6"; empty where the file doesn't say
    backend: str = ""  # "theano", "tensorflow"; empty where the file doesn't say
    conversions: list[tuple[Entry, Convert]] = field(default_factory=list)  # for the weights of single layers

    @property
    def major(self) -> int:
        """The first number of the version, 0 where it isn't known."""
        digits = self.version.split(".")[0]
        return int(digits) if digits.isdecimal() else 0


def is_model(entry: Any) -> bool:
    """Whether the entry is a model, which has layers of its own."""
    return isinstance(entry, dict) and entry.get("class_name") in MODELS


def is_sequential(entry: Entry) -> bool:
    """Whether the entry's layers follow each other."""
    return entry["class_name"] == "Sequential"


def layers_of(model: Entry) -> list[Entry]:
    """Return the list of a model's own layers: the one in the description, so that a change to it lasts."""
    layers = model["config"] if isinstance(model["config"], list) else model["config"].get("layers")
    if not isinstance(layers, list) or not all(_is_entry(layer) for layer in layers):
        unreadable(model, "its layers aren't a list of layers")
    return layers


def inner_entries(entry: Entry) -> dict[str, Entry]:
    """Return the layers that a wrapper such as TimeDistributed holds, by its attribute."""
    config = entry["config"]
    return {name: config[name] for name in _INNER if _is_entry(config.get(name))} if isinstance(config, dict) else {}


def models(entry: Entry) -> Iterator[Entry]:
    """Yield every model in an entry, outer ones first, itself included."""
    if is_model(entry):
        yield entry
        for layer in layers_of(entry):
            yield from models(layer)
    else:
        for inner in inner_entries(entry).values():
            yield from models(inner)


def layers(entry: Entry) -> Iterator[Entry]:
    """Yield every layer inside an entry that isn't a model, those inside wrappers too."""
    if is_model(entry):
        for layer in layers_of(entry):
            yield from layers(layer)
        return
    yield entry
    for inner in inner_entries(entry).values():
        yield from layers(inner)


def parts(value: Any) -> Iterator[Entry]:
    """Yield everything that has a class and a config, at any depth."""
    if isinstance(value, dict):
        if _is_entry(value):
            yield value
        for inner in list(value.values()):
            yield from parts(inner)
    elif isinstance(value, list):
        for inner in list(value):
            yield from parts(inner)


def name_of(entry: Entry) -> str:
    """Return a layer's name, empty where it has none."""
    config = entry["config"]
    name = config.get("name") if isinstance(config, dict) else None
    name = entry.get("name") if name is None else name
    return name if isinstance(name, str) else ""


def described(entry: Entry) -> str:
    """Return the words for a layer in a message."""
    return f"the layer {shown(name_of(entry))} ({shown(entry['class_name'])})"


def unreadable(entry: Entry, why: str) -> NoReturn:
    """Refuse a description that isn't of the form that Keras writes."""
    raise ModelError(f"The model's description can't be read: in {described(entry)}, {why}", SAVE_AGAIN)


def unrepairable(entry: Entry, why: str, mend: str = "") -> NoReturn:
    """Refuse a model of an earlier Keras that today's can't compute."""
    what = described(entry)
    raise ModelError(f"{what[:1].upper()}{what[1:]} {why}", mend or SAVE_AGAIN)


# Calls


def calls(entry: Entry) -> list[Any]:
    """Return the calls of a layer in a functional model (`inbound_nodes`)."""
    nodes = entry.setdefault("inbound_nodes", [])
    if not isinstance(nodes, list):
        unreadable(entry, "its connections aren't a list")
    return nodes


def references(call: Any) -> list[Reference]:
    """Return the inputs of a call, as the lists in the description, in their order."""
    if isinstance(call, list):
        return [entry for entry in call if is_reference(entry)]
    found: list[Reference] = []
    if isinstance(call, dict):
        if call.get("class_name") == "__keras_tensor__":
            history = call["config"].get("keras_history")
            return [history] if is_reference(history) else []
        for value in call.values():
            found += _nested_references(value)
    return found


def _nested_references(value: Any) -> list[Reference]:
    if isinstance(value, dict):
        return references(value)
    if isinstance(value, list):
        return [found for entry in value for found in _nested_references(entry)]
    return []


def is_reference(value: Any) -> bool:
    """Whether the value names an output of a layer."""
    return (
        isinstance(value, list)
        and len(value) >= 3
        and isinstance(value[0], str)
        and all(isinstance(number, int) and not isinstance(number, bool) for number in value[1:3])
    )


def tensor(reference: Reference) -> Entry:
    """Write a reference as Keras 3 does inside the arguments of a call; it reads the history alone."""
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None], "dtype": "float32", "keras_history": list(reference[:3])},
    }


def ends(model: Entry, which: str) -> list[Reference]:
    """Return the references in `input_layers` or `output_layers` of a functional model."""
    value = model["config"].get(which)
    return [value] if is_reference(value) else _reference_leaves(value)


def _reference_leaves(value: Any) -> list[Reference]:
    if is_reference(value):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [leaf for entry in inner for leaf in _reference_leaves(entry)]


# New layers


def made(kind: str, name: str, module: str = "keras.layers", **config: Any) -> Entry:
    """Write the entry of a new layer."""
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": name, **config},
        "registered_name": None,
        "name": name,
    }


def fresh_name(model: Entry, stem: str) -> str:
    """Return a name that no layer of the model has."""
    taken = {name_of(layer) for layer in layers_of(model)}
    number, name = 0, stem
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    return name


def put_behind(model: Entry, layer: Entry, new: Entry) -> None:
    """Put a new layer behind all outputs of another: whoever got the other's first output gets the new one's."""
    own = layers_of(model)
    position = next(number for number, entry in enumerate(own) if entry is layer)
    if is_sequential(model):
        own.insert(position + 1, new)
        return
    name = name_of(layer)
    users = [reference for entry in own for call in calls(entry) for reference in references(call)]
    users += ends(model, "output_layers")
    numbers = sorted({reference[1] for reference in users if reference[0] == name})
    new["inbound_nodes"] = [[[name, number, 0, {}]] for number in numbers]
    for reference in users:
        if reference[0] == name:
            reference[:3] = [name_of(new), numbers.index(reference[1]), 0]
    own.insert(position + 1, new)


def put_before(model: Entry, call_of: Entry, reference: Reference, new: Entry) -> None:
    """Put a new layer between one input of one call of a functional model and that call."""
    new["inbound_nodes"] = [[[*reference[:3], {}]]]
    reference[:3] = [name_of(new), 0, 0]
    own = layers_of(model)
    own.insert(next(number for number, entry in enumerate(own) if entry is call_of), new)


def _is_entry(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("class_name"), str)
        and isinstance(value.get("config"), (dict, list))
    )
