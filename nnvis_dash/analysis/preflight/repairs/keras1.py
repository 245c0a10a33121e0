"""Names of layers and arguments in Keras 1, and the order in which it kept its kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.preflight.repairs.draft import (
    Draft,
    Entry,
    described,
    is_model,
    layers,
    layers_of,
    unrepairable,
)

_NAMES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
_RENAMED = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "filter_length": "kernel_size",
    "atrous_rate": "dilation_rate",
    "pool_length": "pool_size",
    "stride": "strides",
    "bias": "use_bias",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "sigma": "stddev",
    "p": "rate",
    "length": "size",
}
_KERNELS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_ONLY_TRAINING = frozenset(
    """
    init inner_init forget_bias_init W_regularizer U_regularizer b_regularizer W_constraint U_constraint b_constraint
    consume_less
    """.split()  # noqa: SIM905
)
_CLASSES_WITH_UNITS = ("Dense", "LSTM", "GRU", "SimpleRNN")
# Layers whose order of axes Keras 1 did not write down where all the model has the same.
_SPATIAL = ("Pooling", "Conv", "ZeroPadding", "UpSampling", "Cropping")
_MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
}


def layer_names(draft: Draft) -> str:
    """Convolution2D is Conv2D since Keras 2, and so on."""
    changed = set()
    for layer in layers(draft.model):
        kind = layer["class_name"]
        if kind in _NAMES:
            _mark(layer)
            changed.add(f"{kind} read as {_NAMES[kind]}")
            layer["class_name"] = _NAMES[kind]
    return "; ".join(sorted(changed))


def arguments(draft: Draft) -> str:
    """nb_filter is filters since Keras 2, and so on; what is only for training is left out."""
    orders = {layer["config"].get("dim_ordering") for layer in layers(draft.model)} - {None, "default"}
    changed: set[str] = set()
    for layer in layers(draft.model):
        config, kind = layer["config"], layer["class_name"]
        before = set(config)
        for old in _ONLY_TRAINING & before:
            del config[old]
        for names in _KERNELS:
            if set(names) <= before:
                config["kernel_size"] = [config.pop(name) for name in names]
        if "output_dim" in config and kind in _CLASSES_WITH_UNITS:
            config["units"] = config.pop("output_dim")
            config.pop("input_dim", None)
        for old, new in _RENAMED.items():
            if old in config and _renames(kind, old):
                config[new] = config.pop(old)
        if "dim_ordering" in config:
            config["data_format"] = {"th": "channels_first", "tf": "channels_last"}.get(config.pop("dim_ordering"))
        if "depthwise_regularizer" in before and "b_regularizer" in before:
            for name in [name for name in config if name.endswith(("_regularizer", "_constraint"))]:
                config[name] = None
        removed = before - set(config)
        if removed:
            _mark(layer)
            changed |= removed
            _check(layer)
    if changed and orders == {"th"}:
        for layer in layers(draft.model):  # written only where it could differ
            if layer["class_name"].endswith(("2D", "3D")) and any(word in layer["class_name"] for word in _SPATIAL):
                layer["config"].setdefault("data_format", "channels_first")
    return f"arguments of Keras 1 read as today's: {', '.join(sorted(changed))}" if changed else ""


def _renames(kind: str, old: str) -> bool:
    """Whether the name means something else in this class today."""
    if old == "p":
        return "Dropout" in kind
    if old == "length":
        return kind == "UpSampling1D"
    if old == "sigma":
        return kind == "GaussianNoise"
    if old in ("stride", "pool_length"):
        return "Pooling1D" in kind
    return True


def _check(layer: Entry) -> None:
    """Refuse what later versions of Keras can't do."""
    config, kind = layer["config"], layer["class_name"]
    if config.get("padding") in ("full", "half"):
        unrepairable(layer, f"pads its input in the way {config['padding']!r}, which Keras has no longer")
    if kind == "Conv2DTranspose":
        config.pop("output_shape", None)  # what the kernel, the strides and the padding give
    if "activity_regularizer" in config:
        config["activity_regularizer"] = None
    if kind in ("ZeroPadding2D", "Cropping2D") and isinstance(config.get("padding"), dict):
        padding = config["padding"]
        config["padding"] = [
            [padding.get("top_pad", 0), padding.get("bottom_pad", 0)],
            [padding.get("left_pad", 0), padding.get("right_pad", 0)],
        ]


def merges(draft: Draft) -> str:
    """Merge(mode="sum") is Add since Keras 2, and so on."""
    changed = set()
    for layer in layers(draft.model):
        if layer["class_name"] != "Merge":
            continue
        config = layer["config"]
        mode = config.get("mode")
        if config.get("layers"):
            unrepairable(layer, "begins a Sequential model with several models, which Keras has no longer")
        if not isinstance(mode, str) or mode not in _MERGES or config.get("mode_type", "raw") != "raw":
            unrepairable(layer, f"joins its inputs in the way {mode!r}, which Keras has no longer")
        layer["class_name"] = _MERGES[mode]
        kept: dict[str, Any] = {"name": config.get("name")}
        if mode == "concat":
            kept["axis"] = config.get("concat_axis", -1)
        if mode == "dot":
            kept |= {"axes": config.get("dot_axes", -1), "normalize": False}
        layer["config"] = kept
        changed.add(f"Merge({mode}) read as {_MERGES[mode]}")
    return "; ".join(sorted(changed))


def kernels(draft: Draft) -> str:
    """Kernels of Keras 1 stood in Theano's order where the channels came first, and Theano turned them round.

    Theano convolves where TensorFlow correlates, so that its kernels are rotated by 180 degrees. Keras 1 didn't write
    down which of the two computed; Theano's order of axes stands for Theano.
    """
    theano = draft.backend == "theano"
    changed = guessed = False
    own = {id(layer) for layer in layers_of(draft.model)}
    for layer in layers(draft.model):
        kind = layer["class_name"]
        first = layer["config"].get("data_format") == "channels_first"
        old = bool(layer.pop("keras1", False)) or draft.major == 1
        convolution = kind in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
        gates = old and kind in ("LSTM", "GRU")
        transposed = old and (kind == "Conv1D" or first or kind == "Conv2DTranspose")
        turned = theano or (old and first and not draft.backend)
        if kind in ("SeparableConv2D", "DepthwiseConv2D") and (turned or (old and first)):
            unrepairable(layer, "keeps its kernels in Theano's order")
        if not (convolution and (transposed or turned)) and not gates:
            continue
        if id(layer) not in own:
            unrepairable(layer, "keeps its weights in the order of Keras 1, and lies inside another model")
        changed = True
        guessed = guessed or (turned and not theano)
        if gates:
            draft.conversions.append((layer, _gates(kind, described(layer))))
        else:
            draft.conversions.append((layer, _kernel(kind, first, transposed, turned)))
    if not changed:
        return ""
    return "kernels of Keras 1 put in today's order" + (
        ", turned round as if Theano had computed them (a guess: the file doesn't say)" if guessed else ""
    )


def _mark(layer: Entry) -> None:
    if not is_model(layer):
        layer["keras1"] = True


def _kernel(kind: str, first: bool, transposed: bool, turned: bool) -> Any:
    """Return the conversion of a convolution's weights: kernel, and bias if there is one."""

    def convert(weights: list[np.ndarray]) -> list[np.ndarray]:
        kernel, rest = weights[0], weights[1:]
        spatial = {"Conv1D": 1, "Conv3D": 3}.get(kind, 2)
        if transposed and kind == "Conv1D":
            if kernel.ndim == 4 and kernel.shape[1] != 1 and kernel.shape[3] == 1:
                kernel = kernel.transpose(2, 3, 1, 0)  # (filters, inputs, length, 1) before Keras 1.1
            kernel = kernel[:, 0] if kernel.ndim == 4 else kernel
        elif transposed and kind == "Conv2DTranspose":
            kernel = kernel.transpose(2, 3, 0, 1) if first else kernel.transpose(0, 1, 3, 2)
        elif transposed:
            kernel = kernel.transpose(*range(2, spatial + 2), 1, 0)  # (filters, inputs, rows, columns)
        if turned:
            kernel = kernel[(slice(None, None, -1),) * spatial]
        return [np.ascontiguousarray(kernel), *rest]

    return convert


def _gates(kind: str, what: str) -> Any:
    """Return the conversion of the weights of an LSTM or GRU, which had their own arrays for each gate."""
    order = {"LSTM": (0, 2, 1, 3), "GRU": (0, 1, 2)}[kind]  # LSTM: i, c, f, o was the order of the arrays

    def convert(weights: list[np.ndarray]) -> list[np.ndarray]:
        if len(weights) != 3 * len(order):
            return weights
        return [np.concatenate([weights[3 * gate + part] for gate in order], axis=-1) for part in range(3)]

    return convert
