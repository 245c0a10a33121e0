"""A table of methods or layers as text for a terminal, as CSV and as plain values."""

from __future__ import annotations

import math
from typing import Any

from nnvis_dash.analysis.quality import MEASURES
from nnvis_dash.analysis.quality.table import Choice, choice_card
from nnvis_dash.analysis.quality.thresholds import DECIDING
from nnvis_dash.workspace.ratings import as_csv as table_as_csv

DIGITS = 6  # significant ones of a number


def text(choice: Choice) -> str:
    """Return the table, best first, with the measures that decide, and the recommendation."""
    shown = [place for place, name in enumerate(choice.measures) if name in DECIDING]
    head = ["", "badge", "quality", "95 % interval", "ms/image", "passes of the net"]
    head += [MEASURES[choice.measures[place]].title for place in shown]
    lines = [head]
    for number in ranking(choice):
        interval = f"{_number(choice.quality_low[number])} to {_number(choice.quality_high[number])}"
        mark = " *" if number in choice.front else ""
        line = [choice.rows[number].title + mark, choice.verdicts[number].name, _number(choice.quality[number])]
        line += [interval, f"{choice.seconds[number] * 1000:.1f}", f"{choice.forwards[number]:.1f}"]
        lines.append(line + [_number(choice.mean[number, place]) for place in shown])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    left_out = [f"Left out: {name}: {why}" for name, why in choice.left_out.items()]
    note = "* no other is both better and cheaper"
    return "\n".join([*rows, note, "", *choice.recommendation, *left_out])


def as_csv(choice: Choice) -> str:
    """Return a line for each method or layer: its verdict, quality, cost, and every measure with its interval."""
    of_each = ("mean", "low", "high", "passes")
    columns = ["method", "layer", "badge", "why", "quality", "quality low", "quality high"]
    columns += ["seconds per image", "forward passes", "on the front"]
    columns += [f"{measure} {what}" for measure in choice.measures for what in of_each]
    rows = []
    for number, (row, said) in enumerate(zip(choice.rows, choice.verdicts, strict=True)):
        own = (choice.quality, choice.quality_low, choice.quality_high, choice.seconds, choice.forwards)
        measured = [getattr(choice, what)[number, m] for m in range(len(choice.measures)) for what in of_each]
        cells: list[Any] = [row.method, row.layer or "", said.name, said.reasons[0].words]
        cells += ["" if (known := _plain(array[number])) is None else known for array in own]
        cells.append("yes" if number in choice.front else "no")
        rows.append([*cells, *("" if (known := _plain(value)) is None else known for value in measured)])
    return table_as_csv(columns, rows)


def plain(choice: Choice) -> dict[str, Any]:
    """Return everything but the values of single images as JSON can hold it."""
    arrays = ("mean", "low", "high", "passes", "quality", "quality_low", "quality_high", "seconds", "forwards")
    numbers = {name: _nested(getattr(choice, name)) for name in arrays}
    return {**choice_card(choice), "samples": choice.samples.tolist(), **numbers}


def ranking(choice: Choice) -> list[int]:
    """Return the rows, the highest quality first."""
    return sorted(range(len(choice.rows)), key=lambda number: -float(_plain(choice.quality[number]) or 0.0))


def _nested(array: Any) -> Any:
    return [_nested(one) for one in array] if array.ndim else _plain(array)


def _plain(value: Any) -> float | None:
    return None if math.isnan(value) else float(f"{float(value):.{DIGITS}g}")


def _number(value: Any) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"
