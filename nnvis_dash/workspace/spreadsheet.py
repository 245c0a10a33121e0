"""Cells of a table that a person may open in a spreadsheet."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet begins a formula with


def harmless(cell: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with an apostrophe before one that begins like it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
