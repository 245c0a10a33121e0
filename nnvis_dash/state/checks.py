"""What a value from a browser or a link has to be: one small check a kind of value, used by changes and codec alike.

A check takes what the value is called and the value, and returns it in its one canonical form, or raises StateError.
The limits are such that every state that passes fits a link (`codec.LINK_LIMIT`); a test builds the largest one.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from nnvis_dash.errors import StateError
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.ids import HIGHEST_ID, canonical_ids
from nnvis_dash.types import Unit

Value = TypeVar("Value")
Check: TypeAlias = Callable[[str, Any], Value]

LONGEST_NAME = 200  # bytes of UTF-8
LONGEST_WORD = 40  # characters
LONGEST_SAMPLES = 4_000  # characters; a longer selection is kept on the server under its key
MOST_CLASSIFIERS = 16
MOST_CLASSES = 1_000  # as many indices as stand in a selection
MOST_UNITS = 512
MOST_LAYERS = 32  # that these units may be of
MOST_PARAMETERS = 12
MOST_METHODS = 12  # that stand side by side
MOST_FROZEN = 256  # layers with frozen units
LONGEST_FROZEN = 8_000  # characters of JSON, of all frozen units together
LONGEST_PATTERN = 1_200  # characters
MOST_EDITS = 12
LONGEST_EDITS = 5_000  # characters of JSON, of all edits together; a drawn region takes most of them
HIGHEST_CLASS = 99_999
HIGHEST_CHANNEL = 9_999_999

_KEPT = re.compile(r"@[A-Za-z0-9_-]{1,64}", re.ASCII)
_PATTERN = re.compile(r"[0-9]{1,4}:[0-9]{1,7}(\.[0-9]{1,4}:[0-9]{1,7})*", re.ASCII)
_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and nothing but one line."""
    try:
        text = ascii(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number with too many digits
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= 60 else f"{text[:56]} ..."


def refuse(what: str, value: object, mend: str) -> StateError:
    """Build the error of a value that isn't what it has to be."""
    return StateError(f"{what} is {shown(value)}", mend)


def name(what: str, value: Any) -> str:
    """A name, not empty."""
    return _text(what, value, 1)


def any_name(what: str, value: Any) -> str:
    """A name, or the empty text."""
    return _text(what, value, 0)


def _text(what: str, value: Any, least: int) -> str:
    mend = f"Give a name of {least} to {LONGEST_NAME} characters."
    if not isinstance(value, str) or not least <= len(value) <= LONGEST_NAME:
        raise refuse(what, value, mend)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise refuse(what, value, "Leave out control characters and half surrogate pairs.")
    if len(value.encode()) > LONGEST_NAME:
        raise refuse(what, value, f"Give a name of {LONGEST_NAME} bytes of UTF-8 at most.")
    return value


def whole(low: int, high: int) -> Check[int]:
    """A whole number from `low` to `high`."""

    def check(what: str, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise refuse(what, value, f"Give a whole number from {low} to {high}.")
        return value

    return check


def real(low: float, high: float) -> Check[float]:
    """A number from `low` to `high`."""

    def check(what: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise refuse(what, value, f"Give a number from {low:g} to {high:g}.")
        return float(value)

    return check


def one_of(choices: tuple[str, ...]) -> Check[Any]:
    """One of a few words."""

    def check(what: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise refuse(what, value, f"Give one of: {', '.join(choices)}.")
        return value

    return check


def optional(check: Check[Value]) -> Check[Value | None]:
    """What `check` takes, or null."""

    def check_or_none(what: str, value: Any) -> Value | None:
        return None if value is None else check(what, value)

    return check_or_none


sample = whole(0, HIGHEST_ID)
target = whole(0, HIGHEST_CLASS)
channel = whole(0, HIGHEST_CHANNEL)


def samples(what: str, value: Any) -> str:
    """Ranges of sample ids in their one canonical form, or the key of a text that the server keeps."""
    if isinstance(value, str) and value.startswith("@"):
        if not _KEPT.fullmatch(value):
            raise refuse(what, value, "Give @ and the key of a selection that the server keeps.")
        return value
    if not isinstance(value, str) or len(value) > LONGEST_SAMPLES:
        raise refuse(
            what, value, f"Give ranges of ids in {LONGEST_SAMPLES} characters at most; longer ones are kept by key."
        )
    return canonical_ids(value)


def sequence(what: str, value: Any, most: int) -> list[Any] | tuple[Any, ...]:
    """A list of at most `most` entries."""
    if not isinstance(value, (list, tuple)) or len(value) > most:
        raise refuse(what, value, f"Give a list of {most} at most.")
    return value


def classifiers(what: str, value: Any) -> tuple[str, ...]:
    """Fingerprints, each once, in their order."""
    return tuple(dict.fromkeys(name(what, entry) for entry in sequence(what, value, MOST_CLASSIFIERS)))


def classes(what: str, value: Any) -> tuple[int, ...]:
    """Class indices, ascending, each once."""
    return tuple(sorted({target(what, entry) for entry in sequence(what, value, MOST_CLASSES)}))


def units(what: str, value: Any) -> tuple[Unit, ...]:
    """Units from [layer, channel] pairs, ascending, each once."""
    found = set()
    for entry in sequence(what, value, MOST_UNITS):
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            raise refuse(f"An entry of {what}", entry, "Give pairs of a layer's name and a channel.")
        found.add(Unit(name(what, entry[0]), channel(what, entry[1])))
    if len({unit.layer for unit in found}) > MOST_LAYERS:
        raise refuse(what, value, f"Give units of {MOST_LAYERS} layers at most.")
    return tuple(sorted(found))


def frozen(what: str, value: Any) -> tuple[tuple[str, str], ...]:
    """Frozen units: of each layer's name their numbers as ranges; ascending by name, no layer without any."""
    if not isinstance(value, dict) or len(value) > MOST_FROZEN:
        raise refuse(what, value, f"Give ranges of numbers for {MOST_FROZEN} layers at most.")
    found = []
    for layer, channels in value.items():
        if not isinstance(channels, str) or len(channels) > LONGEST_FROZEN:
            raise refuse(f"The units of a layer in {what}", channels, "Give ranges of numbers as text: 0-3,7.")
        held = canonical_ids(channels, HIGHEST_CHANNEL)
        if held:
            found.append((name(f"A layer in {what}", layer), held))
    size = len(json.dumps(dict(found), ensure_ascii=False))
    if size > LONGEST_FROZEN:
        raise StateError(f"{what} take {size} characters", f"Freeze fewer units: {LONGEST_FROZEN} characters are kept.")
    return tuple(sorted(found))


def pattern(what: str, value: Any) -> str:
    """A neural pattern: pairs of a layer's ordinal and a channel."""
    if not isinstance(value, str) or len(value) > LONGEST_PATTERN or not _PATTERN.fullmatch(value):
        raise refuse(what, value, 'Give pairs of a layer\'s ordinal and a channel: "0:12.1:5".')
    return value


def truth(what: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise refuse(what, value, "Give true or false.")
    return value


def names(what: str, value: Any) -> tuple[str, ...]:
    """Names, each once, in their order."""
    found = [name(what, entry) for entry in sequence(what, value, MOST_METHODS)]
    return tuple(dict.fromkeys(found))


def words(what: str, value: Any) -> tuple[str, ...]:
    """Words, each once, in their order."""
    found = [_word(f"An entry of {what}", entry) for entry in sequence(what, value, MOST_METHODS)]
    return tuple(dict.fromkeys(found))


def derived(what: str, value: Any) -> str:
    """The name of a derived sample, or the empty text."""
    if value == "" or (isinstance(value, str) and _KEY.fullmatch(value)):
        return value
    raise refuse(what, value, "Give the 32 hexadecimal digits of a sample of the tray.")


def start(what: str, value: Any) -> str:
    """The key of a map, or the empty text."""
    if value == "" or (isinstance(value, str) and _KEY.fullmatch(value)):
        return value
    raise refuse(what, value, "Give the 32 hexadecimal digits of a map's key.")


def edits(what: str, value: Any) -> tuple[Edit, ...]:
    """Edits from [name, {parameter: value}] pairs, in their order; null stands for a parameter's default."""
    found = []
    for entry in sequence(what, value, MOST_EDITS):
        pair = isinstance(entry, (list, tuple)) and len(entry) == 2
        if not pair or not isinstance(entry[0], str) or not isinstance(entry[1], dict):
            raise refuse(f"An entry of {what}", entry, "Give pairs of a transformation's name and its parameters.")
        _word(f"A name in {what}", entry[0])
        if len(entry[1]) > MOST_PARAMETERS:
            raise refuse(f"The parameters in {what}", entry[1], f"Give {MOST_PARAMETERS} at most.")
        read = {_word(f"A parameter in {what}", key): _value(what, held) for key, held in entry[1].items()}
        kept = {key: held for key, held in read.items() if held is not None}
        found.append(Edit(entry[0], tuple(sorted(kept.items()))))
    size = len(json.dumps([edit.to_json() for edit in found]))
    if size > LONGEST_EDITS:
        raise StateError(f"{what} take {size} characters", f"Draw simpler regions: {LONGEST_EDITS} are kept.")
    return tuple(found)


def _word(what: str, value: Any) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise refuse(what, value, "Give a word of small letters, digits and _.")
    return value


def _value(what: str, value: Any) -> str | int | float | bool | None:
    """A scalar, of which text may be long but is plain ASCII."""
    if isinstance(value, str):
        if not value.isascii() or not value.isprintable():
            raise refuse(f"A value in {what}", value, "Give plain letters, digits and signs.")
        return value
    return optional(scalar)(f"A value in {what}", value)


def features(what: str, value: Any) -> str:
    """What is projected: ``features``, ``pixels`` or ``layer:<name>``."""
    if isinstance(value, str) and value.startswith("layer:"):
        return "layer:" + name(what, value.removeprefix("layer:"))
    return str(one_of(("features", "pixels"))(what, value))


def scalar(what: str, value: Any) -> str | int | float | bool:
    """Text, a finite number, true or false."""
    if isinstance(value, str):
        return any_name(what, value)
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:
        return value
    raise refuse(what, value, "Give a word, a number, true or false.")


def parameters(what: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """Values by name, ascending by name; null stands for the default."""
    if not isinstance(value, dict) or len(value) > MOST_PARAMETERS:
        raise refuse(what, value, f"Give {MOST_PARAMETERS} values by name at most.")
    read = {name(f"A name in {what}", key): optional(scalar)(what, entry) for key, entry in value.items()}
    return tuple(sorted(read.items()))


def word_parameters(what: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """As `parameters`, whose names are words and whose texts are short."""
    read = parameters(what, value)
    for key, entry in read:
        _word(f"A name in {what}", key)
        _short(f"The {key} in {what}", entry)
    return read


def _short(what: str, value: Any) -> None:
    if isinstance(value, str) and len(value) > LONGEST_WORD:
        raise refuse(what, value, f"Give a word of {LONGEST_WORD} characters at most.")


def parameters_among(known: tuple[str, ...]) -> Check[tuple[tuple[str, Any], ...]]:
    """As `parameters`, of these names, with short words."""

    def check(what: str, value: Any) -> tuple[tuple[str, Any], ...]:
        read = parameters(what, value)
        for key, entry in read:
            one_of(known)(f"A name in {what}", key)
            _short(f"The {key} in {what}", entry)
        return read

    return check


def set_parameters(what: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """As `parameters`, without those that are null."""
    return without_null(parameters)(what, value)


def without_null(check: Check[tuple[tuple[str, Any], ...]]) -> Check[tuple[tuple[str, Any], ...]]:
    """As a check of parameters, without those that are null."""
    return lambda what, value: tuple((key, entry) for key, entry in check(what, value) if entry is not None)
