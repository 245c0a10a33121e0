"""What is looked at: one dataset, and the classifiers that are asked about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Session:
    """One dataset and ordered classifiers, by fingerprint.

    Parameters
    ----------
    dataset : str
        Empty: none is chosen.
    classifiers : tuple of str
        Each once; the first is the primary one, which the map, the table and the attributions show.
    """

    dataset: str = ""
    classifiers: tuple[str, ...] = ()

    @property
    def primary(self) -> str | None:
        """The primary classifier, None where none is chosen."""
        return self.classifiers[0] if self.classifiers else None
