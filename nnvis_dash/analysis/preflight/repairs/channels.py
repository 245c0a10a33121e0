"""Channels that come first (N, C, H, W), as Theano and GPUs liked them, put last (N, H, W, C), as a CPU computes them.

Every tensor is followed through the model and is either *moved* (its channels stand last though the file says first) or
as the file says. Layers that know of channels are turned round and take moved tensors; layers that treat all numbers
alike pass either; layers with an axis get it renumbered; any other layer (Flatten, Reshape, Dense, ...) gets the tensor
as the file says, through a Permute. So the weights behind a flattened map still meet the numbers that they were trained
for, and no layer has to be known in order to be right.

Invariant: the outputs are those of the model in the file, for the same image with its channels last.
"""

from __future__ import annotations

from typing import Any

from nnvis_dash.analysis.preflight.repairs.draft import (
    Draft,
    Entry,
    calls,
    ends,
    fresh_name,
    inner_entries,
    is_model,
    is_sequential,
    layers,
    layers_of,
    made,
    models,
    name_of,
    put_before,
    references,
    unreadable,
    unrepairable,
)

FIRST, LAST = "channels_first", "channels_last"
_PLAIN = 0  # else the number of axes of a moved tensor
_ALIKE = frozenset(
    """
    ReLU LeakyReLU ELU Activation Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout
    GaussianDropout GaussianNoise ActivityRegularization Identity
    """.split()  # noqa: SIM905
)
_JOINS = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"})
_WITH_AXIS = frozenset({"BatchNormalization", "LayerNormalization", "GroupNormalization", "Softmax", "Concatenate"})
_OVER_LAST_AXIS = frozenset({"softmax", "log_softmax", "glu", "sparsemax"})


def channels_last(draft: Draft) -> str:
    """Turn a model round whose channels come first."""
    if not any(_is_first(layer) for layer in layers(draft.model)):
        return ""
    root = draft.model
    starts = {name_of(layer): _start(layer) for layer in layers_of(root) if layer["class_name"] == "InputLayer"}
    _Turn(root).run([starts[name] for name in _input_names(root)], whole=True)
    for model in models(root):
        for entry in (model, *layers_of(model)):
            entry.pop("build_config", None)
        model["config"].pop("build_input_shape", None)
    return "channels put last (they came first), with a Permute where the order of the numbers matters"


class _Turn:
    """One model being turned round."""

    def __init__(self, model: Entry) -> None:
        self.model = model
        self.decided: dict[int, tuple[list[int], list[int]]] = {}  # by the id of an entry
        self.n_permutes = 0

    def run(self, inputs: list[int], *, whole: bool = False) -> list[int]:
        """Turn the model for inputs of these kinds; return the kinds of its outputs."""
        for name, kind in zip(_input_names(self.model), inputs, strict=True):
            (layer,) = [layer for layer in layers_of(self.model) if name_of(layer) == name]
            shape = layer["config"].get("batch_shape")
            if kind and isinstance(shape, list):
                layer["config"]["batch_shape"] = [shape[0], *shape[2:], shape[1]]
        return self._sequential(inputs, whole) if is_sequential(self.model) else self._functional(inputs, whole)

    def _sequential(self, inputs: list[int], whole: bool) -> list[int]:
        own = layers_of(self.model)
        kind, result = (inputs[0] if inputs else _PLAIN), []
        for layer in list(own):
            if layer["class_name"] != "InputLayer":
                (wanted,), (following,) = self.layer(layer, [kind])
                if wanted != kind:
                    result.append(self.permute(kind, wanted))
                kind = following
            result.append(layer)
            if kind and whole and layer is own[-1]:
                result.append(self.permute(kind, _PLAIN))
        own[:] = result
        return [kind]

    def _functional(self, inputs: list[int], whole: bool) -> list[int]:
        kinds: dict[tuple[str, int], list[int]] = {}
        for name, kind in zip(_input_names(self.model), inputs, strict=True):
            kinds[name, 0] = [kind]
        waiting = [
            (layer, number, call)
            for layer in list(layers_of(self.model))
            if layer["class_name"] != "InputLayer"
            for number, call in enumerate(calls(layer))
        ]
        while waiting:
            later = []
            for layer, number, call in waiting:
                given = references(call)
                if any((reference[0], reference[1]) not in kinds for reference in given):
                    later.append((layer, number, call))
                    continue
                have = [kinds[reference[0], reference[1]][reference[2]] for reference in given]
                wanted, made_kinds = self.layer(layer, have)
                for reference, before, after in zip(given, have, wanted, strict=True):
                    if before != after:
                        put_before(self.model, layer, reference, self.permute(before, after))
                kinds[name_of(layer), number] = made_kinds
            if len(later) == len(waiting):
                unreadable(self.model, "its layers aren't connected")
            waiting = later
        found = []
        for reference in ends(self.model, "output_layers"):
            first = self._first_call(reference[0])
            kind = kinds[reference[0], reference[1] - first][reference[2]]
            if kind and whole:
                new = self.permute(kind, _PLAIN)
                new["inbound_nodes"] = [[[reference[0], reference[1] - first, reference[2], {}]]]
                reference[:3] = [name_of(new), 0, 0]
                layers_of(self.model).append(new)
                kind = _PLAIN
            found.append(kind)
        return found

    def _first_call(self, name: str) -> int:
        """Return the number of a layer's first call in `output_layers`: 1 for functional models."""
        return int(
            any(name_of(entry) == name and entry["class_name"] == "Functional" for entry in layers_of(self.model))
        )

    def layer(self, layer: Entry, have: list[int]) -> tuple[list[int], list[int]]:
        """Turn one layer round, on its first call; return the kinds that it wants and those that it makes.

        A layer that is called again wants what it was turned for.
        """
        if id(layer) in self.decided:
            return self.decided[id(layer)]
        if is_model(layer):
            decided = have, _Turn(layer).run(have)
        else:
            decided = _turned(layer, have)
            if layer["class_name"] in _ALIKE:
                return decided  # nothing about it has changed
        self.decided[id(layer)] = decided
        return decided

    def permute(self, before: int, after: int) -> Entry:
        """Write the Permute that makes one kind of the other."""
        count = before or after
        dims = [count - 1, *range(1, count - 1)] if before else [*range(2, count), 1]
        self.n_permutes += 1
        return made("Permute", fresh_name(self.model, f"permute_{self.n_permutes}"), dims=dims)


def _turned(layer: Entry, have: list[int]) -> tuple[list[int], list[int]]:
    """Say what a layer wants and makes, and change its description."""
    kind, config = layer["class_name"], layer["config"]
    if inner := [entry for held in inner_entries(layer).values() for entry in layers(held) if _is_first(entry)]:
        unrepairable(layer, f"repeats {name_of(inner[0])}, whose channels come first, which can't be turned round")
    plain = [_PLAIN] * len(have), [_PLAIN]
    moved = have[0] if have and all(entry == have[0] for entry in have) else _PLAIN
    if _is_first(layer):
        return _turned_spatial(layer, len(have))
    if not moved:
        return plain
    if kind == "Flatten":
        if config.get("data_format") != FIRST:
            return plain
        config["data_format"] = LAST  # it put them last before it flattened
        return have, [_PLAIN]
    if kind in _WITH_AXIS:
        axis = config.get("axis", -1)
        if not isinstance(axis, int):
            return plain
        config["axis"] = _axis(axis, moved)
        return have, [moved]
    if kind == "Activation" and config.get("activation") in _OVER_LAST_AXIS:
        return plain
    if kind in _ALIKE or kind in _JOINS or (kind == "Rescaling" and _are_numbers(config)):
        if config.get("data_format") == FIRST:
            config["data_format"] = LAST
        return have, [moved]
    return plain


def _turned_spatial(layer: Entry, n_inputs: int) -> tuple[list[int], list[int]]:
    """Turn a layer round that knows of channels."""
    kind, config = layer["class_name"], layer["config"]
    rank = {"1D": 3, "2D": 4, "3D": 5}.get(kind.removesuffix("Transpose")[-2:], 4)
    if config.get("activation") in _OVER_LAST_AXIS:
        unrepairable(layer, f"applies {config['activation']} along the width of its map, for its channels come first")
    config["data_format"] = LAST
    keeps = not kind.startswith("Global") or bool(config.get("keepdims"))
    return [rank] * n_inputs, [rank if keeps else _PLAIN]


def _is_first(layer: Entry) -> bool:
    config = layer["config"]
    return (
        isinstance(config, dict)
        and config.get("data_format") == FIRST
        and layer["class_name"] != "Flatten"
        and layer["class_name"] not in _ALIKE
    )


def _axis(axis: int, rank: int) -> int:
    """Return where an axis of the file's order stands once the channels are last."""
    axis = axis + rank if axis < 0 else axis
    return axis if axis == 0 else rank - 1 if axis == 1 else axis - 1


def _are_numbers(config: dict[str, Any]) -> bool:
    return all(isinstance(config.get(name), (int, float, type(None))) for name in ("scale", "offset"))


def _start(layer: Entry) -> int:
    """Say whether an input is an image with its channels first; there are 1 or 3 of them."""
    shape = layer["config"].get("batch_shape")
    if not isinstance(shape, list) or len(shape) != 4:
        return _PLAIN
    return 4 if shape[1] in (1, 3) or shape[3] not in (1, 3) else _PLAIN


def _input_names(model: Entry) -> list[str]:
    if is_sequential(model):
        return [name_of(layer) for layer in layers_of(model) if layer["class_name"] == "InputLayer"][:1]
    return [reference[0] for reference in ends(model, "input_layers")]
