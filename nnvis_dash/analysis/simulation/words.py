"""What a simulation found, in sentences: each says no more than its numbers do, in the unit of the change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.response import ADVERSARIAL
from nnvis_dash.analysis.simulation.change import Change
from nnvis_dash.analysis.simulation.curves import Curves
from nnvis_dash.analysis.simulation.distribution import Distribution
from nnvis_dash.analysis.simulation.robustness import Robustness

NAMED = 6  # classes that are named one by one, and the rest as a number
_CLOSE = ("°", "%", "×")  # units that stand at the number without a space

Array = npt.NDArray[np.float64]


def titled(change: Change) -> str:
    """Return a change's title within a sentence: "rotation", "gaussian noise", "FGSM".

    >>> titled(Change("rotation", ())), titled(Change("fgsm", ())), titled(Change("adversarial", ()))
    ('rotation', 'FGSM', 'an adversarial change')
    """
    if change.name == ADVERSARIAL:
        return "an adversarial change"
    title = change.title
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def degree_said(change: Change, degree: float) -> str:
    """Return a degree with its unit.

    >>> degree_said(Change("rotation", ()), -24.0), degree_said(Change("blur", ()), 2.5)
    ('−24°', '2.5 px')
    >>> degree_said(Change("fog", ()), 3), degree_said(Change("fgsm", ()), 8), degree_said(Change("gamma", ()), 1.5)
    ('severity 3', 'epsilon 8', 'gamma 1.5')
    """
    number = _number(degree)
    if change.kind == "corruption":
        return f"severity {number}"
    if change.kind == "attack":
        return f"epsilon {number}"
    unit = change.unit
    if not unit:
        return f"{titled(change)} {number}"
    return f"{number}{unit}" if unit in _CLOSE else f"{number} {unit}"


def curve_sentences(curves: Curves) -> tuple[str, ...]:
    """Say which classes stay first over the images of their own, and which fall behind which, from where on.

    A class is first where no other has a larger mean probability over its images (of more than 64 classes: is predicted
    for more of them). "From 24° on" speaks of the degrees that were looked at, all further ones on that side.

    Returns
    -------
    tuple of str
        First those that stay first, then those that fall, the soonest first, classes that fall alike together; after
        `NAMED` sentences of them only how many more there are.
    """
    change = Change(curves.name, ())
    shares = curves.predicted if curves.others is None else curves.others
    known = np.flatnonzero(~np.isnan(curves.rank).any(axis=0)).tolist()
    behind = curves.rank > 1
    found: list[str] = []
    stay = [number for number in known if not behind[:, number].any()]
    if stay:
        everyone = len(stay) == len(known) > 1
        who = "Every class" if everyone else _classes(curves.class_names, stay)
        stays = "stays" if everyone or len(stay) == 1 else "stay"
        found.append(f"{who} {stays} first at every degree of {titled(change)}{_range(change, curves.degrees)}.")
    away = np.abs(curves.degrees - curves.identity)
    here = np.flatnonzero(away == 0)
    already = [number for number in known if behind[here, number].any()]
    if already:
        who, are = _classes(curves.class_names, already), "is" if len(already) == 1 else "are"
        found.append(f"{who} {are} behind another class with nothing changed.")
    falling = sorted(
        (number for number in known if number not in already and behind[:, number].any()),
        key=lambda number: away[behind[:, number]].min(),
    )
    alike: dict[str, list[int]] = {}
    for number in falling:
        leaders = None if shares is None else _leaders(shares[number], number)
        alike.setdefault(_fall(change, curves, behind[:, number], leaders), []).append(number)
    for how, numbers in list(alike.items())[:NAMED]:
        found.append(f"{_classes(curves.class_names, numbers)} {'falls' if len(numbers) == 1 else 'fall'} {how}.")
    rest = sum(map(len, list(alike.values())[NAMED:]))
    if rest:
        found.append(f"{rest} more {'class falls' if rest == 1 else 'classes fall'} behind another somewhere.")
    return tuple(found)


def breaking_sentences(change: Change, found: Distribution) -> tuple[str, ...]:
    """Say by how much half of the images have flipped, how many never do, and which classes flip soonest and latest.

    Parameters
    ----------
    change : Change
        Of the breaking points: its degrees are the range that was looked at.
    found : Distribution
    """
    whole = len(found.names) - 1
    if not found.counts[whole]:
        return ("There are no images.",)
    sentences: list[str] = []
    if np.isfinite(found.median[whole]):
        low, high = found.median_low[whole], found.median_high[whole]
        interval = f"{_number(low)} or more" if np.isinf(high) else f"{_number(low)} to {_number(high)}"
        sentences.append(f"Half of all images flip by {_away(change, found.median[whole])} (95%: {interval}).")
    never = float(found.never[whole])
    if never:
        share = "No image flips" if never == 1 else f"{_percent(never)} of all images never flip"
        sentences.append(f"{share} at any degree of {titled(change)}{_range(change, np.asarray(change.degrees))}.")
    medians = found.median[:whole]
    known = np.flatnonzero(~np.isnan(medians))
    if len(known) > 1 and np.isfinite(medians[known]).any():
        order = known[np.argsort(medians[known], kind="stable")]
        first, last = medians[order[0]], medians[order[-1]]
        if first < last:
            soonest = _classes(found.names, [number for number in order if medians[number] == first])
            latest = _classes(found.names, [number for number in order if medians[number] == last])
            until = "not within the range" if np.isinf(last) else f"by {_away(change, last)}"
            sentences.append(f"Soonest: {soonest}, half by {_away(change, first)}; latest: {latest}, {until}.")
    return tuple(sentences)


def fragile_sentence(found: Robustness, column: int, count: int = 3) -> str:
    """Name the classes that keep the least of their clean accuracy under one change.

    Parameters
    ----------
    found : Robustness
    column : int
        The change's place.
    count : int
        How many classes.

    Returns
    -------
    str
        Empty where no class has a score.
    """
    change, scores = found.changes[column], found.score[:, column]
    known = np.flatnonzero(~np.isnan(scores))
    if not len(known):
        return ""
    order = known[np.argsort(scores[known], kind="stable")][:count]
    if scores[order[0]] >= 1:
        return f"Under {titled(change)} no class has a lower mean accuracy than unchanged."
    of = "unchanged predictions" if found.against == "predictions" else "clean accuracy"
    if len(order) == 1:
        name = named(found.class_names[order[0]])
        return (
            f"Under {titled(change)} {name} is the most fragile class: {_percent(scores[order[0]])} of its {of} left."
        )
    those = listed([f"{named(found.class_names[number])} ({_percent(scores[number])})" for number in order], count)
    return f"The {len(order)} most fragile classes under {titled(change)}, by what is left of their {of}: {those}."


def named(name: str) -> str:
    """Return a class's name as a sentence has it: a bare number is called a class.

    >>> named("7"), named("cat")
    ('class 7', 'cat')
    """
    return f"class {name}" if name.isdigit() else name


def listed(names: Sequence[str], most: int) -> str:
    """Return names as a sentence has them; several beyond `most` as a number.

    >>> listed(["cat"], 3), listed(["a", "b", "c", "d"], 3), listed(["a", "b", "c", "d", "e"], 3)
    ('cat', 'a, b, c and d', 'a, b, c and 2 more')
    """
    shown = list(names)
    if len(shown) > most + 1:
        shown = [*shown[:most], f"{len(names) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _classes(names: Sequence[str], numbers: Iterable[int]) -> str:
    return listed([named(names[number]) for number in numbers], NAMED)


def _fall(change: Change, curves: Curves, behind: npt.NDArray[np.bool_], leaders: Sequence[int] | None) -> str:
    """Say from which degrees on a class is behind which other: "behind deer from 24° on"."""

    def leader(place: int) -> str:
        return "another class" if leaders is None else named(curves.class_names[leaders[place]])

    parts: dict[str, list[str]] = {}
    for columns in _sides(curves):
        where = np.flatnonzero(behind[columns])
        if not len(where):
            continue
        start = int(where[0])
        recovers = np.flatnonzero(~behind[columns[start:]])
        said = degree_said(change, curves.degrees[columns[start]])
        if len(recovers):
            again = degree_said(change, curves.degrees[columns[start + recovers[0]]])
            text = f"at {said} (first again at {again})"
        else:
            last = start == len(columns) - 1
            text = f"at {said}" if last else f"from {said} on"
        parts.setdefault(leader(int(columns[start])), []).append(text)
    return " and ".join(f"behind {who} {' and '.join(texts)}" for who, texts in parts.items())


def _sides(curves: Curves) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the columns above the identity and those below it, each from the nearest to the furthest."""
    away = curves.degrees - curves.identity
    yield np.flatnonzero(away > 0)
    yield np.flatnonzero(away < 0)[::-1]


def _leaders(shares: Array, number: int) -> list[int]:
    """Return for each degree which other class has the most, of (D, K)."""
    others = shares.copy()
    others[:, number] = -1
    return [int(column) for column in others.argmax(axis=1)]


def _away(change: Change, distance: float) -> str:
    """Say a distance from the degree that changes nothing."""
    degrees, identity = np.asarray(change.degrees), change.identity
    if identity:
        return f"{_number(distance)} away from {degree_said(change, identity)}"
    below, above = bool((degrees < 0).any()), bool((degrees > 0).any())
    if below and above:
        return f"±{degree_said(change, distance)}"
    return degree_said(change, -distance if below else distance)


def _range(change: Change, degrees: Array) -> str:
    if len(degrees) < 2:
        return f" ({degree_said(change, degrees[0])})" if len(degrees) else ""
    low, high = (degree_said(change, degree) for degree in (degrees[0], degrees[-1]))
    if change.kind != "transformation" or not change.unit:  # what is counted stands in front
        high = _number(degrees[-1])
    elif change.unit not in _CLOSE:
        low = _number(degrees[0])
    return f" ({low} to {high})"


def _number(value: float) -> str:
    """Return a number with three digits that count, three at most behind the point, and a minus sign that is one.

    >>> _number(24.0), _number(-1.50), _number(0.12345), _number(-154.2857), _number(14.063), _number(-0.0)
    ('24', '−1.5', '0.123', '−154', '14.1', '0')
    """
    before = len(str(int(abs(value))))
    text = f"{value:.{max(0, min(3, 3 - before + (abs(value) < 1)))}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text.replace("-", "−")


def _percent(share: float) -> str:
    """Return a share in per cent, never rounded to none or all of what is neither.

    >>> _percent(0.5), _percent(0.9996), _percent(0.0004), _percent(1.0)
    ('50%', 'over 99%', 'under 1%', '100%')
    """
    rounded = round(100 * share)
    if rounded == 100 and share < 1:
        return "over 99%"
    return "under 1%" if rounded == 0 and share > 0 else f"{rounded}%"
