"""Loads the clean copy of a checked model file with Keras: never compiled, in safe mode, never larger than its file.

Invariant: no layer allocates weights beyond those that the checked file holds, whatever sizes its description claims.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnvis_dash.analysis.application import application_model, built
from nnvis_dash.analysis.assignment import assign
from nnvis_dash.analysis.preflight import Checked
from nnvis_dash.analysis.preflight.wording import refused, shown
from nnvis_dash.errors import ModelError, RefusedModel

_SLACK = 4096  # parameters that a layer may create without saving them
_lock = threading.Lock()


def load_clean(checked: Checked) -> Any:
    """Load the clean copy.

    Parameters
    ----------
    checked : Checked
        What `preflight.check` returned.

    Returns
    -------
    keras.Model, not compiled.

    Raises
    ------
    RefusedModel
        Its layers would have more parameters than the file holds.
    ModelError
        Keras can't build it; says why in Keras's words.
    MemoryError
        It needs more memory than this process may take.
    """
    import keras

    try:
        application = built(checked.application) if checked.application else None
        with _parameters_limited(checked.n_parameters + _SLACK):
            if checked.clean.suffix == ".keras":
                model = keras.models.load_model(checked.clean, compile=False, safe_mode=True)
            else:
                model = _load_h5(checked, application)
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # Keras raises whatever its layers raise
        if type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's
            raise MemoryError from error
        raise _unloadable(error, checked.written_by, keras.__version__) from error
    if not isinstance(model, keras.Model):
        raise ModelError("The file doesn't hold a Keras model", "Save the model with model.save('model.keras').")
    return model


def _load_h5(checked: Checked, application: Any) -> Any:
    """Build the model that a clean .h5 describes, or one of keras.applications, and put its weights into it."""
    import h5py
    import keras

    with h5py.File(checked.clean, "r", locking=False) as file:
        if application is not None:
            return application_model(checked.application, application, file)
        model = keras.saving.deserialize_keras_object(json.loads(file.attrs["model_config"]), safe_mode=True)
        if isinstance(model, keras.Model):
            if not model.built:
                raise ModelError(
                    "The file doesn't say what size of images the model takes",
                    "Build it with keras.Input in front and save it again.",
                )
            assign(model, file)
    return model


@contextmanager
def _parameters_limited(limit: int) -> Iterator[None]:
    """Make every layer that this thread builds count its weights before they are allocated."""
    import keras

    thread, created = threading.get_ident(), 0
    exceeded: RefusedModel | None = None
    original = keras.layers.Layer.add_weight

    def counted(layer: Any, shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        nonlocal created, exceeded
        if threading.get_ident() == thread:
            size = 1
            for extent in () if shape is None else (shape,) if isinstance(shape, int) else shape:
                size *= int(extent or 1)
            created += size
            if created > limit:
                exceeded = refused(
                    f"the layer {shown(layer.name)} ({type(layer).__name__}) brings the model to {created:,} "
                    f"parameters, but the file holds only {max(limit - _SLACK, 0):,}",
                    "Save the whole model again with model.save('model.keras').",
                )
                raise exceeded
        return original(layer, shape, *args, **kwargs)

    with _lock:
        keras.layers.Layer.add_weight = counted
        try:
            yield
        except Exception:
            if exceeded is not None:  # Keras wraps some errors in its own
                raise exceeded from None
            raise
        finally:
            keras.layers.Layer.add_weight = original


def _unloadable(error: Exception, written_by: str, version: str) -> ModelError:
    writer = f", written by {written_by}," if written_by else ""
    return ModelError(
        f"Keras {version} can't load this model{writer} because: {reason(error)}",
        "Open it in the Keras version that wrote it and save it again with model.save('model.keras'), or build it "
        "from Keras's own layers.",
    )


def reason(error: BaseException) -> str:
    """Return what an error of Keras says in one line, without paths and dumps of a description."""
    text = str(error).split("Exception encountered:")[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = re.sub(r"(?:file://)?(?<![\w<])/(?:[^\s'\":,)]+/)+[^\s'\":,)]*", "a file", lines[0] if lines else "")
    return shown(line or type(error).__name__, 240).rstrip(".")
