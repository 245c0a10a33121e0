"""Recorded arguments with slots where tensors stood, in tuples, lists and dictionaries however deep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Slot:
    """Where a step finds or leaves a tensor."""

    number: int


def slotted(structure: Any, slots: dict[int, int]) -> Any:
    """Copy recorded arguments, a Slot in the place of every Keras tensor."""
    import keras

    if isinstance(structure, keras.KerasTensor):
        return Slot(slots[id(structure)])
    return _mapped(structure, lambda entry: slotted(entry, slots))


def filled(structure: Any, values: Any) -> Any:
    """Copy arguments, the tensor in the place of every Slot."""
    if isinstance(structure, Slot):
        return values[structure.number]
    return _mapped(structure, lambda entry: filled(entry, values))


def _mapped(structure: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to the entries of a tuple, list or dictionary; return anything else as it is."""
    if isinstance(structure, dict):
        return {key: change(value) for key, value in structure.items()}
    if isinstance(structure, list):
        return [change(value) for value in structure]
    if isinstance(structure, tuple):
        entries = [change(value) for value in structure]
        return type(structure)(*entries) if hasattr(structure, "_fields") else tuple(entries)
    return structure


def leaves(structure: Any) -> list[Any]:
    """Return the entries of a structure, of dictionaries by their keys in order."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in leaves(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for entry in structure for leaf in leaves(entry)]
    return [structure]
