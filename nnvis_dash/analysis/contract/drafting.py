"""Writing a contract from what a classifier does now, for its author to tighten or to loosen."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis.contract.judging import Report, Verdict, judge
from nnvis_dash.analysis.contract.terms import ACCURACY, ALL, CONFIDENCE, EVERY, VERSION, Contract, Rule, Source
from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.simulation.sweep import Sweep

_TITLE = 200  # characters
PLACES = 100  # limits are rounded to hundredths, to the safe side
_HEAD = """\
# A draft: what {classifier} does on {dataset} now. Each limit is the end of a {percent:g} % interval, rounded to the
# safe side, so the contract is kept today. Tighten what matters, loosen or delete what doesn't.
# Hold the classifier to it: python -m nnvis_dash check FILE (docs/contract.md)
"""


def draft_contract(
    sweeps: Sequence[Sweep],
    *,
    dataset: str,
    classifier: str,
    against: str = "",
    others: Sequence[Sweep] = (),
    samples: int | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    title: str = "",
) -> str:
    """Write a contract that a classifier keeps now.

    For each change there is a rule on all images together, one on every class (each degree has the limit that its
    weakest class keeps), and with another classifier one on what is lost against it. Rules are decided by the estimate.

    Parameters
    ----------
    sweeps : sequence of Sweep
        Of the classifier, one a change. Of one that isn't finished the limits are those of its images so far.
    dataset, classifier : str
        As the contract is to name them: names in the workspace, or paths.
    against : str
        The classifier that it is compared with; empty: none.
    others : sequence of Sweep
        Of that one, for the same changes and images.
    samples : int, optional
        How many images the contract is to be held against; None: all.
    seed : int
        Which.
    confidence : float
        Of the intervals whose ends are the limits.
    title : str

    Returns
    -------
    str
        YAML that `read_contract` reads.

    Raises
    ------
    ParameterError
        No sweep, or none with images that count for a class.
    """
    if not sweeps or not any((each.labels >= 0).any() for each in sweeps):
        raise ParameterError("Nothing is simulated yet", "Start a simulation, then draft a contract from it.")
    facts = Contract(title, Source(dataset), Source(classifier), (), confidence=confidence)
    lines = [
        _HEAD.format(classifier=_plain(classifier), dataset=_plain(dataset), percent=100 * confidence).rstrip("\n"),
        f"nnvis_contract: {VERSION}",
        f"title: {_quoted((title or f'{classifier} on {dataset}')[:_TITLE])}",
        f"dataset: {_quoted(dataset)}",
        f"classifier: {_quoted(classifier)}",
    ]
    if against:
        lines.append(f"against: {_quoted(against)}")
    if samples is not None:
        lines += [f"samples: {samples}", f"seed: {seed}"]
    precision = sweeps[0].precision
    if precision != "float32":
        lines.append(f"precision: {precision}")
    lines += ["decide: estimate  # confidence: the whole interval must keep the limit", "rules:"]
    for each in sweeps:
        lines += _rules(facts, each, [other for other in others if other.change == each.change] if against else [])
    return "\n".join([*lines, ""])


def _rules(facts: Contract, found: Sweep, others: Sequence[Sweep]) -> list[str]:
    """Return the rules of one change."""
    change = found.change
    unit = f", in {change.unit}" if change.unit else ""
    n = f"{len(found):,}" if len(found) == found.total else f"{len(found):,} of {found.total:,}"
    lines = ["", f"  # {change.title}{unit}: {n} images. {_plain(found.note)}".rstrip()]
    for classes in (ALL, EVERY):
        report = _judged(facts, change, classes, found)
        limits = [_down(min(verdict.estimate.low for verdict in at)) for at in _by_degree(change, report)]
        if classes == EVERY and limits:
            lines.append(f"  # The weakest: {_plain(_weakest(change, report))}.")
        lines += _rule(change, classes, "at_least", limits)
    if others:
        report = _judged(facts, change, ALL, found, others[0])
        lines += _rule(change, ALL, "loses_at_most", [_up(at[0].estimate.high) for at in _by_degree(change, report)])
    return lines


def _judged(facts: Contract, change: Change, classes: str, found: Sweep, other: Sweep | None = None) -> Report:
    rule = Rule(change, ACCURACY, classes, (0.0,) * len(change.degrees), other is not None, CONFIDENCE)
    contract = Contract(facts.title, facts.dataset, facts.classifier, (rule,), confidence=facts.confidence)
    return judge(contract, [found], [] if other is None else [other])


def _by_degree(change: Change, report: Report) -> list[list[Verdict]]:
    verdicts = report.outcomes[0].verdicts
    return [[verdict for verdict in verdicts if verdict.degree == degree] for degree in change.degrees]


def _weakest(change: Change, report: Report) -> str:
    """Return which class is weakest, on average over the degrees and where it is worst."""
    by_class: dict[str, list[Verdict]] = {}
    for verdict in report.outcomes[0].verdicts:
        by_class.setdefault(verdict.subject, []).append(verdict)
    name = min(by_class, key=lambda each: np.mean([verdict.estimate.value for verdict in by_class[each]]))
    worst = min(by_class[name], key=lambda verdict: verdict.estimate.value)
    return f"{name}, {worst.estimate.value:.2f} at {worst.degree:g} {change.unit}".rstrip()


def _rule(change: Change, classes: str, limit: str, limits: Sequence[float]) -> list[str]:
    lines = [f"  - change: {change.name}"]
    if change.parameters:
        lines.append("    parameters:")
        lines += [f"      {name}: {_value(value)}" for name, value in change.parameters]
    degrees = ", ".join(_number(degree) for degree in change.degrees)
    bounds = ", ".join(f"{value:g}" for value in limits)
    return [*lines, f"    degrees: [{degrees}]", f"    classes: {classes}", f"    {limit}: [{bounds}]"]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _number(value: float) -> str:
    """Return a number so that YAML reads the same one: 1e-05 is text there, 1.0e-05 is none."""
    written = repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return written if "e" not in written or "." in written else written.replace("e", ".0e")


def _down(value: float) -> float:
    return math.floor(max(0.0, value) * PLACES) / PLACES


def _up(value: float) -> float:
    return min(1.0, math.ceil(max(0.0, value) * PLACES) / PLACES)


def _quoted(text: str) -> str:
    """Return a text as YAML reads it back, whatever it is."""
    import yaml

    return str(yaml.safe_dump(text, default_style='"', width=math.inf)).strip()


def _plain(text: str) -> str:
    """Return text that stays within a line of comment."""
    return "".join(character if character.isprintable() else " " for character in text)
