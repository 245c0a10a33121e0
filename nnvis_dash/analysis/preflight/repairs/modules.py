"""The last repair: every class gets the module under which today's Keras finds it.

Earlier versions left the module out, or named one that is no more. With it, one loader reads all descriptions, and the
strict check can hold each pair of module and class against the list.
"""

from __future__ import annotations

from typing import Any

from nnvis_dash.analysis.preflight import allowed
from nnvis_dash.analysis.preflight.repairs.draft import FUNCTIONAL, Draft, is_model, models, parts

_BY_FIELD = (
    ("initializer", "keras.initializers", allowed.INITIALIZERS),
    ("regularizer", "keras.regularizers", allowed.REGULARIZERS),
    ("constraint", "keras.constraints", allowed.CONSTRAINTS),
)
# Of the layers that keras.applications keeps to itself; one with other fields is somebody's own of the same name.
_APPLICATION_FIELDS = {"name", "trainable", "dtype", "init_values", "projection_dim", "scale"}


def today(draft: Draft) -> str:
    """Write the module of every class that has none, or one of an earlier version; what isn't known is left alone."""
    for model in models(draft.model):
        if not model.get("module") or model["module"] in allowed.LEGACY_MODEL_MODULES:
            model["module"] = "keras" if model["class_name"] == "Sequential" else FUNCTIONAL
            model.setdefault("registered_name", None)
    _fields(draft.model)
    for entry in parts(draft.model):
        name = entry["class_name"]
        if not entry.get("module") and name in allowed.LAYERS and not is_model(entry):
            entry["module"] = "keras.layers"
            entry.setdefault("registered_name", None)
        for module, own in allowed.APPLICATION_LAYERS:
            if not entry.get("module") and name == own and set(entry["config"]) <= _APPLICATION_FIELDS:
                entry["module"] = module
                entry["registered_name"] = None
    if draft.major in (1, 2):
        for entry in parts(draft.model):
            entry.pop("build_config", None)  # Keras builds each layer with what comes in
    return ""


def _fields(value: Any) -> None:
    """Give initializers, regularizers and constraints their module by the field that they stand in."""
    if isinstance(value, list):
        for entry in value:
            _fields(entry)
    if not isinstance(value, dict):
        return
    for field, entry in value.items():
        if isinstance(entry, dict) and entry.get("module") in (None, "", *allowed.LEGACY_INITIALIZER_MODULES):
            for ending, module, names in _BY_FIELD:
                if field.endswith(ending) and entry.get("class_name") in names:
                    entry["module"] = module
                    entry.setdefault("registered_name", None)
        _fields(entry)
