"""Cells of a table that a person may open in a spreadsheet."""

from __future__ import annotations

# What a spreadsheet begins a formula with, also in full width, as East Asian ones take it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless(cell: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with an apostrophe before one that begins like it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
