"""What a contract says: whom it binds, on which images, and its rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nnvis_dash.analysis.simulation.change import Change, change

VERSION = 1
ESTIMATE, CONFIDENCE = "estimate", "confidence"
ACCURACY, PROBABILITY, AGREEMENT = "accuracy", "probability", "agreement"
BREAKING, AREA = "breaking", "area"
ERROR, RELATIVE_ERROR = "mce", "relative_mce"
MEASURES = (ACCURACY, PROBABILITY, AGREEMENT, BREAKING, AREA, ERROR, RELATIVE_ERROR)
EVERY, ALL = "every", "all"
_CALLED = {
    ACCURACY: "accuracy",
    PROBABILITY: "mean probability of the true class",
    AGREEMENT: "agreement",
    BREAKING: "median breaking distance",
    AREA: "area under the accuracy",
    ERROR: "mean corruption error",
    RELATIVE_ERROR: "relative mean corruption error",
}
_FEW = 4  # degrees that are written out


@dataclass(frozen=True)
class Source:
    """A dataset or a classifier: a name or fingerprint in a workspace, or a path beside the contract's file.

    Attributes
    ----------
    ref : str
    options : tuple of (name, value)
        For a path: of a dataset `labels` (a path) and `class_names`, of a classifier `architecture` (a path, or
        "keras:NAME"), `preprocessing` and `class_names`.
    line : int
        Where the contract names it.
    """

    ref: str
    options: tuple[tuple[str, Any], ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Rule:
    """One limit, over degrees and classes.

    Attributes
    ----------
    change : Change or None
        None: the images as they are, or several changes.
    of : one of `MEASURES`
    classes : {"every", "all"} or tuple of str
        Every class by itself, all images together, or these classes, each by itself.
    limits : tuple of float
        The least value, or the greatest where `upper`: one for each degree of `change`, or where it isn't judged
        `by_degree` one alone.
    compared : bool
        It limits what the classifier loses against the other, on the same images.
    decide : {"estimate", "confidence"}
    name : str
        The author's; empty where none was given.
    line : int
    changes : tuple of Change
        Of corruption errors: the corruptions, at the severities 1 to 5.
    """

    change: Change | None
    of: str
    classes: str | tuple[str, ...]
    limits: tuple[float, ...]
    compared: bool = False
    decide: str = ESTIMATE
    name: str = ""
    line: int = 0
    changes: tuple[Change, ...] = ()

    @property
    def by_degree(self) -> bool:
        """Whether each degree is judged by itself."""
        return self.change is not None and self.of in (ACCURACY, PROBABILITY, AGREEMENT)

    @property
    def of_errors(self) -> bool:
        """Whether it limits a corruption error."""
        return self.of in (ERROR, RELATIVE_ERROR)

    @property
    def of_both(self) -> bool:
        """Whether the other classifier must be measured, too."""
        return self.compared or self.of_errors

    @property
    def upper(self) -> bool:
        """Whether the limit is the greatest value that keeps it."""
        return self.compared or self.of_errors

    @property
    def title(self) -> str:
        """Return its name, or in words what it says."""
        return self.name or self.said()

    def said(self) -> str:
        """Return in words what it says.

        >>> Rule(change("rotation", [-15, 0, 15]), "accuracy", "every", (0.9,) * 3).said()
        'Rotation at -15, 0, 15 °: accuracy of every class at least 0.9'
        """
        who = {EVERY: "of every class", ALL: "of all images"}.get(str(self.classes)) or f"of {', '.join(self.classes)}"
        low, high = min(self.limits), max(self.limits)
        limit = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        bound = f"loses at most {limit}" if self.compared else f"at most {limit}" if self.upper else f"at least {limit}"
        what = degrees_said(self.change) if not self.changes else f"{len(self.changes)} corruptions"
        return f"{what}: {_CALLED[self.of]} {who} {bound}"


@dataclass(frozen=True)
class Contract:
    """What a classifier has to keep.

    Attributes
    ----------
    title : str
    dataset, classifier : Source
    against : Source or None
        The classifier that others are compared with.
    rules : tuple of Rule
    samples : int or None
        So many images, drawn so that the classes take turns; None: all.
    seed : int
        Of the drawing.
    precision : {"float32", "bfloat16"}
    confidence : float
        Of the intervals.
    undecided : {"fails", "passes"}
        What a rule counts as where its interval spans the limit.
    """

    title: str
    dataset: Source
    classifier: Source
    rules: tuple[Rule, ...]
    against: Source | None = None
    samples: int | None = None
    seed: int = 0
    precision: str = "float32"
    confidence: float = 0.95
    undecided: str = "fails"

    def changes(self) -> tuple[Change, ...]:
        """Return what must be measured of the classifier: each change once, with all degrees that rules name.

        The degree that changes nothing is always among them; it costs nothing more, and rules on unchanged images read
        it.
        """
        return _joined(each for rule in self.rules for each in (rule.change, *rule.changes))

    def changes_of_other(self) -> tuple[Change, ...]:
        """Return what must be measured of the classifier that is compared with, with the same degrees."""
        both = [rule for rule in self.rules if rule.of_both]
        wanted = {_identity(each) for rule in both for each in (rule.change, *rule.changes) if each is not None}
        found = tuple(each for each in self.changes() if _identity(each) in wanted)
        return found or self.changes()[:1] if both else ()


def degrees_said(given: Change | None) -> str:
    """Return a change with its degrees in words."""
    if given is None:
        return "Unchanged"
    unit = f" {given.unit}" if given.unit else ""
    degrees = given.degrees
    if len(degrees) <= _FEW:
        return f"{given.title} at {', '.join(f'{degree:g}' for degree in degrees)}{unit}"
    return f"{given.title} from {degrees[0]:g} to {degrees[-1]:g}{unit} ({len(degrees)} degrees)"


def covers(measured: Change, wanted: Change | None) -> bool:
    """Whether a change that was measured holds all degrees of the one that is wanted; None: unchanged images."""
    if wanted is None:
        return measured.identity in measured.degrees
    return _identity(measured) == _identity(wanted) and set(wanted.degrees) <= set(measured.degrees)


def _identity(given: Change) -> tuple[str, tuple[tuple[str, Any], ...]]:
    return given.name, given.parameters


def _joined(given: Iterable[Change | None]) -> tuple[Change, ...]:
    degrees: dict[tuple[str, tuple[tuple[str, Any], ...]], set[float]] = {}
    for each in given:
        if each is not None:
            degrees.setdefault(_identity(each), {each.identity}).update(each.degrees)
    if not degrees:
        return (change("rotation", [0.0]),)
    return tuple(change(name, sorted(values), **dict(parameters)) for (name, parameters), values in degrees.items())
