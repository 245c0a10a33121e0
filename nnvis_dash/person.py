"""Who asks: the person on whose behalf this thread or request works.

The web tier says it once for each request; whatever is called below reads it. Where nobody was said (a command, a
script, the engine) it is `ANYONE`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """One who uses the page.

    Attributes
    ----------
    id : str
        What tells one person from another; empty where nobody is told apart.
    name : str
        What is shown and written into the audit log.
    verified : bool
        Whether a sign-in vouches for the id, so that it lasts and things may belong to it. The random id of a browser
        that came with the start-up token, or without authentication on this machine, is not verified.
    """

    id: str = ""
    name: str = ""
    verified: bool = False

    @property
    def key(self) -> str:
        """What things are kept under that may belong to the person; empty, which stands for everyone, if unverified."""
        return self.id if self.verified else ""


ANYONE = Person()
_current: ContextVar[Person] = ContextVar("person", default=ANYONE)


def current_person() -> Person:
    """Return the person on whose behalf this thread works."""
    return _current.get()


@contextmanager
def acting_as(person: Person) -> Iterator[None]:
    """Work on behalf of a person while the body runs."""
    token = _current.set(person)
    try:
        yield
    finally:
        _current.reset(token)
