"""What a hostile description of a model holds: for each known way into Keras, the layer or value that takes it.

Each villain is made for a folder, because what it would run makes the file `rows.ran(folder)`, and what it would read
is `rows.secret(folder)`.
"""

from __future__ import annotations

import base64
import marshal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from tests.security.crafted import dense, keras_object, layer
from tests.security.rows import ran, secret


@dataclass(frozen=True)
class Villain:
    """A layer, and the words with which it is refused."""

    name: str
    make: Callable[[Path], dict[str, Any]]
    says: str


def bytecode(path: Path) -> str:
    """Return the code of a function that makes a file, as Keras keeps a Lambda's."""
    whole = compile(f"lambda x: (__import__('pathlib').Path({str(path)!r}).touch(), x)[1]", "<lambda>", "eval")
    inner = next(entry for entry in whole.co_consts if isinstance(entry, CodeType))
    return base64.b64encode(marshal.dumps(inner)).decode()


def lambda_layer(folder: Path) -> dict[str, Any]:
    code = {"class_name": "__lambda__", "config": {"code": bytecode(ran(folder)), "defaults": None, "closure": None}}
    return layer("Lambda", function=code, arguments={}, output_shape=None)


def old_lambda_layer(folder: Path) -> dict[str, Any]:
    """Return a Lambda as Keras 2 wrote it into .h5 files, which safe mode once overlooked (CVE-2025-9905)."""
    return layer("Lambda", function=[bytecode(ran(folder)), None, None], function_type="lambda", module="__main__")


def function(module: str | None, name: str, registered: str | None = "function") -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


def wrapped(kind: str, inner: Callable[[Path], dict[str, Any]], **more: Any) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: layer(kind, layer=inner(folder), **more)


def nested(inner: Callable[[Path], dict[str, Any]], kind: str = "Sequential") -> Callable[[Path], dict[str, Any]]:
    return lambda folder: keras_object("keras", kind, {"name": "inner", "layers": [inner(folder)]})


def calling(module: str | None, name: str, **more: Any) -> Callable[[Path], dict[str, Any]]:
    return lambda _: dense(activation=function(module, name), **more)


CODE = "is a Lambda and would run code from the file"
LAMBDAS = [
    Villain("lambda", lambda_layer, CODE),
    Villain("lambda of Keras 2", old_lambda_layer, CODE),
    Villain("lambda in TimeDistributed", wrapped("TimeDistributed", lambda_layer), CODE),
    Villain("lambda in Bidirectional", wrapped("Bidirectional", lambda_layer, merge_mode="concat"), CODE),
    Villain("lambda as the way back", lambda f: layer("Bidirectional", backward_layer=lambda_layer(f)), CODE),
    Villain("lambda in SpectralNormalization", wrapped("SpectralNormalization", lambda_layer), CODE),
    Villain("lambda in a Sequential", nested(lambda_layer), CODE),
    Villain("lambda in a Functional", nested(lambda_layer, "Functional"), CODE),
    Villain("lambda five deep", nested(nested(nested(wrapped("TimeDistributed", nested(lambda_layer))))), CODE),
    Villain("lambda in a list of lists", lambda f: dense(extra=[[[lambda_layer(f)]]]), CODE),
    Villain("lambda as an activation", lambda f: dense(activation=lambda_layer(f)), CODE),
    Villain("lambda as an initializer", lambda f: dense(kernel_initializer=lambda_layer(f)), CODE),
    Villain("lambda as a dtype", lambda f: dense(dtype=lambda_layer(f)), CODE),
    Villain("lambda as a name", lambda f: dense(name=lambda_layer(f)), CODE),
    Villain("lambda in build_config", lambda f: {**dense(), "build_config": lambda_layer(f)}, CODE),
    Villain("lambda in inbound_nodes", lambda f: {**dense(), "inbound_nodes": [{"args": [lambda_layer(f)]}]}, CODE),
    Villain(
        "lambda code as an activation",
        lambda f: dense(activation={"class_name": "__lambda__", "config": {"code": bytecode(ran(f))}}),
        "uses the class __lambda__",
    ),
    Villain("lambda registered as another", lambda f: {**lambda_layer(f), "registered_name": "Dense"}, CODE),
    Villain("lambda of another module", lambda f: {**lambda_layer(f), "module": "keras.src.layers.core"}, CODE),
    Villain(
        "lambda by clone_model (CVE-2026-12481)",
        lambda f: dense(activation=function("keras.models", "clone_model"), kernel_initializer=lambda_layer(f)),
        "keras.models.clone",
    ),
]

POINTERS = [
    Villain("os.system (CVE-2025-1550)", calling("os", "system"), "os.system"),
    Villain("builtins.eval", calling("builtins", "eval"), "builtins.eval"),
    Villain(
        "builtins.exec registered as relu", lambda _: dense(activation=function("builtins", "exec", "relu")), "exec"
    ),
    Villain("posix.system without a module", calling(None, "system"), "None.system"),
    Villain(
        "subprocess.Popen as a layer", lambda _: keras_object("subprocess", "Popen", {"args": "id"}), "subprocess.Popen"
    ),
    Villain(
        "a class of ours",
        lambda _: keras_object("nnvis_dash.workspace.store", "Workspace", {"path": "/tmp/evil"}),
        "nnvis_dash.workspace.store.Workspace",
    ),
    Villain("a relative module", lambda _: keras_object("..layers", "Dense", {}), "..layers.Dense"),
    Villain(
        "a module of nearly that name", lambda _: keras_object("keras.layers.evil", "Dense", {}), "keras.layers.evil"
    ),
    Villain("a module with a space", lambda _: keras_object("keras.layers ", "Dense", {}), "keras.layers .Dense"),
    Villain("a class in another case", lambda _: keras_object("keras.layers", "dense", {}), "keras.layers.dense"),
    Villain("a class with a dot", lambda _: keras_object("keras", "layers.Dense", {}), "keras.layers.Dense"),
    Villain("keras.utils.get_file (CVE-2025-8747, -12060)", calling("keras.utils", "get_file"), "keras.utils.get_file"),
    Villain(
        "unsafe deserialization (CVE-2025-9906)",
        calling("keras.config", "enable_unsafe_deserialization"),
        "keras.config.enable_unsafe_deserialization",
    ),
    Villain("keras.models.load_model", calling("keras.models", "load_model"), "keras.models.load_model"),
    Villain("keras.saving.load_weights", calling("keras.saving", "load_weights"), "keras.saving.load_weights"),
    Villain("keras.utils.plot_model", calling("keras.utils", "plot_model"), "keras.utils.plot_model"),
    Villain("keras.utils.set_random_seed", calling("keras.utils", "set_random_seed"), "keras.utils.set_random_seed"),
    Villain("keras.ops.vectorized_map", calling("keras.ops", "vectorized_map"), "keras.ops.vectorized_map"),
    Villain(
        "a function with a config",
        lambda _: dense(activation={"module": "builtins", "class_name": "function", "config": {"value": "relu"}}),
        "refers to the function",
    ),
    Villain(
        "a class that is a list", lambda _: {**dense(), "class_name": ["Dense"]}, "names a class that isn't a text"
    ),
    Villain("a module that is a number", lambda _: {**dense(), "module": 7}, "names a class that isn't a text"),
    Villain("a registered class", lambda _: {**dense(), "registered_name": "evil>Dense"}, "registered as evil>Dense"),
    Villain(
        "only a registered name", lambda _: {"registered_name": "evil>Anything"}, "names a class that isn't a text"
    ),
    Villain("a module and a config", lambda _: {"module": "os", "config": "system"}, "names a class that isn't a text"),
]

READERS = [
    Villain("TFSMLayer (CVE-2026-1462)", lambda f: layer("TFSMLayer", filepath=str(secret(f))), "TFSMLayer"),
    Villain(
        "TorchModuleWrapper (CVE-2025-49655)", lambda _: layer("TorchModuleWrapper", module="gASV"), "TorchModuleW"
    ),
    Villain("JaxLayer", lambda _: layer("JaxLayer", call_fn="x"), "JaxLayer"),
    Villain("FlaxLayer", lambda _: layer("FlaxLayer", module="x"), "FlaxLayer"),
    Villain(
        "StringLookup (CVE-2025-12058)", lambda f: layer("StringLookup", vocabulary=str(secret(f))), "StringLookup"
    ),
    Villain("TextVectorization", lambda f: layer("TextVectorization", vocabulary=str(secret(f))), "TextVectorization"),
    Villain(
        "IntegerLookup from an address", lambda _: layer("IntegerLookup", vocabulary="https://evil/x"), "IntegerLookup"
    ),
    Villain(
        "a vocabulary in a known layer", lambda f: dense(vocabulary=str(secret(f))), "fills the field 'vocabulary'"
    ),
    Villain("a file in a known layer", lambda f: dense(filepath=str(secret(f))), "fills the field 'filepath'"),
    Villain(
        "custom objects", lambda _: dense(custom_objects={"relu": "os.system"}), "fills the field 'custom_objects'"
    ),
    Villain("weights by path", lambda f: dense(weights_path=str(secret(f))), "fills the field 'weights_path'"),
    Villain("an address in a text", lambda _: dense(note="s3://evil/x"), "names an address in the field note"),
    Villain(
        "a metadata address", lambda _: dense(note="http://169.254.169.254/x"), "names an address in the field note"
    ),
    Villain("RNN with a cell of its own", lambda _: layer("RNN", cell=keras_object("evil", "Cell", {})), "RNN"),
    Villain("a wrapper of one's own", lambda _: layer("Wrapper", layer=dense()), "Wrapper"),
    Villain("Hashing", lambda _: layer("Hashing", num_bins=3), "Hashing"),
    Villain(
        "a type of TensorFlow", lambda _: dense(shape={"class_name": "__typespec__", "spec_name": "x"}), "__typespec__"
    ),
]

FIELDS = (
    [
        Villain(f"{field} {value!r}", lambda _, field=field, value=value: dense(**{field: value}), f"as its {field}")
        for field, value in (
            ("activation", "load_model"),
            ("activation", "keras.utils.get_file"),
            ("activation", ""),
            ("activation", "relu\u0000"),
            ("activation", "Relu"),
            ("recurrent_activation", "eval"),
            ("kernel_initializer", "evil"),
            ("depthwise_initializer", "os.system"),
            ("kernel_regularizer", "evil>L2"),
            ("activity_regularizer", "keras.regularizers.get"),
            ("kernel_constraint", "evil"),
            ("dtype", "object"),
            ("dtype", "float8_e5m2"),
            ("dtype", "evil"),
            ("compute_dtype", "string"),
        )
    ]
    + [
        Villain(
            f"a callable as {field}",
            lambda _, field=field: dense(**{field: function("keras.utils", "get_file")}),
            "refers to the function keras.utils.get_file",
        )
        for field in (
            "activation",
            "kernel_initializer",
            "bias_regularizer",
            "kernel_constraint",
            "dtype",
            "loss",
            "metrics",
        )
    ]
    + [
        Villain(
            "a quantised policy",
            lambda _: dense(dtype=keras_object("keras.dtype_policies", "QuantizedDTypePolicy", {"mode": "int8"})),
            "QuantizedDTypePolicy",
        ),
        Villain(
            "a map of policies",
            lambda _: dense(dtype=keras_object("keras.dtype_policies", "DTypePolicyMap", {"policy_map": {}})),
            "DTypePolicyMap",
        ),
        Villain(
            "a policy of one's own", lambda _: dense(dtype=keras_object("evil", "DTypePolicy", {})), "evil.DTypePolicy"
        ),
        Villain(
            "a loss", lambda _: dense(loss=keras_object("keras.losses", "MeanSquaredError", {})), "MeanSquaredError"
        ),
        Villain(
            "an optimizer", lambda _: dense(optimizer=keras_object("keras.optimizers", "Adam", {})), "optimizers.Adam"
        ),
        Villain(
            "a module for a tensor",
            lambda _: dense(x={"module": "os", "class_name": "__tensor__"}),
            "gives a module to",
        ),
    ]
)

SIZES = [
    Villain("units of 2^62 (CVE-2026-0897)", lambda _: dense(2**62), "declares units = 4,611,686,018,427,387,904"),
    Villain("units one over the limit", lambda _: dense(1_000_000_001), "more than the limit of 1,000,000,000 param"),
    Villain("units that no weights have", lambda _: dense(7), "declares units = 7, but the file holds no weights of"),
    Villain("a negative number of units", lambda _: dense(-1), "declares units = -1, but the file holds no weights"),
    Villain("no units", lambda _: dense(0), "declares units = 0, but the file holds no weights of that size"),
    Villain(
        "filters", lambda _: layer("Conv2D", filters=10**9, kernel_size=[3, 3]), "declares filters = 1,000,000,000"
    ),
    Villain(
        "an embedding", lambda _: layer("Embedding", input_dim=10**9, output_dim=2), "declares input_dim = 1,000,000"
    ),
    Villain("an LSTM", lambda _: layer("LSTM", units=10**8), "declares units = 100,000,000, but"),
    Villain(
        "heads", lambda _: layer("MultiHeadAttention", num_heads=10**12, key_dim=8), "declares num_heads = 1,000,000,"
    ),
    Villain(
        "depth", lambda _: layer("DepthwiseConv2D", kernel_size=3, depth_multiplier=10**10), "depth_multiplier = 10,0"
    ),
    Villain("a number of 5,000 bits", lambda _: dense(seed=1 << 5000), "seed is a number of 1506 digits"),
    Villain("a number of 2^63", lambda _: dense(seed=2**63), "seed is a number of 19 digits"),
    Villain("a text of 2,001 letters", lambda _: dense(note="x" * 2001), "note is a text of 2,001 characters"),
    Villain("a field of 2,001 letters", lambda _: dense(**{"x" * 2001: 1}), "the name of a field has 2,001 characters"),
]

EVERY = [*LAMBDAS, *POINTERS, *READERS, *FIELDS, *SIZES]
