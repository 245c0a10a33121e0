"""Puts the arrays of a clean copy into a model: layer by layer, by name, and nothing before everything fits.

Keras itself goes by the order of the layers, which a repair may have changed; where the names of file and model agree,
they decide.

Invariant: after `assign` every weight of the model is one of the file's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import h5py
import numpy as np

from nnvis_dash.analysis.preflight.stored import LEGACY, NAMED, StoredLayer
from nnvis_dash.analysis.preflight.wording import shown
from nnvis_dash.errors import ModelError

_FIT = "Give the architecture that these weights were saved from."


def assign(model: Any, file: h5py.File) -> None:
    """Put the weights of a clean copy into a model.

    Parameters
    ----------
    model : keras.Model
        Built.
    file
        The clean copy: by layers (`LEGACY`) or by the layers' names (`NAMED`).

    Raises
    ------
    ModelError
        The weights are those of another model; names the first that doesn't fit.
    """
    if LEGACY in file:
        _assign_layers(model, file[LEGACY])
        return
    named: dict[str, h5py.Dataset] = {}

    def note(path: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset):
            named[path] = entry

    file[NAMED].visititems(note)
    assign_named(model, named)


def weighted_layers(group: h5py.Group) -> list[StoredLayer]:
    """List the layers with weights in the group of a clean copy by layers; their paths are those inside the group."""
    found = []
    for name in _names(group, "layer_names"):
        own = _names(group[name], "weight_names")
        if own:
            found.append(StoredLayer(name, tuple((weight, f"{name}/{weight}") for weight in own)))
    return found


def _names(group: h5py.Group, attribute: str) -> list[str]:
    from nnvis_dash.analysis.preflight.weights import read_names

    return [text.decode("utf-8", "replace") for text in read_names(group, attribute) or []]


def _assign_layers(model: Any, group: h5py.Group) -> None:
    stored = weighted_layers(group)
    layers = [layer for layer in model.layers if _weights(layer)]
    by_name = {layer.name: layer for layer in layers}
    if {entry.name for entry in stored} == by_name.keys():
        pairs = [(entry, by_name[entry.name]) for entry in stored]
    elif len(stored) != len(layers):
        raise ModelError(
            f"The file holds the weights of {len(stored):,} layers, the model has {len(layers):,}"
            f"{_first_stranger(stored, by_name)}",
            _FIT,
        )
    else:
        pairs = list(zip(stored, layers, strict=True))
    values: list[tuple[Any, Any]] = []
    for entry, layer in pairs:
        variables = _ordered(layer, [weight for weight, _ in entry.weights])
        paths = [path for _, path in entry.weights]
        if len(paths) == len(variables) + 1 and group[paths[-1]].shape == () and type(layer).__name__ == _COUNTING:
            paths.pop()
        if len(paths) != len(variables):
            _unlike(entry.name, layer, f"{len(paths)} arrays", f"{len(variables)}")
        for variable, path in zip(variables, paths, strict=True):
            if tuple(variable.shape) != group[path].shape:
                _unlike(entry.name, layer, f"an array of shape {group[path].shape}", f"{tuple(variable.shape)}")
            values.append((variable, path))
    for variable, path in values:
        variable.assign(_numbers(group[path]))
    for _, layer in pairs:
        _finish(layer)


_COUNTING = "Normalization"  # kept a count of images in its third array


def _weights(layer: Any) -> list[Any]:
    """Return a layer's weights in the order of the .h5 files: those to be trained first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _ordered(layer: Any, names: Sequence[str]) -> list[Any]:
    """Return the weights of a layer in the order in which the file names them.

    For a model inside the model the names say which of its layers each array belongs to; where they don't, the order
    in the file is that of the weights.
    """
    weights = _weights(layer)
    if not hasattr(layer, "layers"):
        return weights
    owners = {inner.name: _weights(inner) for inner in _leaves(layer) if _weights(inner)}
    given: dict[str, int] = {}
    ordered: list[Any] = []
    for name in names:
        found = [part for part in name.split("/") if part in owners]
        if len(set(found)) != 1 or given.get(found[0], 0) >= len(owners[found[0]]):
            return weights
        ordered.append(owners[found[0]][given.get(found[0], 0)])
        given[found[0]] = given.get(found[0], 0) + 1
    same = len({id(variable) for variable in ordered}) == len(ordered) == len(weights)
    return ordered if same else weights


def _leaves(model: Any) -> list[Any]:
    found: list[Any] = []
    for layer in model.layers:
        found += _leaves(layer) if hasattr(layer, "layers") else [layer]
    return found


def assign_named(model: Any, named: Mapping[str, h5py.Dataset]) -> None:
    """Put arrays into a model by paths such as ``layers/outer/layers/inner/vars/0``.

    Raises
    ------
    ModelError
        The weights are those of another model; names the first that doesn't fit.
    """
    places: dict[str, dict[str, h5py.Dataset]] = {}
    for path, array in named.items():
        parent, _, key = path.rpartition("/")
        places.setdefault(parent.rpartition("/")[0], {})[key] = array
    filled: set[int] = set()
    chosen = []
    for place, arrays in places.items():
        owner = _owner(model, place)
        if owner is None:
            continue  # the state of a random generator, or what an earlier version kept beside the weights
        variables = [*owner._trainable_variables, *owner._non_trainable_variables]
        if len(arrays) == len(variables) + 1 and type(owner).__name__ == _COUNTING:
            arrays = {key: array for key, array in arrays.items() if array.shape != ()}
        name = place.split("/")[-1]
        if len(arrays) != len(variables):
            _unlike(name, owner, f"{len(arrays)} arrays", f"{len(variables)}")
        for number, variable in enumerate(variables):
            array = arrays.get(str(number))
            if array is None or tuple(variable.shape) != array.shape:
                what = "no such array" if array is None else f"an array of shape {array.shape}"
                _unlike(name, owner, what, f"{tuple(variable.shape)}")
            filled.add(id(variable))
            chosen.append((variable, array))
    for layer in _leaves(model):
        for variable in layer.weights:
            if id(variable) not in filled:
                _unlike(layer.name, layer, "nothing", f"{len(layer.weights)} arrays")
    for variable, array in chosen:
        variable.assign(_numbers(array))
    for layer in _leaves(model):
        _finish(layer)


def _owner(model: Any, place: str) -> Any:
    """Return the layer at a path such as ``layers/outer/layers/inner/cell``, None where there is none."""
    owner, parts = model, place.split("/")
    while parts:
        part = parts.pop(0)
        if part == "layers" and parts and hasattr(owner, "layers"):
            name = parts.pop(0)
            owner = next((layer for layer in owner.layers if layer.name == name), None)
        else:
            owner = getattr(owner, part, None) or getattr(owner, f"_{part.lstrip('_')}", None)
        if owner is None or not hasattr(owner, "_trainable_variables"):
            return None
    return owner


def _numbers(array: h5py.Dataset) -> np.ndarray:
    values = array[()]
    if array.dtype.kind == "V" or array.attrs.get("dtype") == "bfloat16":  # which HDF5 doesn't know
        import ml_dtypes

        return np.asarray(values).view(ml_dtypes.bfloat16).astype(np.float32)
    return np.asarray(values)


def _finish(layer: Any) -> None:
    """Let a Normalization compute what it derives from its weights."""
    if type(layer).__name__ == _COUNTING and hasattr(layer, "finalize_state"):
        layer.finalize_state()


def _first_stranger(stored: Sequence[StoredLayer], own: Any) -> str:
    unknown = next((entry.name for entry in stored if entry.name not in own), None)
    missing = next((name for name in own if name not in {entry.name for entry in stored}), None)
    said = [f"only the file has {shown(unknown)}"] if unknown is not None else []
    said += [f"only the model has {shown(missing)}"] if missing is not None else []
    return f": {', '.join(said)}" if said else ""


def _unlike(name: str, layer: Any, has: str, wants: str) -> NoReturn:
    raise ModelError(
        f"The weights don't fit the model: for the layer {shown(name)} the file holds {has}, "
        f"{shown(layer.name)} ({type(layer).__name__}) takes {wants}",
        _FIT,
    )
