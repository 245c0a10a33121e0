"""Fields of single layers that were renamed, meant something else, or are taken no longer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nnvis_dash.analysis.preflight.allowed import DTYPES, INITIALIZERS, LEGACY_POLICIES, POLICIES
from nnvis_dash.analysis.preflight.repairs.draft import (
    Draft,
    Entry,
    fresh_name,
    inner_entries,
    is_model,
    layers,
    layers_of,
    made,
    models,
    name_of,
    parts,
    put_behind,
    unrepairable,
)


@dataclass(frozen=True)
class LeftOver:
    """A field that a layer had once, with the values with which it changes nothing."""

    field: str
    kinds: frozenset[str]  # empty: every layer but InputLayer
    harmless: tuple[Any, ...] | None = None  # None: any value
    why: str = ""  # what another value did


def _kinds(text: str) -> frozenset[str]:
    return frozenset(text.split())


_RECURRENT = _kinds("LSTM GRU SimpleRNN")
LEFT_OVERS = (
    LeftOver(
        "groups",
        _kinds(
            "DepthwiseConv1D DepthwiseConv2D Conv1DTranspose Conv2DTranspose Conv3DTranspose SeparableConv1D "
            "SeparableConv2D"
        ),
        (1, None),
        "convolves in groups of channels",
    ),
    LeftOver("time_major", _RECURRENT | {"Bidirectional"}, (False, None), "takes the time before the batch"),
    LeftOver("implementation", _RECURRENT),
    LeftOver("input_length", frozenset()),
    LeftOver("input_dtype", frozenset()),
    LeftOver("batch_input_shape", frozenset()),
    LeftOver("input_shape", frozenset()),
    LeftOver("batch_size", frozenset()),
    LeftOver("rng_type", frozenset()),
    LeftOver("renorm", _kinds("BatchNormalization"), (False, None), "normalizes with batch renormalization"),
    LeftOver("renorm_clipping", _kinds("BatchNormalization")),
    LeftOver("renorm_momentum", _kinds("BatchNormalization")),
    LeftOver("fused", _kinds("BatchNormalization")),
    LeftOver("virtual_batch_size", _kinds("BatchNormalization"), (None,), "normalizes over virtual batches"),
    LeftOver("adjustment", _kinds("BatchNormalization"), (None,), "adjusts its input"),
    LeftOver("mode", _kinds("BatchNormalization"), (0, None), "normalizes with the statistics of each batch"),
    LeftOver("gamma_init", _kinds("BatchNormalization")),
    LeftOver("beta_init", _kinds("BatchNormalization")),
    LeftOver("kernel_initializer", _kinds("SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D")),
    LeftOver("kernel_regularizer", _kinds("SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D")),
    LeftOver("kernel_constraint", _kinds("SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D")),
    LeftOver("noise_shape", _kinds("SpatialDropout1D SpatialDropout2D SpatialDropout3D")),
    LeftOver("trainable", _kinds("SpatialDropout1D SpatialDropout2D SpatialDropout3D")),
    LeftOver("query_shape", _kinds("MultiHeadAttention")),
    LeftOver("key_shape", _kinds("MultiHeadAttention")),
    LeftOver("value_shape", _kinds("MultiHeadAttention")),
    LeftOver("input_dim", _kinds("Dense Conv1D Conv2D")),
    LeftOver("dropout", _kinds("Embedding")),
    LeftOver("ragged", _kinds("InputLayer"), (False, None), "takes ragged tensors"),
    LeftOver("sparse", _kinds("InputLayer"), (False, None), "takes sparse tensors"),
)
_NAMES = (
    ("LeakyReLU", "alpha", "negative_slope"),
    ("Softmax", "dim", "axis"),
    ("GaussianNoise", "sigma", "stddev"),
    ("Dropout", "p", "rate"),
)
_OLD_NORMALIZATIONS = {"BatchNormalizationV1", "BatchNormalizationV2"}
_ACTIVATIONS = ("activation", "recurrent_activation")


def dtypes(draft: Draft) -> str:
    """A dtype could be a policy of a module that is no more, or "infer"; initializers had one of their own."""
    changed = False
    for entry in parts(draft.model):
        config = entry["config"]
        dtype = config.get("dtype") if isinstance(config, dict) else None
        if isinstance(dtype, dict) and dtype.get("class_name") in LEGACY_POLICIES | POLICIES:
            name = dtype["config"].get("name")
            if dtype["class_name"] in POLICIES and dtype.get("module") in ("keras", "keras.dtype_policies"):
                continue
            config["dtype"] = name if name in DTYPES else "float32"
            changed = True
        elif dtype == "infer":
            config["dtype"] = "float32"
            changed = True
    return "dtype policies written as today" if changed else ""


def initializers(draft: Draft) -> str:
    """Initializers had a dtype, and one of their distributions another name."""
    changed = False
    for entry in parts(draft.model):
        config = entry["config"]
        if entry["class_name"] not in INITIALIZERS or not isinstance(config, dict) or "units" in config:
            continue
        if "dtype" in config and "name" not in config:  # a layer of the name Identity has one
            del config["dtype"]
            changed = True
        if config.get("distribution") == "normal":
            config["distribution"] = "truncated_normal"
            changed = True
    return "initializers: dtype left out" if changed else ""


def normalizations(draft: Draft) -> str:
    """BatchNormalizationV1 and V2 are one class; its axis was a list of one."""
    changed = False
    for layer in layers(draft.model):
        config = layer["config"]
        if layer["class_name"] in _OLD_NORMALIZATIONS:
            layer["class_name"] = "BatchNormalization"
            changed = True
        if layer["class_name"] == "BatchNormalization" and isinstance(config.get("axis"), list):
            if len(config["axis"]) != 1:
                unrepairable(layer, f"normalizes over the axes {config['axis']}, which Keras can't")
            config["axis"] = config["axis"][0]
            changed = True
    return "BatchNormalization written as today" if changed else ""


def recurrent(draft: Draft) -> str:
    """A GRU that doesn't say so resets before the multiplication; today's default is after it."""
    changed = False
    for layer in layers(draft.model):
        if layer["class_name"] == "GRU" and "reset_after" not in layer["config"] and 0 < draft.major < 3:
            layer["config"]["reset_after"] = False
            changed = True
    return "GRU: reset_after is off, as it was when the model was written" if changed else ""


def thresholds(draft: Draft) -> str:
    """ThresholdedReLU is a ReLU with a threshold."""
    changed = False
    for layer in layers(draft.model):
        if layer["class_name"] == "ThresholdedReLU":
            layer["class_name"] = "ReLU"
            layer["config"]["threshold"] = layer["config"].pop("theta", 1.0)
            changed = True
    return "ThresholdedReLU read as ReLU" if changed else ""


def random_sizes(draft: Draft) -> str:
    """RandomHeight and RandomWidth do nothing but in training."""
    changed = False
    for layer in layers(draft.model):
        if layer["class_name"] in ("RandomHeight", "RandomWidth"):
            layer["class_name"] = "Identity"
            layer["config"] = {"name": layer["config"].get("name")}
            changed = True
    return "RandomHeight, RandomWidth: left out, for they only act in training" if changed else ""


def renamed(draft: Draft) -> str:
    """Arguments that got another name between Keras 2 and today."""
    changed = set()
    for entry in parts(draft.model):  # a layer may be an activation too
        for kind, old, new in _NAMES:
            if entry["class_name"] == kind and old in entry["config"]:
                entry["config"][new] = entry["config"].pop(old)
                changed.add(f"{kind}: {old} read as {new}")
        config = entry["config"]
        for field in _ACTIVATIONS:
            if isinstance(config, dict) and config.get(field) == "softmax_v2":
                config[field] = "softmax"
                changed.add("activation softmax_v2 read as softmax")
    return "; ".join(sorted(changed))


def left_over(draft: Draft) -> str:
    """Fields that are taken no longer, where they changed nothing."""
    changed: dict[str, set[str]] = {}
    if draft.major >= 3:
        return ""
    for layer in layers(draft.model):
        kind, config = layer["class_name"], layer["config"]
        for old in LEFT_OVERS:
            if old.field not in config or not (kind in old.kinds or (not old.kinds and kind != "InputLayer")):
                continue
            if kind == "InputLayer":
                if config[old.field] not in (False, None):
                    unrepairable(layer, old.why, "Build it with dense tensors and save it again.")
                continue
            if old.harmless is not None and config[old.field] not in old.harmless:
                unrepairable(layer, f"{old.why} ({old.field} = {config[old.field]!r}), which Keras can't")
            del config[old.field]
            changed.setdefault(old.field, set()).add(kind)
    if not changed:
        return ""
    return "; ".join(f"{', '.join(sorted(kinds))}: {field} left out" for field, kinds in sorted(changed.items()))


def interpolation(draft: Draft) -> str:
    """Up to Keras 2.3 (and TensorFlow 1.12), bilinear enlargement measured from the corners of pixels, not their
    centres: the map came out shifted, which no layer of today does.
    """
    if not re.match(r"2\.([0-3]\.\d+$|1\.\d+-tf)", draft.version):
        return ""
    for layer in layers(draft.model):
        if layer["class_name"] == "UpSampling2D" and layer["config"].get("interpolation") == "bilinear":
            unrepairable(layer, f"enlarges in the way of Keras {draft.version}, half a pixel beside today's")
    return ""


def hard_sigmoid(draft: Draft) -> str:
    """The slope of hard_sigmoid was 1/5 and is 1/6 since Keras 3: what goes in is stretched by 6/5."""
    if not 0 < draft.major < 3:
        return ""
    changed = False
    for model in models(draft.model):
        for layer in list(layers_of(model)):
            if is_model(layer):
                continue
            for inner in inner_entries(layer).values():
                _refuse_hard_sigmoid(inner, _ACTIVATIONS)
            _refuse_hard_sigmoid(layer, ("recurrent_activation",))
            if layer["config"].get("activation") != "hard_sigmoid":
                continue
            if layer["class_name"] in _RECURRENT:
                _refuse_hard_sigmoid(layer, ("activation",))
            _stretch(model, layer)
            changed = True
    return "hard_sigmoid: its slope kept as it was when the model was written" if changed else ""


def _stretch(model: Entry, layer: Entry) -> None:
    """Let a layer's own hard_sigmoid follow as a layer, behind a multiplication."""
    stem = name_of(layer)
    layer["config"]["activation"] = "linear"
    ending = made("Activation", fresh_name(model, f"{stem}_hard_sigmoid"), activation="hard_sigmoid")
    put_behind(model, layer, ending)
    put_behind(model, layer, made("Rescaling", fresh_name(model, f"{stem}_slope"), scale=1.2, offset=0.0))


def _refuse_hard_sigmoid(layer: Entry, fields: Iterable[str]) -> None:
    for field in fields:
        if layer["config"].get(field) == "hard_sigmoid":
            unrepairable(layer, f"uses hard_sigmoid as its {field}, whose slope Keras 3 changed from 1/5 to 1/6")
