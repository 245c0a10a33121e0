"""Which array of a file belongs to which layer of a model.

Keras has kept weights in three ways: up to Keras 2, .h5 files have a group for each layer, by its name, with its arrays
in order; .keras and .weights.h5 files number the layers of each class (`layers/conv2d_1/vars/0`); and those of tf.keras
2.12 to 2.15 do so under another word and with gaps in the numbers. Which layer the number means depends on the order of
the layers, which repairs may change, so it is settled with the description as it stood in the file.

Invariant: every array that is named here was inspected by `weights`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from nnvis_dash.analysis.preflight.repairs.draft import Convert, Entry, inner_entries, is_model, layers_of, name_of
from nnvis_dash.analysis.preflight.weights import Weights, copy_array, read_names, write_names
from nnvis_dash.analysis.preflight.wording import COPY_AGAIN, shown
from nnvis_dash.errors import ModelError

LEGACY, NAMED = "model_weights", "named_weights"  # groups of a clean copy
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
_VARIABLES = "vars"


@dataclass(frozen=True)
class Node:
    """A layer as it stood in the file, and what is inside it."""

    entry: Entry  # the same object through all repairs
    kind: str
    name: str
    layers: tuple[Node, ...]  # of a model
    inner: Mapping[str, Node]  # of a wrapper

    @property
    def is_model(self) -> bool:
        """Whether it has layers of its own."""
        return bool(self.layers)


@dataclass(frozen=True)
class StoredLayer:
    """A layer's arrays in a file by layers."""

    name: str
    weights: tuple[tuple[str, str], ...]  # the weight's own name, the array's full name in the file


def node_of(entry: Entry) -> Node:
    """Note how an entry stands in the description, before it is repaired."""
    inside = layers_of(entry) if is_model(entry) else []
    return Node(
        entry,
        entry["class_name"],
        name_of(entry),
        tuple(node_of(layer) for layer in inside),
        {} if inside else {name: node_of(inner) for name, inner in inner_entries(entry).items()},
    )


def is_by_layer(file: h5py.File, found: Weights) -> bool:
    """Whether the file has a group for each layer, in the way of Keras up to 2."""
    return f"/{LEGACY}" in found.groups or read_names(file, "layer_names") is not None


def stored_layers(file: h5py.File, found: Weights) -> list[StoredLayer]:
    """List the layers of a file by layers, in its order.

    Raises
    ------
    ModelError
        The file names arrays that it doesn't hold.
    """
    root = f"/{LEGACY}" if f"/{LEGACY}" in found.groups else ""
    names = read_names(file[root or "/"], "layer_names")
    if names is None:
        raise ModelError("The file doesn't say which layers its weights belong to", COPY_AGAIN)
    layers = []
    for name in (text.decode("utf-8", "replace") for text in names):
        group = f"{root}/{name}"
        if group not in found.groups:
            raise _missing(group)
        weights = []
        for own in (text.decode("utf-8", "replace") for text in read_names(file[group], "weight_names") or []):
            if f"{group}/{own}" not in found.arrays:
                raise _missing(f"{group}/{own}")
            weights.append((own, f"{group}/{own}"))
        layers.append(StoredLayer(name, tuple(weights)))
    return layers


def write_layers(
    file: h5py.File,
    layers: Sequence[StoredLayer],
    target: Path,
    attributes: Mapping[str, bytes] | None = None,
    model: Node | None = None,
    conversions: Sequence[tuple[Entry, Convert]] = (),
) -> None:
    """Write a clean copy by layers.

    Parameters
    ----------
    file
        The inspected file.
    layers
        What `stored_layers` returned.
    target
        The file to write.
    attributes
        Of the new file's root.
    model
        The model as it stood in the file; layers that a repair renamed are written under their new names.
    conversions
        What is to be done to the arrays of single layers.

    Raises
    ------
    ModelError
        A conversion that the arrays don't fit.
    """
    entries = {node.name: node.entry for node in model.layers} if model is not None else {}
    convert_by = {id(entry): convert for entry, convert in conversions}
    with h5py.File(target, "w", locking=False) as copy:
        for name, value in (attributes or {}).items():
            copy.attrs[name] = value
        root = copy.create_group(LEGACY)
        names = {layer.name: name_of(entries[layer.name]) for layer in layers if layer.name in entries}
        write_names(root, "layer_names", [names.get(layer.name, layer.name).encode() for layer in layers])
        for layer in layers:
            group = root.require_group(names.get(layer.name, layer.name))
            convert = convert_by.get(id(entries.get(layer.name)))
            own = [name for name, _ in layer.weights]
            if convert is None:
                for name, path in layer.weights:
                    copy_array(file[path], group, name)
            elif layer.weights:
                try:
                    arrays = convert([file[path][()] for _, path in layer.weights])
                except (ValueError, IndexError, TypeError):
                    raise ModelError(
                        f"The weights of the layer {shown(layer.name)!r} aren't of the form that Keras 1 wrote",
                        COPY_AGAIN,
                    ) from None
                own = [f"converted:{number}" for number in range(len(arrays))]
                for name, array in zip(own, arrays, strict=True):
                    group.create_dataset(name, data=array)
            write_names(group, "weight_names", [name.encode() for name in own])


def is_numbered(found: Weights) -> bool:
    """Whether the file numbers the layers of each class."""
    return any(path.replace("\\", "/").split("/")[1] in _CONTAINERS for path in found.groups)


def named_paths(found: Weights, model: Node) -> dict[str, str]:
    """Find the layer of each array in a file that numbers the layers of each class.

    Parameters
    ----------
    found
        What the file holds.
    model
        The model as it stood in the file.

    Returns
    -------
    The name of each array with the layers' names in the place of classes and numbers, such as
    ``layers/outer/layers/inner/vars/0``, and its full name in the file.

    Raises
    ------
    ModelError
        The file has other layers than the model.
    """
    tree: dict[str, Any] = {}
    for path in found.groups:
        _place(tree, path)
    for path in found.arrays:
        parent, _, last = path.replace("\\", "/").rpartition("/")
        _place(tree, parent)[last] = path
    named: dict[str, str] = {}
    _collect(tree, model, [], named)
    return named


def write_named(file: h5py.File, named: Mapping[str, str], target: Path, attributes: Mapping[str, bytes]) -> None:
    """Write a clean copy by the layers' names; `named` is what `named_paths` returned."""
    with h5py.File(target, "w", locking=False) as copy:
        for name, value in attributes.items():
            copy.attrs[name] = value
        root = copy.create_group(NAMED)
        for path, full in named.items():
            copy_array(file[full], root, path)


def _place(tree: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the dictionary for a group; Windows wrote some names with the other slash."""
    for part in path.replace("\\", "/").strip("/").split("/"):
        tree = tree.setdefault(part, {}) if part else tree
        if not isinstance(tree, dict):
            raise _missing(path)
    return tree


def _collect(place: dict[str, Any], node: Node, path: list[str], named: dict[str, str]) -> None:
    """Walk the groups of one layer; arrays stand in groups of the name `vars`."""
    for name, value in place.items():
        if not isinstance(value, dict):
            continue
        if name == _VARIABLES:
            named |= {"/".join([*path, name, key]): full for key, full in value.items() if isinstance(full, str)}
        elif node.is_model:
            if name in _CONTAINERS:
                _collect_layers(value, node, [*path, "layers"], named)
        else:
            part = node.inner.get(name, Node(node.entry, "", "", (), {}))
            _collect(value, part, [*path, name], named)


def _collect_layers(place: dict[str, Any], model: Node, path: list[str], named: dict[str, str]) -> None:
    """Match the numbered groups of each class with the layers of that class.

    Where there is a group for each layer, their order counts, for tf.keras left gaps in the numbers; where those
    without weights have none, the number itself counts.
    """
    for kind in dict.fromkeys(node.kind for node in model.layers):
        nodes = [node for node in model.layers if node.kind == kind]
        pattern = re.compile(re.escape(_snake_case(kind)) + r"(?:_(\d{1,6}))?")
        numbered = {int(match[1] or 0): name for name in place if (match := pattern.fullmatch(name))}
        if len(numbered) == len(nodes):
            numbered = dict(enumerate(numbered[number] for number in sorted(numbered)))
        for number, name in numbered.items():
            if not _holds_arrays(place[name]):
                continue
            if number >= len(nodes):
                raise ModelError(
                    f"The file holds weights for more layers of the class {shown(kind)} than the model's {len(nodes)}",
                    "Give the architecture that these weights were saved from.",
                )
            _collect(place[name], nodes[number], [*path, name_of(nodes[number].entry)], named)


def _holds_arrays(place: Any) -> bool:
    return isinstance(place, dict) and any(isinstance(value, str) or _holds_arrays(value) for value in place.values())


def _snake_case(name: str) -> str:
    """Write a class's name as Keras does in the names of groups."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _missing(path: str) -> ModelError:
    return ModelError(f"The file names the weights {shown(path)!r}, but doesn't hold them", COPY_AGAIN)
