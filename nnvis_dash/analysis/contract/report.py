"""What came of a contract, for people (text), for programs (JSON) and for CI (JUnit XML)."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from nnvis_dash.analysis.contract.judging import FAILED, PASSED, UNDECIDED, Outcome, Report, Verdict
from nnvis_dash.workspace.labels import plain_text

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COLOURS = {PASSED: "32", FAILED: "31", UNDECIDED: "33"}
_ROWS = 40  # of a rule's table, where not all are asked for
_CLASSES = 20  # whose images are named


def text(
    report: Report,
    header: str,
    file_names: Sequence[str] = (),
    width: int = 100,
    colour: bool = False,
    everything: bool = False,
) -> str:
    """Return a report as a person reads it on a terminal.

    Parameters
    ----------
    report : Report
    header : str
        Which classifier on which dataset.
    file_names : sequence of str
        Of the dataset's samples; empty where they have none.
    width : int
        Characters of a line.
    colour : bool
    everything : bool
        Limits that were kept, too, not only the others.
    """
    parts = [_wrapped(header, width), "", _overview(report, width, colour)]
    for number, outcome in enumerate(report.outcomes, 1):
        shown = [verdict for verdict in outcome.verdicts if everything or verdict.status != PASSED]
        if shown:
            parts += ["", *_details(report, number, outcome, shown, file_names, width, everything)]
    notes = dict.fromkeys(outcome.note for outcome in report.outcomes if outcome.note)
    if notes:
        parts += ["", *(_wrapped(f"Note: {note}.", width) for note in notes)]
    return "\n".join([*parts, "", summary(report)])


def summary(report: Report) -> str:
    """Return in one line how many rules are kept."""
    n = len(report.outcomes)
    counts = {status: sum(each.status == status for each in report.outcomes) for status in (PASSED, FAILED, UNDECIDED)}
    words = [f"{counts[PASSED]} of {n} rules passed" if n > 1 else f"The rule {report.outcomes[0].status}"]
    if n > 1 and counts[FAILED]:
        words.append(f"{counts[FAILED]} failed")
    if counts[UNDECIDED]:
        undecided = f"{counts[UNDECIDED]} undecided, " if n > 1 else ""
        words.append(f"{undecided}which {report.contract.undecided} here")
    return f"{', '.join(words)}: the contract is {'kept' if report.held else 'broken'}."


def plain(report: Report, file_names: Sequence[str] = ()) -> dict[str, Any]:
    """Return a report as JSON can hold it; None for what isn't known."""
    contract = report.contract
    return {
        "title": contract.title,
        "held": report.held,
        "n_images": report.n_images,
        "confidence": contract.confidence,
        "undecided": contract.undecided,
        "rules": [
            {
                "rule": outcome.rule.title,
                "said": outcome.rule.said(),
                "line": outcome.rule.line,
                "of": outcome.rule.of,
                "compared": outcome.rule.compared,
                "decide": outcome.rule.decide,
                "changes": [each.plain() for each in outcome.rule.changes],
                "change": None if outcome.rule.change is None else outcome.rule.change.plain(),
                "status": outcome.status,
                "held": report.holds(outcome),
                "note": outcome.note,
                "limits": [_plain(verdict, file_names) for verdict in outcome.verdicts],
            }
            for outcome in report.outcomes
        ],
    }


def junit(
    report: Report,
    properties: Mapping[str, str],
    seconds: float,
    timestamp: str,
    file_names: Sequence[str] = (),
) -> bytes:
    """Return a report as JUnit XML: a test suite for each rule, a test case for each class and degree.

    A limit that is undecided is a failure of the type "undecided", or skipped where the contract lets it pass.

    Parameters
    ----------
    report : Report
    properties : mapping of str to str
        What was measured, such as the classifier's name.
    seconds : float
        That measuring and judging took; a suite's own time is that of judging its rule, since one measurement serves
        all of them.
    timestamp : str
        When it was, ISO 8601.
    file_names : sequence of str
    """
    root = ElementTree.Element("testsuites")
    failures = tests = 0
    for number, outcome in enumerate(report.outcomes, 1):
        suite = ElementTree.SubElement(root, "testsuite")
        listed = ElementTree.SubElement(suite, "properties")
        facts = {"rule": outcome.rule.said(), "decide": outcome.rule.decide, "note": outcome.note, **properties}
        for name, value in facts.items():
            if value:
                ElementTree.SubElement(listed, "property", name=_xml(name), value=_xml(value))
        skipped = outcome.count(UNDECIDED) if report.contract.undecided == "passes" else 0
        failed = outcome.count(FAILED) + outcome.count(UNDECIDED) - skipped
        failures, tests = failures + failed, tests + len(outcome.verdicts)
        _set(
            suite,
            name=f"{number}. {outcome.rule.title}",
            tests=len(outcome.verdicts),
            failures=failed,
            errors=0,
            skipped=skipped,
            time=f"{outcome.seconds:.3f}",
            timestamp=timestamp,
        )
        for verdict in outcome.verdicts:
            _case(suite, report, outcome, verdict, file_names)
    _set(root, name=report.contract.title, tests=tests, failures=failures, errors=0, time=f"{seconds:.3f}")
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(
    suite: ElementTree.Element, report: Report, outcome: Outcome, verdict: Verdict, file_names: Sequence[str]
) -> None:
    case = ElementTree.SubElement(suite, "testcase")
    _set(case, classname=outcome.rule.title, name=_named(outcome, verdict), time="0.000")
    if verdict.status == PASSED:
        return
    said = f"{_value(verdict)} ({_interval(verdict)}), {_bound(outcome, verdict)}, {_images(verdict.estimate.n)}"
    if verdict.status == UNDECIDED and report.contract.undecided == "passes":
        _set(ElementTree.SubElement(case, "skipped"), message=f"undecided: {said}")
        return
    failure = ElementTree.SubElement(case, "failure")
    _set(failure, message=said, type="undecided" if verdict.status == UNDECIDED else "broken")
    failure.text = _xml(_culprits(verdict, file_names) or said)


def _overview(report: Report, width: int, colour: bool) -> str:
    """Return a table with a line for each rule."""
    rows = []
    for number, outcome in enumerate(report.outcomes, 1):
        worst = outcome.worst
        kept = f"{outcome.count(PASSED)} of {len(outcome.verdicts)}"
        rows.append((str(number), outcome.status, kept, outcome.rule.title, _nearest(outcome, worst)))
    header = ("", "result", "limits kept", "rule", "nearest to its limit, or furthest beyond")
    fixed = [max(len(row[column]) for row in [header, *rows]) for column in range(3)]
    room = max(30, width - sum(fixed) - 6)
    lines = []
    for row in [header, *rows]:
        cells = [cell.ljust(size) for cell, size in zip(row, fixed, strict=False)]
        if colour and row[1] in _COLOURS:
            cells[1] = f"\x1b[{_COLOURS[row[1]]}m{cells[1]}\x1b[0m"
        folded = [*textwrap.wrap(row[3], room), *textwrap.wrap(row[4], room - 2, initial_indent="  ")]
        if row is header:
            folded = ["rule, and what is nearest to its limit or furthest beyond"[:room]]
        indent = " " * (sum(fixed) + 6)
        lines += [f"{'  '.join(cells)}  {folded[0]}".rstrip(), *(f"{indent}{line}" for line in folded[1:])]
    return "\n".join(lines)


def _details(
    report: Report,
    number: int,
    outcome: Outcome,
    shown: Sequence[Verdict],
    file_names: Sequence[str],
    width: int,
    everything: bool,
) -> list[str]:
    """Return a rule's limits as a table, and the images that broke it."""
    percent = f"{100 * report.contract.confidence:g} % interval"
    what = "loss" if outcome.rule.compared else outcome.rule.of
    header = ("class", "degree", what, percent, "images", "limit", "")
    cut = shown if everything else shown[:_ROWS]
    rows = [
        (
            verdict.subject,
            "" if verdict.degree is None else _degree(outcome, verdict),
            _value(verdict),
            _interval(verdict),
            f"{verdict.estimate.n:,}",
            f"{verdict.limit:g}",
            verdict.status,
        )
        for verdict in cut
    ]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [_wrapped(f"{number}. {outcome.rule.said()}", width)]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(size) for cell, size in zip(row[1:6], widths[1:6], strict=True))]
        lines.append(f"   {'  '.join(cells)}  {row[6]}".rstrip())
    if len(cut) < len(shown):
        lines.append(f"   and {len(shown) - len(cut):,} more (--all shows them)")
    for verdict in _worst_of_each(shown)[:_CLASSES]:
        if verdict.images:
            said = f"{_named(outcome, verdict)}: {_culprits(verdict, file_names)}"
            lines += textwrap.wrap(said, max(30, width - 3), initial_indent="   ", subsequent_indent="     ")
    return lines


def _worst_of_each(shown: Sequence[Verdict]) -> list[Verdict]:
    """Return for each class the verdict that most images speak against."""
    found: dict[str, Verdict] = {}
    for verdict in shown:
        if verdict.n_images > (found[verdict.subject].n_images if verdict.subject in found else 0):
            found[verdict.subject] = verdict
    return list(found.values())


def _culprits(verdict: Verdict, file_names: Sequence[str]) -> str:
    """Return in words which images speak against a limit."""
    if not verdict.images:
        return ""
    names = [
        f"{sample} ({plain_text(file_names[sample])})" if sample < len(file_names) else str(sample)
        for sample in verdict.images
    ]
    more = f" and {verdict.n_images - len(names):,} more" if verdict.n_images > len(names) else ""
    return f"broken by sample{'s' if verdict.n_images > 1 else ''} {', '.join(names)}{more}"


def _nearest(outcome: Outcome, verdict: Verdict) -> str:
    return f"{_named(outcome, verdict)}: {_value(verdict)} ({_interval(verdict)}), {_bound(outcome, verdict)}"


def _named(outcome: Outcome, verdict: Verdict) -> str:
    return verdict.subject if verdict.degree is None else f"{verdict.subject} at {_degree(outcome, verdict)}"


def _degree(outcome: Outcome, verdict: Verdict) -> str:
    unit = "" if outcome.rule.change is None else outcome.rule.change.unit
    return f"{verdict.degree:g} {unit}".strip()


def _value(verdict: Verdict) -> str:
    return _number(verdict.estimate.value) if verdict.estimate.n else "none"


def _interval(verdict: Verdict) -> str:
    if math.isnan(verdict.estimate.value) and verdict.estimate.n:
        return "the other makes no mistake"
    return f"{_number(verdict.estimate.low)} to {_number(verdict.estimate.high)}" if verdict.estimate.n else "no image"


def _number(value: float) -> str:
    return "never" if math.isinf(value) else "unknown" if math.isnan(value) else f"{value:.4f}"


def _bound(outcome: Outcome, verdict: Verdict) -> str:
    return f"{'at most' if outcome.rule.upper else 'at least'} {verdict.limit:g}"


def _images(n: int) -> str:
    return f"{n:,} image{'' if n == 1 else 's'}"


def _plain(verdict: Verdict, file_names: Sequence[str]) -> dict[str, Any]:
    value, low, high, n = verdict.estimate
    return {
        "class": verdict.subject,
        "degree": verdict.degree,
        "value": value if math.isfinite(value) else None,
        "low": low if math.isfinite(low) else None,
        "high": high if math.isfinite(high) else None,
        "n": n,
        "limit": verdict.limit,
        "status": verdict.status,
        "images": list(verdict.images),
        "file_names": [file_names[sample] for sample in verdict.images if sample < len(file_names)],
        "n_images": verdict.n_images,
    }


def _set(element: ElementTree.Element, **attributes: Any) -> None:
    for name, value in attributes.items():
        element.set(name, _xml(str(value)))


def _xml(text: str) -> str:
    """Return text without the characters that XML can't hold."""
    return _NOT_XML.sub("?", text)


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, max(30, width)))
