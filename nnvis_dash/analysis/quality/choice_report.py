"""A table of methods or layers as text for a terminal, as CSV and as plain values."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from nnvis_dash.analysis.quality import MEASURES
from nnvis_dash.analysis.quality.table import Choice, choice_card
from nnvis_dash.analysis.quality.thresholds import DECIDING
from nnvis_dash.workspace.spreadsheet import harmless


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
    out = io.StringIO()
    writer = csv.writer(out)
    head = ["method", "layer", "badge", "reason", "quality", "quality low", "quality high", "seconds", "forward passes"]
    for name in choice.measures:
        head += [name, f"{name} low", f"{name} high", f"{name} passes"]
    writer.writerow(head)
    for number in ranking(choice):
        row, said = choice.rows[number], choice.verdicts[number]
        cells: list[Any] = [row.method, harmless(row.layer or ""), said.name, said.reasons[0].words]
        for array in (choice.quality, choice.quality_low, choice.quality_high, choice.seconds, choice.forwards):
            cells.append(_plain(array[number]))
        for place in range(len(choice.measures)):
            for array in (choice.mean, choice.low, choice.high, choice.passes):
                cells.append(_plain(array[number, place]))
        writer.writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()


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
    return None if math.isnan(value) else round(float(value), 6)


def _number(value: Any) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"
