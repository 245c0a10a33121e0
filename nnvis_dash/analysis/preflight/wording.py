"""How the checks speak: what a file says is shown as harmless text, and every refusal comes with a mend."""

from __future__ import annotations

import errno
from typing import Any

from nnvis_dash.errors import ModelError, RefusedModel

SAVE_AGAIN = "Build the model from Keras's own layers and save it again with model.save('model.keras')."
COPY_AGAIN = "Copy or download it again, or save the model again with model.save('model.keras')."
RAISE_PARAMETERS = "An administrator can raise NNVIS_MAX_MODEL_PARAMETERS."
RAISE_SIZE = "An administrator can raise NNVIS_MAX_MODEL_MB."
NOT_THE_FILE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM})  # errors of the system


def refused(what: str, mend: str = SAVE_AGAIN) -> RefusedModel:
    """Build a refusal; its first letter is made a capital."""
    return RefusedModel(what[:1].upper() + what[1:], mend)


def shown(value: object, limit: int = 80) -> str:
    """Return a text of the file as it may stand in a message: printable characters only, at most `limit` of them."""
    text = "".join(character if character.isprintable() else "?" for character in str(value))
    return text if len(text) <= limit else text[: limit - 3] + "..."


def without_description(file: Any) -> ModelError:
    """Build the error for an open HDF5 file that describes no model; says what it is."""
    if "nb_layers" in file.attrs:
        return ModelError(
            "The file holds only the weights of a model, as Keras wrote them before its version 1",
            "Load them in Keras 1 and save the whole model.",
        )
    if "layer_names" in file.attrs or any(name.startswith(("layers", "_layer_checkpoint")) for name in file):
        return ModelError(
            "The file holds only the weights of a model, without its architecture",
            "Give the architecture too: --architecture model.json (what model.to_json() wrote) or --architecture "
            "keras:VGG16; in Python architecture=.",
        )
    return ModelError(
        "The HDF5 file holds no Keras model", "Give a file that Keras saved with model.save('model.keras')."
    )


def without_weights() -> ModelError:
    """Build the error for an .h5 file that describes a model and nothing more."""
    return ModelError(
        "The .h5 file describes a model but holds no weights", "Save the model with model.save('model.keras')."
    )
