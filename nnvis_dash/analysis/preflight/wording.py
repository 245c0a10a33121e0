"""How the checks speak: what a file says is shown as harmless text, and every refusal comes with a mend."""

from __future__ import annotations

import errno

from nnvis_dash.errors import RefusedModel

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
