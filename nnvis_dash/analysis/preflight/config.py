# ruff: noqa: SIM905 - long lists of names read best as running text
"""The description of a model (JSON), held against the list of what may be built.

Invariant: `clean_config` returns a new structure in which every value was visited. What it returns is what Keras gets,
so that the check and the loader can't disagree about what the file says.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from nnvis_dash.analysis.preflight import allowed
from nnvis_dash.analysis.preflight.wording import COPY_AGAIN, RAISE_PARAMETERS, SAVE_AGAIN, refused, shown
from nnvis_dash.errors import ModelError, RefusedModel

MAX_CONFIG_BYTES = 16 << 20
MAX_DEPTH = 64
MAX_VALUES = 2_000_000
MAX_LAYERS = 20_000
MAX_TEXT = 2_000
MAX_NUMBER = 1 << 63

# Fields that name a file, an address or code in some Keras class; filled, they are refused in every class.
REFERENCES = frozenset(
    """
    filepath file_path filename path url origin vocabulary idf_weights call_endpoint call_training_endpoint
    custom_objects weights_path function lambda module_name state_dict
    """.split()
)
# Fields of a layer that decide how large its weights are, and so must be found among the weights in the file.
SIZES = {
    **dict.fromkeys(["Dense", "LSTM", "GRU", "SimpleRNN"], ("units",)),
    **dict.fromkeys(
        [name for name in allowed.LAYERS if "Conv" in name and not name.startswith("Depthwise")], ("filters",)
    ),
    "Embedding": ("input_dim", "output_dim"),
}
_NAME = re.compile(r"[A-Za-z0-9_.\\/>-]*")  # what tf.name_scope takes
_COUNTS = frozenset(
    {"units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "value_dim", "depth_multiplier", "groups"}
)


def read_json(text: bytes | str) -> Any:
    """Parse a description.

    Raises
    ------
    ModelError
        It isn't JSON, or (RefusedModel) too large or nested too deeply.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise refused(f"The model's description has {len(text):,} bytes, more than {MAX_CONFIG_BYTES:,}")
    try:
        return json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except (ValueError, UnicodeDecodeError):
        raise ModelError(
            "The model's description (config) isn't valid JSON, so the file is damaged",
            COPY_AGAIN,
        ) from None


def clean_config(config: Any, *, legacy: bool, max_parameters: int, extents: frozenset[int]) -> dict[str, Any]:
    """Hold a model's description against the list and return the copy that may be given to Keras.

    Parameters
    ----------
    config
        The parsed description.
    legacy
        Of an earlier Keras and still to be repaired: classes may lack a module and bear the names of their time.
    max_parameters
        Most parameters that a model may have.
    extents
        The lengths of the axes of all weights in the file: a layer of n units needs weights with an axis of n.

    Raises
    ------
    RefusedModel
        It names what isn't on the list, or sizes that the weights don't bear out; says in which layer.
    """
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ModelError("The file's description isn't that of a Keras model", SAVE_AGAIN)
    walk = _Walk(legacy, max_parameters, extents)
    cleaned = walk.visit(config, 0, "the model", "")
    if config["class_name"] not in allowed.MODELS:
        raise ModelError(f"The file holds a single {config['class_name']!r} rather than a model", SAVE_AGAIN)
    if not walk.n_layers:
        raise ModelError("The model has no layers", "Save the whole model with model.save('model.keras').")
    return dict(cleaned)


class _Walk:
    """One pass over a description; counts what it saw."""

    def __init__(self, legacy: bool, max_parameters: int, extents: frozenset[int]) -> None:
        self.legacy = legacy
        self.activations = allowed.LEGACY_ACTIVATIONS if legacy else allowed.ACTIVATIONS
        self.max_parameters = max_parameters
        self.extents = extents
        self.n_values = 0
        self.n_layers = 0
        self._operation: Any = None  # the config of a layer that is one of TensorFlow's known functions

    def visit(self, value: Any, depth: int, where: str, field: str) -> Any:
        """Return a checked copy of `value`, which stands in `field` of `where` (a layer in words)."""
        self.n_values += 1
        if self.n_values > MAX_VALUES:
            raise refused(f"The model's description has more than {MAX_VALUES:,} values")
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(value, dict):
            return self.visit_dict(value, depth, where)
        if isinstance(value, list):
            return [self.visit(entry, depth + 1, where, field) for entry in value]
        if isinstance(value, str):
            self.check_text(value, where, field)
        elif isinstance(value, int) and abs(value) >= MAX_NUMBER:
            raise refused(f"In {where}, {shown(field)} is a number of {len(str(abs(value)))} digits")
        return value

    def visit_dict(self, value: dict[str, Any], depth: int, where: str) -> dict[str, Any]:
        """Check an object or a plain mapping; a compile_config is left out at every level."""
        if "class_name" in value or "registered_name" in value or ("module" in value and "config" in value):
            where = self.check_object(value, where)
        cleaned = {}
        for key, entry in value.items():
            if key == "compile_config":
                continue
            if len(key) > MAX_TEXT:
                raise refused(f"In {where}, the name of a field has {len(key):,} characters")
            if key in REFERENCES and entry not in (None, "", [], {}) and value is not self._operation:
                _refuse(where, f"fills the field {key!r}, which refers to a file, an address or code")
            cleaned[key] = self.visit(entry, depth + 1, where, key)
        return cleaned

    def check_object(self, value: dict[str, Any], where: str) -> str:
        """Hold a class or function against the list; return the words for it."""
        name, module, registered = value.get("class_name"), value.get("module"), value.get("registered_name")
        if not isinstance(name, str) or not isinstance(module, (str, type(None))):
            _refuse(where, "names a class that isn't a text")
        if name == "function":
            function = value.get("config")
            plain = isinstance(function, str) and function in self.activations
            if not plain or module not in ("builtins", "keras.activations") or registered not in (None, name, function):
                _refuse(where, f"refers to the function {shown(module)}.{shown(function)}")
            return where
        if name in allowed.MARKERS:
            if module is not None or registered is not None:
                _refuse(where, f"gives a module to {name}")
            return where
        config = value.get("config")
        own = config.get("name") if isinstance(config, dict) else None
        if isinstance(own, str) and name not in allowed.POLICIES | allowed.LEGACY_POLICIES:
            where = f"the layer {shown(own)} ({shown(name)})"
        if name == "Lambda":
            _refuse(where, "is a Lambda and would run code from the file")
        if not allowed.is_allowed(module, name, legacy=self.legacy):
            _refuse(where, f"uses {shown(module)}.{shown(name)}" if module else f"uses the class {shown(name)}")
        if registered not in (None, name):
            _refuse(where, f"is a custom class registered as {shown(registered)}")
        if name in allowed.OPERATION_LAYERS:
            self.check_operation(name, config, where)
        if name in allowed.LAYERS or name in allowed.LEGACY_LAYERS:
            self.n_layers += 1
            if self.n_layers > MAX_LAYERS:
                raise refused(f"The model has more than {MAX_LAYERS:,} layers")
        if isinstance(config, dict):
            self.check_sizes(name, config, where)
            if not self.legacy:
                self.check_name(name, own)
        return where

    def check_name(self, kind: str, own: object) -> None:
        """Say of a name that Keras takes, as another backend's models may have it, that TensorFlow doesn't."""
        policy = kind in allowed.POLICIES | allowed.LEGACY_POLICIES
        if isinstance(own, str) and not policy and not _NAME.fullmatch(own):
            raise ModelError(
                f"The layer {shown(own)!r} ({kind}) has a name that TensorFlow can't run it under",
                "Build the model with names of English letters, digits and _, and load its weights into that.",
            )

    def check_operation(self, name: str, config: Any, where: str) -> None:
        """Let the one field pass that names a function of TensorFlow, if it is a known one."""
        if name == "TensorFlowOpLayer" or not isinstance(config, dict):
            return  # its fields are held against the list like all others
        function = config.get("function")
        if not isinstance(function, str) or function not in allowed.TENSORFLOW_FUNCTIONS:
            _refuse(where, f"uses TensorFlow's function {shown(function)}")
        if set(config) - {"name", "trainable", "dtype", "function", "arguments"}:
            _refuse(where, "has fields that such a layer doesn't have")
        self._operation = config

    def check_sizes(self, name: str, config: dict[str, Any], where: str) -> None:
        """Refuse a layer whose declared size the weights in the file don't bear out."""
        for field in _COUNTS & config.keys():
            count = config[field]
            if isinstance(count, int) and count > self.max_parameters:
                raise refused(
                    f"{where} declares {field} = {count:,}, more than the limit of {self.max_parameters:,} parameters",
                    RAISE_PARAMETERS,
                )
        for field in SIZES.get(name, ()):
            count = config.get(field)
            if not isinstance(count, int) or isinstance(count, bool):
                continue
            if count not in self.extents:
                raise refused(
                    f"{where} declares {field} = {count:,}, but the file holds no weights of that size",
                    "Save the whole model again with model.save('model.keras').",
                )

    def check_text(self, value: str, where: str, field: str) -> None:
        """Refuse texts that Keras would resolve to something not on the list, and addresses."""
        if len(value) > MAX_TEXT:
            raise refused(f"In {where}, {shown(field)} is a text of {len(value):,} characters")
        if "://" in value:
            _refuse(where, f"names an address in the field {shown(field)}")
        for fits, texts in (
            (field in ("activation", "recurrent_activation"), self.activations),
            (field.endswith("initializer"), allowed.INITIALIZER_TEXTS),
            (field.endswith("regularizer"), allowed.REGULARIZER_TEXTS),
            (field.endswith("constraint"), allowed.CONSTRAINT_TEXTS),
            (field in ("dtype", "compute_dtype", "variable_dtype"), allowed.DTYPES),
        ):
            if fits and value not in texts:
                _refuse(where, f"uses {shown(value)} as its {field}")


def _refuse(where: str, why: str) -> NoReturn:
    raise refused(f"{where} {why}, which isn't allowed in a model file")


def _too_deep() -> RefusedModel:
    return refused(f"the model's description is nested more than {MAX_DEPTH} levels deep")
