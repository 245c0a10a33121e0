"""Every error that a user can cause, as one tree, so that the edges can tell it from a defect of ours.

    NNVisError                 what a user gave cannot be used: what, the value, the mend
    ├── DatasetError           images, labels or class names
    ├── ModelError             a model file or a Keras model
    │   └── RefusedModel       a model file that could run code, read files or exhaust the machine
    ├── NotFound               a name that isn't there; says what is
    │   └── Damaged            a stored result whose bytes changed; it was set aside, and is computed again when asked
    ├── ParameterError         a method's parameter, a layer, a unit, a class, a shape
    ├── StateError             a link or a change that can't be read
    └── EngineError            the engine can't be reached, or a job ended badly
        └── Cancelled          a person cancelled the job; what was computed is kept

A message says *what* is wrong, *the value* that was given, and *the mend*, in one or two sentences that can be read in
the page and on a terminal. `str(error)` is that message, never a path of the server and never a traceback.

Invariant: a message is one line of printable characters of bounded length, whatever names it repeats.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 2_000
_LONGEST_NAME = 100  # that is held against others


class NNVisError(Exception):
    """What a user gave cannot be used.

    Parameters
    ----------
    what : str
        What is wrong, with the value given.
    mend : str
        What to do instead.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        self.what = _printable(what)
        self.mend = _printable(mend)
        super().__init__(self.what, self.mend)

    def __str__(self) -> str:
        what = self.what.rstrip()
        if what and what[-1] not in ".!?":
            what += "."
        return f"{what} {self.mend}".strip()


class DatasetError(NNVisError):
    """Images, labels or class names that can't be used."""


class ModelError(NNVisError):
    """A model that can't be used."""


class RefusedModel(ModelError):
    """A model file that is refused before Keras sees it, because it could do more than classify."""


class NotFound(NNVisError):
    """A name that isn't there."""

    @classmethod
    def among(cls, what: str, name: object, available: Iterable[object], limit: int = 12) -> NotFound:
        """Build the error that names what is available: at most `limit` names, of more those that look alike first."""
        names = [str(entry) for entry in available]
        if len(names) > limit:
            alike = get_close_matches(str(name)[:_LONGEST_NAME], names)
            names = [*alike, *(entry for entry in names if entry not in alike)]
        shown = ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
        return cls(
            f"There is no {what} {str(name)!r}", f"Choose one of: {shown}." if names else f"There is no {what} yet."
        )


class Damaged(NotFound):
    """A stored result whose bytes are not those that were written."""


class ParameterError(NNVisError):
    """A parameter, layer, unit, class or shape that a method can't take."""


class StateError(NNVisError):
    """A link or a change that can't be read."""


class EngineError(NNVisError):
    """The engine can't be reached, or a job ended badly."""


class Cancelled(EngineError):
    """A person cancelled the job."""


def _printable(text: str) -> str:
    """Return text as it can be shown anywhere: spaces for white space, question marks for what can't be printed."""
    text = "".join(character if character.isprintable() else " " if character.isspace() else "?" for character in text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
