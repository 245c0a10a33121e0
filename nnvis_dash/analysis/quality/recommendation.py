"""A recommendation in sentences from a table of methods, or layers, and measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nnvis_dash.analysis.quality.thresholds import DOUBTFUL, FAILS, PASSES
from nnvis_dash.analysis.quality.verdict import Verdict

FEW = 16  # images, below which the table is said to rest on few
NAMED = 6  # methods that a sentence names


@dataclass(frozen=True)
class Line:
    """What a recommendation has to know of one line of the table.

    `quality` with its interval is a share 0..1, `seconds` and `forwards` (passes of the classifier) are per image.
    """

    title: str
    verdict: Verdict
    quality: float
    low: float
    high: float
    seconds: float
    forwards: float


def recommended(lines: Sequence[Line], model: str, dataset: str, n: int) -> tuple[str, ...]:
    """Return sentences: what to use, what is cheapest, what not to use and why.

    Parameters
    ----------
    lines : sequence of Line
        A line for each method, or for each layer of one method.
    model, dataset : str
        Names.
    n : int
        Images that were measured.
    """
    known = sorted((line for line in lines if line.quality == line.quality), key=lambda line: -line.quality)
    if not known:
        return (f"Nothing could be measured of {model} on {dataset}.",)
    where = f"For {model} on {dataset} ({n} images)"
    passing = [line for line in known if line.verdict.badge == PASSES]
    sentences = []
    if passing:
        best = passing[0]
        alike = [line for line in passing[1:] if line.high >= best.low]
        sentences.append(f"{where}, use {best.title}: it meets {_percent(best)}.")
        if alike:
            sentences.append(f"{_names(alike)} can't be told apart from it on these images.")
        cheapest = min(passing, key=lambda line: line.seconds)
        if cheapest is not best:
            costs = f"{_cost(cheapest)}; {best.title} takes {_cost(best)}"
            sentences.append(f"{cheapest.title} is the cheapest that passes: {costs}.")
        else:
            sentences.append(f"It is also the cheapest that passes: {_cost(best)}.")
    else:
        best = known[0]
        sentences.append(
            f"{where}, nothing passes. The least bad is {best.title}, which meets {_percent(best)}; it {_why(best)}."
        )
    for badge, words in ((FAILS, "not to be believed"), (DOUBTFUL, "doubtful")):
        for reason, group in _by_reason([line for line in known if line.verdict.badge == badge]):
            verb = "is" if len(group) == 1 else "are"
            pronoun = "it" if len(group) == 1 else "each"
            sentences.append(f"{_names(group)} {verb} {words}: {pronoun} {reason}.")
    if n < FEW:
        sentences.append(f"{n} images say little: measure {FEW} or more before you rely on it.")
    return tuple(sentences)


def _by_reason(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    """Return lines together that have the same worst reason, the largest groups first."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(_why(line), []).append(line)
    return sorted(groups.items(), key=lambda entry: -len(entry[1]))


def _why(line: Line) -> str:
    return line.verdict.reasons[0].words


def _names(lines: Sequence[Line]) -> str:
    """Return names as a list in a sentence."""
    names = [line.title for line in lines[:NAMED]]
    if len(lines) > NAMED:
        return f"{', '.join(names)} and {len(lines) - NAMED} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _percent(line: Line) -> str:
    return f"{line.quality:.0%} of what is asked (95 % interval {line.low:.0%} to {line.high:.0%})"


def _cost(line: Line) -> str:
    milliseconds = line.seconds * 1000
    time = f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{line.seconds:.2g} s"
    return (
        f"{time} an image, {line.forwards:.1f} forward passes" if line.forwards == line.forwards else f"{time} an image"
    )
