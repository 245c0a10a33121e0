"""One registry for what can be added by adding a file: attribution methods, projections, readers, ...

An entry is a name, a frozen dataclass of parameters and one function. Dropdowns, parameter forms, jobs, the API, the
docs tables and the contract tests all read the registry, so nothing else has to know of a new file. A registry imports
every module of the package that owns it, so that dropping a file in is enough.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from nnvis_dash.errors import NotFound, ParameterError

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class NoParameters:
    """The parameters of an entry that has none."""


@dataclass(frozen=True)
class Parameter:
    """One field of an entry's parameters as a form shows it, from the dataclass's metadata."""

    name: str
    type: Any
    default: Any
    help: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    unit: str = ""
    step: float = 0  # of a slider; 0: a hundredth of the range
    identity: float | None = None  # where it changes nothing, if there is such a value


_SHOWN = frozenset(entry.name for entry in fields(Parameter)) - {"name", "type", "default"}


@dataclass(frozen=True)
class Entry(Generic[Function]):
    """One registered method."""

    name: str
    title: str  # as the page shows it: "Grad-CAM"
    function: Function
    parameters: type  # a frozen dataclass
    reference: str  # the paper and where it can be found
    summary: str  # one line for tables and hover
    traits: frozenset[str] = frozenset()  # what forms and jobs have to know of it, in words of the registry's owner

    def form(self) -> tuple[Parameter, ...]:
        """Describe the parameters in the order in which the dataclass has them."""
        return _form(self.parameters)

    def read(self, given: Mapping[str, Any]) -> Any:
        """Make the parameters' dataclass from what a user gave, every value checked.

        Raises
        ------
        ParameterError
            An unknown name, a wrong type or a value outside its range; says what is allowed.
        """
        form = {parameter.name: parameter for parameter in self.form()}
        for name in given:
            if name not in form:
                names = ", ".join(form) or "none"
                raise ParameterError(f"{self.title} has no parameter {name!r}", f"Its parameters: {names}.")
        return self.parameters(**{name: _checked(self.title, form[name], value) for name, value in given.items()})


@functools.cache
def _form(parameters: type) -> tuple[Parameter, ...]:
    """Read a dataclass's fields, once: previews read their parameters at every move of a slider."""
    hints = get_type_hints(parameters)
    return tuple(
        Parameter(
            name=entry.name,
            type=hints[entry.name],
            default=None if entry.default is MISSING else entry.default,
            **{key: value for key, value in entry.metadata.items() if key in _SHOWN},
        )
        for entry in fields(parameters)
    )


def _checked(title: str, parameter: Parameter, value: Any) -> Any:
    """Return `value` in the parameter's type, or raise ParameterError."""
    kinds = get_args(parameter.type) or (parameter.type,)
    where = f"{title}: {parameter.name}"
    if value is None and type(None) in kinds:
        return None
    if bool in kinds and isinstance(value, bool):
        return value
    if isinstance(value, bool) or (isinstance(value, float) and value != value):
        raise ParameterError(f"{where} is {value!r}", f"Give {_expected(parameter)}.")
    if int in kinds and isinstance(value, (int, float)) and float(value).is_integer():
        value = int(value)
    elif float in kinds and isinstance(value, (int, float)):
        value = float(value)
    elif not (str in kinds and isinstance(value, str)) and not any(
        isinstance(value, kind) for kind in kinds if isinstance(kind, type) and kind not in (int, float, bool, str)
    ):
        raise ParameterError(f"{where} is {value!r}", f"Give {_expected(parameter)}.")
    if isinstance(value, (int, float)):
        too_low = parameter.low is not None and value < parameter.low
        too_high = parameter.high is not None and value > parameter.high
        if too_low or too_high:
            raise ParameterError(f"{where} is {value!r}", f"Give {_expected(parameter)}.")
    if parameter.choices and value not in parameter.choices:
        raise ParameterError(f"{where} is {value!r}", f"Give one of: {', '.join(map(str, parameter.choices))}.")
    return value


def _expected(parameter: Parameter) -> str:
    """Say in words what a parameter takes."""
    kinds = get_args(parameter.type) or (parameter.type,)
    names = {int: "a whole number", float: "a number", str: "a name", bool: "true or false", type(None): "nothing"}
    words = " or ".join(names.get(kind, getattr(kind, "__name__", str(kind))) for kind in kinds)
    if parameter.low is not None and parameter.high is not None:
        words += f" from {parameter.low:g} to {parameter.high:g}"
    elif parameter.low is not None:
        words += f" of {parameter.low:g} or more"
    return words


class Registry(Mapping[str, Entry[Function]], Generic[Function]):
    """Entries by name, in the order in which they were registered."""

    def __init__(self, what: str, package: str) -> None:
        self.what = what
        self._package = package
        self._entries: dict[str, Entry[Function]] = {}
        self._loaded = False
        self._loading = threading.RLock()

    def register(
        self, name: str, *, title: str, reference: str, parameters: type = NoParameters, traits: Iterable[str] = ()
    ) -> Callable[[Function], Function]:
        """Register the decorated function under `name`; its docstring's first line is the summary."""

        def decorate(function: Function) -> Function:
            if name in self._entries:
                raise ValueError(f"{self.what} {name!r} is registered twice")
            summary = (function.__doc__ or "").strip().splitlines()[0] if function.__doc__ else ""
            self._entries[name] = Entry(name, title, function, parameters, reference, summary, frozenset(traits))
            return function

        return decorate

    def __getitem__(self, name: str) -> Entry[Function]:
        self._load()
        try:
            return self._entries[name]
        except KeyError:
            raise NotFound.among(self.what, name, self._entries) from None

    def get(self, name: str, default: Any = None) -> Any:
        """Return an entry, `default` where there is none of that name."""
        self._load()
        return self._entries.get(name, default)

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._entries)

    def __len__(self) -> int:
        self._load()
        return len(self._entries)

    def _load(self) -> None:
        """Import every module of the package that owns this registry, once, in the order of their names.

        Another thread that asks meanwhile waits until all are there.
        """
        if self._loaded:
            return
        with self._loading:  # a second time does nothing: Python imports a module once
            package = importlib.import_module(self._package)
            for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda entry: entry.name):
                importlib.import_module(f"{self._package}.{module.name}")
            self._loaded = True
