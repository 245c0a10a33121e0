"""Reading one rule of a contract's file."""

from __future__ import annotations

import math
from typing import Any

from nnvis_dash.analysis.contract.terms import (
    ALL,
    AREA,
    BREAKING,
    CONFIDENCE,
    ERROR,
    ESTIMATE,
    EVERY,
    MEASURES,
    RELATIVE_ERROR,
    Rule,
)
from nnvis_dash.analysis.contract.yaml_text import Found
from nnvis_dash.analysis.simulation.change import MOST_DEGREES, Change, change
from nnvis_dash.analysis.simulation.corruption_errors import IMAGENET_C, SEVERITIES
from nnvis_dash.errors import NNVisError

_RULE = (
    "name",
    "change",
    "changes",
    "parameters",
    "degrees",
    "epsilon",
    "of",
    "classes",
    "at_least",
    "loses_at_most",
    "at_most",
    "decide",
)


def read_rule(given: Found, decide: str, compares: bool) -> Rule:
    """Read a rule.

    Parameters
    ----------
    given : Found
    decide : str
        The contract's own, where the rule says nothing.
    compares : bool
        The contract names another classifier.

    Raises
    ------
    ParameterError
        What is wrong, in which line, the value, and the mend.
    """
    fields = given.fields(_RULE)
    measure = fields["of"].choice(*MEASURES) if "of" in fields else MEASURES[0]
    decide = fields["decide"].choice(ESTIMATE, CONFIDENCE) if "decide" in fields else decide
    name = fields["name"].text() if "name" in fields else ""
    if measure in (ERROR, RELATIVE_ERROR):
        return _errors(given, fields, measure, decide, name, compares)
    for other in ("changes", "at_most"):
        if other in fields:
            fields[other].refuse(f"{other} is given, and the rule isn't of mce", f"Leave it out, or add of: {ERROR}.")
    found = _change(given, fields)
    limit = _limit(given, fields)
    compared = limit.where.endswith("loses_at_most")
    if compared and not compares:
        limit.refuse(
            "loses_at_most compares with another classifier, and the file names none", "Add the field against."
        )
    return Rule(
        change=found,
        of=measure,
        classes=_classes(fields["classes"]) if "classes" in fields else EVERY,
        limits=_limits(measure, given, limit, found, fields.get("degrees") or fields.get("epsilon")),
        compared=compared,
        decide=decide,
        name=name,
        line=given.line,
    )


def names_of(given: Found) -> tuple[str, ...]:
    """Return a list of class names, each once."""
    names = tuple(entry.text() for entry in given.items(1, 100_000))
    if len(set(names)) < len(names):
        given.refuse(f"{given.where} names a class twice", "Name each once.")
    return names


def _errors(given: Found, fields: dict[str, Found], measure: str, decide: str, name: str, compares: bool) -> Rule:
    """Return a rule on a corruption error: of corruptions at all severities, over all images, against the other."""
    for other in sorted(set(fields) - {"of", "changes", "at_most", "decide", "name"}):
        fields[other].refuse(f"{given.where} is of {measure}, which takes no {other}", "Leave it out.")
    if "at_most" not in fields:
        given.refuse(f"{given.where} has no limit", "Add at_most: 1 (as bad as the classifier it is compared with).")
    if not compares:
        given.refuse(f"{measure} divides by another classifier's errors, and the file names none", "Add against.")
    names = [entry.text(100) for entry in fields["changes"].items()] if "changes" in fields else list(IMAGENET_C)
    for number, each in enumerate(names):
        if each not in IMAGENET_C or each in names[:number]:
            what = "stands twice" if each in IMAGENET_C else "is none of the corruptions of mCE"
            fields["changes"].refuse(f"{each!r} {what}", f"Those are: {', '.join(IMAGENET_C)}.")
    limit = fields["at_most"].number(0 if measure == ERROR else -1000, 1000)
    changes = tuple(change(each, SEVERITIES) for each in names)
    return Rule(None, measure, ALL, (limit,), decide=decide, name=name, line=given.line, changes=changes)


def _change(given: Found, fields: dict[str, Found]) -> Change | None:
    """Return what a rule changes, None where it leaves the images as they are."""
    if "change" not in fields:
        for name in ("parameters", "degrees", "epsilon"):
            if name in fields:
                fields[name].refuse(
                    f"{name} is given, and no change", "Add the field change, such as change: rotation."
                )
        return None
    if "degrees" in fields and "epsilon" in fields:
        fields["epsilon"].refuse("degrees and epsilon are both given", "Leave one of them.")
    parameters = _parameters(fields["parameters"]) if "parameters" in fields else {}
    place = fields.get("degrees") or fields.get("epsilon")
    name, degrees = fields["change"].text(100), None if place is None else _degrees(place)
    try:
        found = change(name, degrees, **parameters)
    except NNVisError as error:
        (place or fields["change"]).refuse(error.what, error.mend)
    if "epsilon" in fields and found.kind != "attack":
        fields["epsilon"].refuse(f"epsilon is given, and {name} is no attack", "Write degrees.")
    return found


def _parameters(given: Found) -> dict[str, Any]:
    parameters = given.plain()
    if not isinstance(parameters, dict) or any(isinstance(each, (list, dict)) for each in parameters.values()):
        given.refuse("parameters is no list of names with one value each", "Write name: value.")
    for name in parameters:
        if name in ("name", "degree", "degrees", "epsilon"):
            given.refuse(f"parameters holds {name}", "Write degrees as a field of the rule.")
    return parameters


def _degrees(given: Found) -> list[float]:
    """Return degrees in the order of the file: one number, a list, or from, to and step."""
    if given.is_mapping:
        fields = given.fields(("from", "to", "step"), ("from", "to", "step"))
        low, high, step = (fields[name].number() for name in ("from", "to", "step"))
        count = (high - low) / step if step > 0 else math.nan
        if not (0 <= count < MOST_DEGREES and abs(count - round(count)) < 1e-6):
            given.refuse(
                f"{given.where} goes from {low:g} to {high:g} by {step:g}",
                f"Give a step above 0 that goes into the range at most {MOST_DEGREES - 1} times, without a rest.",
            )
        return [round(low + number * step, 9) for number in range(round(count) + 1)]
    entries = given.items(1, MOST_DEGREES) if given.is_list else [given]
    degrees = [entry.number() for entry in entries]
    if len(set(degrees)) < len(degrees):
        given.refuse(f"{given.where} names a degree twice", "Name each once.")
    return degrees


def _classes(given: Found) -> str | tuple[str, ...]:
    return names_of(given) if given.is_list else given.choice(EVERY, ALL)


def _limit(given: Found, fields: dict[str, Found]) -> Found:
    found = [fields[name] for name in ("at_least", "loses_at_most") if name in fields]
    if len(found) != 1:
        what = "both at_least and loses_at_most" if found else "no limit"
        given.refuse(f"{given.where} has {what}", "Give one of them: at_least: 0.9, or loses_at_most: 0.02.")
    return found[0]


def _limits(measure: str, given: Found, limit: Found, found: Change | None, place: Found | None) -> tuple[float, ...]:
    """Return the limits of a rule: one for each degree, or of breaking distances and areas one alone."""
    if measure == BREAKING:
        return (_breaking_limit(given, limit, found),)
    if measure == AREA:
        if found is None or found.kind != "attack" or found.degrees[-1] <= 0:
            given.refuse(f"{given.where} is of area, and has no attack with an epsilon above 0", "Add an attack.")
        return (limit.number(0, 1),)
    return _limits_by_degree(limit, found, place)


def _breaking_limit(given: Found, limit: Found, found: Change | None) -> float:
    """Return the least median breaking distance; it must lie within the degrees that are looked at."""
    if found is None:
        given.refuse(f"{given.where} is of breaking, and has no change", "Add the field change.")
    if limit.where.endswith("loses_at_most"):
        limit.refuse("breaking distances can't be compared", "Give at_least, or another measure.")
    return limit.number(0, max(abs(degree - found.identity) for degree in found.degrees))


def _limits_by_degree(given: Found, found: Change | None, place: Found | None) -> tuple[float, ...]:
    """Return a limit for each degree, in the change's order: the same for all, or one for each that the file names."""
    n = 1 if found is None else len(found.degrees)
    if not given.is_list:
        return (given.number(0, 1),) * n
    values = [entry.number(0, 1) for entry in given.items(1, MOST_DEGREES)]
    if place is None or found is None:
        given.refuse(f"{given.where} is a list, and the rule names no degrees", "Name them, or give one number.")
    degrees = _degrees(place)
    if len(values) != len(degrees):
        given.refuse(
            f"{given.where} has {len(values)} numbers for {len(degrees)} degrees", "Give one for each, or one for all."
        )
    return tuple(value for _, value in sorted(zip(degrees, values, strict=True)))
