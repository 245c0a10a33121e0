"""A change and the degrees at which a simulation looks at it: a transformation, a corruption or an attack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.attacks import ATTACKS
from nnvis_dash.analysis.response import ADVERSARIAL, STRONGEST, check_change, default_degrees, identity_degree
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, group_of
from nnvis_dash.errors import NotFound, ParameterError

DEGREES = 15
SEVERITIES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)  # of corruptions: 0 changes nothing, 1..5 are ImageNet-C's
MOST_DEGREES = 401
_ROUND = (1, 2, 2.5, 5)
_THIRD = 3  # round where it meets both ends: 30 of 180
_CORRUPTION = "corruption"


@dataclass(frozen=True)
class Change:
    """One change at several degrees; made by `change`, which checks it.

    Attributes
    ----------
    name : str
        A transformation, "adversarial" (FGSM along the gradient at the image itself) or an attack within epsilon.
    degrees : tuple of float
        Ascending, each once, in the transformation's unit; of attacks epsilon in pixel values, 0..255.
    parameters : tuple of (name, value)
        The others that were set, ascending by name.
    """

    name: str
    degrees: tuple[float, ...]
    parameters: tuple[tuple[str, Any], ...] = ()

    @property
    def kind(self) -> str:
        """Return "transformation", "corruption" or "attack"."""
        if self.name not in TRANSFORMATIONS:
            return "attack"
        return _CORRUPTION if group_of(TRANSFORMATIONS[self.name]) == _CORRUPTION else "transformation"

    @property
    def identity(self) -> float:
        """Return the degree that changes nothing, whether it is among the degrees or not."""
        return 0.0 if self.kind == "attack" else identity_degree(self.name)

    @property
    def title(self) -> str:
        """Return what it is called in lists."""
        if self.name == ADVERSARIAL:
            return "Adversarial"
        return (TRANSFORMATIONS if self.name in TRANSFORMATIONS else ATTACKS)[self.name].title

    @property
    def unit(self) -> str:
        """Return what its degrees are counted in; empty where they have no unit."""
        if self.kind == "attack":
            return "pixel values"
        form = TRANSFORMATIONS[self.name].form()
        return next(parameter.unit for parameter in form if parameter.name == "degree") or ""

    @property
    def told(self) -> dict[str, Any]:
        """Return what a page is told of it, as JSON can hold it."""
        told = {name: getattr(self, name) for name in ("name", "title", "unit", "kind", "identity")}
        return {**told, "degrees": list(self.degrees)}

    def plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"name": self.name, "degrees": list(self.degrees), "parameters": dict(self.parameters)}

    @classmethod
    def read(cls, plain: Any) -> Change:
        """Check and return what `plain` wrote, or a name alone; `degrees` and `parameters` may be left out.

        Raises
        ------
        NotFound, ParameterError
            As `change`.
        """
        if isinstance(plain, str):
            plain = {"name": plain}
        if not isinstance(plain, Mapping) or not isinstance(plain.get("name"), str):
            raise ParameterError(f"A change is {plain!r}", "Give its name, and degrees where you want others.")
        parameters = plain.get("parameters") or {}
        if not isinstance(parameters, Mapping):
            raise ParameterError(f"The parameters of {plain['name']} are {parameters!r}", "Give names and values.")
        return change(plain["name"], plain.get("degrees") or None, **parameters)


def change(name: str, degrees: npt.ArrayLike | None = None, **parameters: Any) -> Change:
    """Return a change at some degrees, checked.

    Parameters
    ----------
    name : str
        One of `changes()`.
    degrees : (D,) array, optional
        In any order. Without: up to 15, a round step apart, over the transformation's range; 0 to 5 of a corruption;
        epsilon 0 to 16 of an attack.
    **parameters
        The transformation's or the attack's others.

    Raises
    ------
    NotFound
        No such change.
    ParameterError
        Degrees or a parameter that it can't take; says what it can.
    """
    if name not in changes():
        raise NotFound.among("change", name, changes())
    varied = "epsilon" if name in ATTACKS else "degree"
    if varied in parameters:
        raise ParameterError(f"The {varied} of {name} is given as a parameter", "Give it among the degrees.")
    wanted = _degrees(name, degrees)
    if name in ATTACKS:
        check_change(ADVERSARIAL, wanted, {})
        ATTACKS[name].read({**parameters, "epsilon": float(wanted[-1]) / 255})
    else:
        check_change(name, wanted, parameters)
    return Change(name, tuple(wanted.tolist()), tuple(sorted(parameters.items())))


def changes() -> tuple[str, ...]:
    """Return the names of all changes: transformations, corruptions, "adversarial", attacks within a largest change."""
    attacks = [name for name, entry in ATTACKS.items() if {"bounded", "linf"} <= entry.traits]
    return (*TRANSFORMATIONS, ADVERSARIAL, *attacks)


def _degrees(name: str, given: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
    if given is None:
        if name not in TRANSFORMATIONS:
            return np.linspace(0, STRONGEST, STRONGEST // 2 + 1)
        if group_of(TRANSFORMATIONS[name]) == _CORRUPTION:
            return np.array(SEVERITIES)
        return _round_degrees(name)
    try:
        found = np.unique(np.asarray(given, np.float64))
    except (TypeError, ValueError):
        found = np.empty(0)
    if not len(found) or not np.isfinite(found).all() or len(found) > MOST_DEGREES:
        raise ParameterError(
            f"The degrees of {name} are {str(given)[:80]}", f"Give a list of 1 to {MOST_DEGREES} numbers."
        )
    return found


def _round_degrees(name: str) -> npt.NDArray[np.float64]:
    """Return at most 15 degrees a round step apart, counted from the identity, over a transformation's range."""
    form = next(parameter for parameter in TRANSFORMATIONS[name].form() if parameter.name == "degree")
    low, high, identity = float(form.low or 0), float(form.high or 0), identity_degree(name)
    least = (high - low) / DEGREES
    powers = [10.0**power for power in range(-4, 4)]
    steps = sorted(digit * power for digit in (*_ROUND, _THIRD) for power in powers)
    steps = [step for step in steps if step >= least and (form.type is not int or step.is_integer())]
    even = [step for step in steps if _whole((identity - low) / step) and _whole((high - identity) / step)]
    steps = [step for step in steps if not any(step == _THIRD * power for power in powers)]
    for step in [*(step for step in even if step <= 2 * least), *steps]:
        below, above = np.floor((identity - low) / step + 1e-9), np.floor((high - identity) / step + 1e-9)
        found = (identity + step * np.arange(-below, above + 1)).round(6)
        ends = [end for end in (low, high) if np.abs(found - end).min() >= step / 2]
        if len(found) + len(ends) <= DEGREES:
            return np.unique([*found, *ends])
    return default_degrees(name, DEGREES)


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-9


def read_changes(given: Iterable[Any]) -> tuple[Change, ...]:
    """Return several changes, each once; ParameterError for none, and as `Change.read`."""
    found: list[Change] = []
    for plain in given:
        read = Change.read(plain)
        if read not in found:
            found.append(read)
    if not found:
        raise ParameterError("There is no change to simulate", f"Give one of: {', '.join(changes())}.")
    return tuple(found)
