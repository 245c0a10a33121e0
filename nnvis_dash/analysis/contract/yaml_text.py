"""A YAML text as plain values that know their line, so that what is wrong in it can be said with its place.

Read strictly: no aliases (a short text could stand for gigabytes), no tags, no key twice, nothing deep or long. What a
value may be is said by who asks for it (`text`, `number`, `fields`, ...).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from yaml.nodes import Node

LONGEST = 1 << 18  # bytes
DEEPEST = 8  # lists and mappings in each other
_SCALARS = ("str", "int", "float", "bool", "null")
_MEND = "Correct the file; docs/contract.md says what it holds."


@dataclass(frozen=True)
class Found:
    """One value of a YAML text.

    Attributes
    ----------
    value : str, int, float, bool, None, list of Found or dict of str to Found
    file : str
        The file's name, without its folder.
    line : int
        From 1.
    where : str
        Which field it is: "rules[2].at_least"; empty for the whole.
    """

    value: Any
    file: str
    line: int
    where: str = ""

    def refuse(self, what: str, mend: str) -> NoReturn:
        """Raise the ParameterError that says the place, what is wrong there and the mend."""
        raise ParameterError(f"{self.file}, line {self.line}: {what}", mend)

    def text(self, most: int = 500) -> str:
        """Return a text; a whole number counts as its digits, since classes are often named so."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return str(self.value)
        if not isinstance(self.value, str) or not self.value.strip() or len(self.value) > most:
            quoted = " In YAML yes, no, on, off and dates are no text: put them in quotes."
            self._refuse(f"a text of 1 to {most} characters", quoted if isinstance(self.value, bool) else "")
        if not self.value.isprintable():
            self._refuse("a text of one line, of characters that can be printed")
        return self.value

    def choice(self, *allowed: str) -> str:
        """Return one of some words."""
        if self.value not in allowed:
            self._refuse(f"one of: {', '.join(allowed)}")
        return str(self.value)

    def number(self, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number from `low` to `high`."""
        value = self.value
        wrong = isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high
        if wrong or not math.isfinite(value):
            ends = "" if math.isinf(low) and math.isinf(high) else f" from {low:g} to {high:g}"
            hint = " YAML takes 1e-3 for text: write 0.001 or 1.0e-3." if _is_number(value) else ""
            self._refuse(f"a number{ends}", hint)
        return float(value)

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not low <= self.value <= high:
            self._refuse(f"a whole number from {low} to {high}")
        return int(self.value)

    def items(self, least: int = 1, most: int = 1000) -> list[Found]:
        """Return the entries of a list."""
        if not isinstance(self.value, list) or not least <= len(self.value) <= most:
            self._refuse(f"a list of {least} to {most}")
        return list(self.value)

    def fields(self, allowed: Iterable[str], needed: Sequence[str] = ()) -> dict[str, Found]:
        """Return the fields of a mapping, none but those allowed and all that are needed."""
        known = list(allowed)
        if not isinstance(self.value, dict):
            self._refuse(f"fields, of these: {', '.join(known)}")
        for name, entry in self.value.items():
            if name not in known:
                alike = get_close_matches(name[:100], known, 1)
                guess = f"Did you mean {alike[0]}? " if alike else ""
                entry.refuse(f"there is no field {name!r} in {self._called}", f"{guess}Its fields: {', '.join(known)}.")
        for name in needed:
            if name not in self.value:
                self.refuse(f"{self._called} has no {name}", f"Add the field {name}.")
        return dict(self.value)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.value, list)

    @property
    def is_mapping(self) -> bool:
        """Whether it has fields."""
        return isinstance(self.value, dict)

    def plain(self) -> Any:
        """Return the value with everything in it as plain values."""
        if isinstance(self.value, dict):
            return {name: entry.plain() for name, entry in self.value.items()}
        return [entry.plain() for entry in self.value] if isinstance(self.value, list) else self.value

    @property
    def _called(self) -> str:
        return self.where or "the file"

    def _refuse(self, expected: str, hint: str = "") -> NoReturn:
        if isinstance(self.value, (list, dict)):
            given = f"a list of {len(self.value)}" if isinstance(self.value, list) else "a mapping"
        elif self.value is None:
            given = "empty"
        else:
            given = repr(self.value) if len(repr(self.value)) <= 80 else f"{repr(self.value)[:76]}..."
        self.refuse(f"{self._called} is {given}", f"Give {expected}.{hint}")


def read_yaml(text: str, file: str) -> Found:
    """Read a YAML text.

    Parameters
    ----------
    text : str
    file : str
        What errors call it.

    Raises
    ------
    ParameterError
        No YAML, or more than plain values, once each; says the line.
    """
    import yaml

    if len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        raise ParameterError(f"{file} has more than {LONGEST >> 10} kB", "Write a contract for each classifier.")
    try:
        _check(text, file)
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            return _found(loader, node, file, "") if node is not None else Found(None, file, 1)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise ParameterError(f"{file}, line {line}: this is no YAML: {error.problem or error.context}", _MEND) from None
    except yaml.YAMLError:
        raise ParameterError(f"{file} holds characters that YAML can't", "Save it as text in UTF-8.") from None


def _check(text: str, file: str) -> None:
    """Raise ParameterError for aliases, anchors and depth; looks at one event after another and builds nothing."""
    import yaml

    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        place = Found(None, file, event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            name = str(event.anchor)[:40]
            place.refuse(f"there is an anchor or alias {name!r}", "Write the values out: & and * are not taken.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                place.refuse(f"lists stand more than {DEEPEST} deep in each other", _MEND)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _found(loader: Any, node: Node, file: str, where: str) -> Found:
    """Return a node's value with its place."""
    import yaml

    place = Found(None, file, node.start_mark.line + 1, where)
    if isinstance(node, yaml.SequenceNode):
        entries = [_found(loader, entry, file, f"{where}[{n}]") for n, entry in enumerate(node.value, 1)]
        return Found(_of(place, node, "seq", entries), file, place.line, where)
    if isinstance(node, yaml.MappingNode):
        fields: dict[str, Found] = {}
        for key_node, value_node in node.value:
            key = _found(loader, key_node, file, "a field's name")
            name = key.text(100)
            if name in fields:
                key.refuse(f"{name} stands twice, first in line {fields[name].line}", "Leave one of them.")
            fields[name] = _found(loader, value_node, file, f"{where}.{name}" if where else name)
        return Found(_of(place, node, "map", fields), file, place.line, where)
    kind = node.tag.rpartition(":")[2]
    if kind == "timestamp" or ":" in node.value:  # names here; YAML 1.1 takes 1:30 for ninety
        return Found(str(node.value), file, place.line, where)
    if kind not in _SCALARS:
        place.refuse(f"there is the tag {node.tag!r}"[:200], "Write plain values, without ! tags.")
    try:
        return Found(loader.construct_object(node), file, place.line, where)
    except ValueError:  # more digits than Python reads
        place.refuse(f"the number {str(node.value)[:20]!r}... can't be read", _MEND)


def _is_number(value: Any) -> bool:
    """Whether a text would be a number in other formats."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def _of(place: Found, node: Node, kind: str, value: Any) -> Any:
    """Return `value` if the node has the tag of its own kind."""
    if node.tag != f"tag:yaml.org,2002:{kind}":
        place.refuse(f"there is the tag {node.tag!r}"[:200], "Write plain values, without ! tags.")
    return value
