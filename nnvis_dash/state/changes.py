"""Small changes that views send, and the one function that applies them.

Invariant: `apply` is pure, total (every change that `read_change` lets through gives a state) and idempotent (the same
change again gives the same state), so that a change may come twice or late without harm.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nnvis_dash.errors import StateError
from nnvis_dash.state import checks
from nnvis_dash.state.checks import Check
from nnvis_dash.state.codec import decode_link, field_check
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import (
    COMPARISON,
    DIFFERENCES,
    MODELS,
    NETWORK,
    REVIEW,
    SIMULATION,
    SUGGESTION,
    TABLE,
    TRUST,
    View,
)

CHANGE_LIMIT = 65_536  # bytes of JSON

_MISSING: Any = object()


@dataclass(frozen=True)
class Change:
    """A change that was read: its kind, and its fields in their canonical form, in the kind's order."""

    kind: str
    values: tuple[Any, ...] = ()
    origin: str | None = None  # None: the change doesn't say who made it


@dataclass(frozen=True)
class _Field:
    check: Check[Any]
    default: Any = _MISSING


@dataclass(frozen=True)
class _Kind:
    fields: Mapping[str, _Field]
    apply: Callable[..., State]


_KINDS: dict[str, _Kind] = {}
_Function = Callable[..., State]


def _kind(name: str, **fields: Check[Any] | _Field) -> Callable[[_Function], _Function]:
    """Register how a kind of change is read and applied; the function takes the state and the fields in this order."""

    def register(function: _Function) -> _Function:
        read = {key: entry if isinstance(entry, _Field) else _Field(entry) for key, entry in fields.items()}
        _KINDS[name] = _Kind(read, function)
        return function

    return register


def kinds() -> tuple[str, ...]:
    """Return the kinds of change that there are."""
    return tuple(_KINDS)


def read_change(record: Any) -> Change:
    """Read a change as a view sends it: ``{"kind": "select", "samples": "3-9", "origin": "embedding"}``.

    `origin` may stand in a change of any kind.

    Raises
    ------
    StateError
        Not a record, too large, an unknown kind, a field that is missing, unknown or can't have its value.
    """
    if not isinstance(record, dict):
        raise checks.refuse("A change", record, "Send a record with a kind.")
    name = record.get("kind")
    if not isinstance(name, str) or name not in _KINDS:
        raise checks.refuse("The kind of a change", name, f"One of: {', '.join(_KINDS)}.")
    _check_size(name, record)
    kind = _KINDS[name]
    for key in record:
        if key not in kind.fields and key not in ("kind", "origin"):
            raise StateError(
                f"A change of kind {name!r} has no field {checks.shown(key)}",
                f"Its fields: {', '.join([*kind.fields, 'origin'])}.",
            )
    values = []
    for key, entry in kind.fields.items():
        if key in record:
            values.append(entry.check(f"The {key} of a change of kind {name!r}", record[key]))
        elif entry.default is not _MISSING:
            values.append(entry.default)
        else:
            raise StateError(f"A change of kind {name!r} lacks its field {key!r}", f"Send {key!r} with it.")
    origin = checks.optional(checks.any_name)("The origin of a change", record.get("origin"))
    return Change(name, tuple(values), origin)


def _check_size(name: str, record: dict[Any, Any]) -> None:
    try:
        size = len(json.dumps(record, ensure_ascii=False).encode(errors="surrogatepass"))
    except (TypeError, ValueError, RecursionError) as error:
        raise StateError(f"A change of kind {name!r} holds what JSON can't", "Send plain values.") from error
    if size > CHANGE_LIMIT:
        raise StateError(f"A change of kind {name!r} has {size} bytes", f"Send {CHANGE_LIMIT} at most.")


def apply(state: State, change: Change) -> State:
    """Return the state after a change."""
    after = _KINDS[change.kind].apply(state, *change.values)
    if change.origin is None:
        return after
    return replace(after, selection=replace(after.selection, origin=change.origin))


def _session(state: State, session: Session) -> State:
    """Change the session; what belongs to the primary classifier's layers and classes goes with that classifier."""
    if session.dataset != state.session.dataset or session.primary != state.session.primary:
        state = _viewed(state, start="")
    if session.primary == state.session.primary:
        return replace(state, session=session)
    view = state.view
    if view.features.startswith("layer:"):
        view = replace(view, features="features")
    network = tuple((name, value) for name, value in view.network if name not in ("class_a", "class_b"))
    simulation = tuple((name, value) for name, value in view.simulation if name != "class")
    suggestion = tuple((name, value) for name, value in view.suggestion if name not in ("layer", "channel"))
    view = replace(view, explained=None, unit=None, network=network, simulation=simulation, suggestion=suggestion)
    selection = replace(state.selection, layer=None, target=None, units=(), pattern=None, frozen=())
    return State(session, selection, view)


def _selected(state: State, **fields: Any) -> State:
    return replace(state, selection=replace(state.selection, **fields))


def _viewed(state: State, **fields: Any) -> State:
    return replace(state, view=replace(state.view, **fields))


def _projected(state: State, **fields: Any) -> State:
    """Change what is projected; another projection doesn't continue from the map of the one before."""
    changed = any(getattr(state.view, name) != value for name, value in fields.items())
    return _viewed(state, **fields, **({"start": ""} if changed else {}))


@_kind("dataset", dataset=checks.any_name, classifiers=_Field(checks.classifiers, ()))
def _dataset(state: State, dataset: str, classifiers: tuple[str, ...]) -> State:
    """Another dataset: nothing that was selected is in it."""
    return _first_page(replace(_session(state, Session(dataset, classifiers)), selection=Selection()))


@_kind("classifiers", classifiers=checks.classifiers)
def _classifiers(state: State, classifiers: tuple[str, ...]) -> State:
    return _session(state, Session(state.session.dataset, classifiers))


@_kind("select", samples=checks.samples)
def _select(state: State, samples: str) -> State:
    """The lasso's samples; the empty text clears them. Whoever doesn't say its name is no view."""
    if samples != state.selection.samples:
        state = _first_page(state)
    return _selected(state, samples=samples, origin="")


def _first_page(state: State) -> State:
    """Other samples are compared from the first one on."""
    return _viewed(state, comparison=tuple(entry for entry in state.view.comparison if entry[0] != "page"))


@_kind("primary", sample=checks.optional(checks.sample))
def _primary(state: State, sample: int | None) -> State:
    """The sample that is tested, as it is; the class that was explained and the edits belonged to the one before."""
    if sample == state.selection.primary and not state.selection.derived:
        return _selected(state, origin="")
    return _selected(state, primary=sample, derived="", edits=(), target=None, origin="")


@_kind("derived", derived=field_check(Selection, "derived"))
def _derived(state: State, derived: str) -> State:
    """A sample of the tray is tested, or with the empty text the primary one again."""
    if derived == state.selection.derived:
        return _selected(state, origin="")
    return _selected(state, derived=derived, edits=(), target=None, origin="")


@_kind("edits", edits=field_check(Selection, "edits"))
def _edits(state: State, edits: tuple[Edit, ...]) -> State:
    return _selected(state, edits=edits)


@_kind("compared", sample=checks.optional(checks.sample))
def _compared(state: State, sample: int | None) -> State:
    return _selected(state, compared=sample)


@_kind("classes", classes=field_check(Selection, "classes"))
def _classes(state: State, classes: tuple[int, ...]) -> State:
    return _selected(state, classes=classes)


@_kind("correctness", correctness=field_check(Selection, "correctness"))
def _correctness(state: State, correctness: Any) -> State:
    return _selected(state, correctness=correctness)


@_kind("layer", layer=field_check(Selection, "layer"))
def _layer(state: State, layer: str | None) -> State:
    return _selected(state, layer=layer)


@_kind("target", target=field_check(Selection, "target"))
def _target(state: State, target: int | None) -> State:
    return _selected(state, target=target)


@_kind("units", units=field_check(Selection, "units"))
def _units(state: State, units: Any) -> State:
    return _selected(state, units=units)


@_kind("pattern", pattern=field_check(Selection, "pattern"))
def _pattern(state: State, pattern: str | None) -> State:
    return _selected(state, pattern=pattern)


@_kind("frozen", frozen=field_check(Selection, "frozen"))
def _frozen(state: State, frozen: Any) -> State:
    """Which units are frozen, all of them: those that aren't named work again."""
    return _selected(state, frozen=frozen)


@_kind("features", features=field_check(View, "features"))
def _features(state: State, features: str) -> State:
    return _projected(state, features=features)


@_kind("method", method=field_check(View, "method"), parameters=_Field(checks.set_parameters, None))
def _method(state: State, method: str, parameters: Any) -> State:
    """Another projection; parameters belong to the method they were given for."""
    if parameters is None:
        parameters = state.view.parameters if method == state.view.method else ()
    return _projected(state, method=method, parameters=parameters)


@_kind("n_samples", n=field_check(View, "n_samples"))
def _n_samples(state: State, n: int) -> State:
    return _projected(state, n_samples=n)


@_kind("seed", seed=field_check(View, "seed"))
def _seed(state: State, seed: int) -> State:
    return _projected(state, seed=seed)


@_kind("parameters", parameters=checks.parameters, start=_Field(field_check(View, "start"), ""))
def _parameters(state: State, parameters: Any, start: str) -> State:
    """Parameters of the projection, which then starts anew, or continues from the map of this key."""
    return _viewed(state, parameters=_merged(state.view.parameters, parameters), start=start)


def _merged(before: Any, changed: Any) -> Any:
    """Change some parameters, null puts one back to its default; beyond the most that a state holds none is added."""
    kept = sorted((name, value) for name, value in (dict(before) | dict(changed)).items() if value is not None)
    return tuple(kept) if len(kept) <= checks.MOST_PARAMETERS else before


@_kind("colour", colour=field_check(View, "colour"))
def _colour(state: State, colour: Any) -> State:
    return _viewed(state, colour=colour)


@_kind("opacity", opacity=field_check(View, "opacity"))
def _opacity(state: State, opacity: float) -> State:
    return _viewed(state, opacity=opacity)


@_kind("attribution", attribution=field_check(View, "attribution"))
def _attribution(state: State, attribution: str) -> State:
    """Another attribution method; parameters belong to the one before."""
    if attribution == state.view.attribution:
        return state
    return _viewed(state, attribution=attribution, attribution_parameters=())


@_kind("attribution_parameters", parameters=checks.parameters)
def _attribution_parameters(state: State, parameters: Any) -> State:
    return _viewed(state, attribution_parameters=_merged(state.view.attribution_parameters, parameters))


@_kind("output", output=field_check(View, "output"))
def _output(state: State, output: Any) -> State:
    return _viewed(state, output=output)


@_kind("explained", layer=field_check(View, "explained"), unit=_Field(field_check(View, "unit"), 0))
def _explained(state: State, layer: str | None, unit: int | None) -> State:
    """A class, or units of a layer: of another one the first, if nothing else is said."""
    if layer == state.view.explained:
        return state
    return _viewed(state, explained=layer, unit=None if layer is None else unit)


@_kind("unit", unit=field_check(View, "unit"))
def _unit(state: State, unit: int | None) -> State:
    return _viewed(state, unit=unit)


@_kind("clip", clip=field_check(View, "clip"))
def _clip(state: State, clip: float) -> State:
    return _viewed(state, clip=clip)


@_kind("smooth", smooth=field_check(View, "smooth"))
def _smooth(state: State, smooth: bool) -> State:
    return _viewed(state, smooth=smooth)


@_kind("grid", grid=field_check(View, "grid"))
def _grid(state: State, grid: tuple[str, ...]) -> State:
    return _viewed(state, grid=grid)


@_kind("judged", judged=field_check(View, "judged"))
def _judged(state: State, judged: tuple[str, ...]) -> State:
    return _viewed(state, judged=judged)


@_kind("grey", grey=field_check(View, "grey"))
def _grey(state: State, grey: bool) -> State:
    return _viewed(state, grey=grey)


@_kind("lens", lens=field_check(View, "lens"))
def _lens(state: State, lens: Any) -> State:
    return _viewed(state, lens=lens)


@_kind("difference", parameters=checks.parameters_among(DIFFERENCES))
def _difference(state: State, parameters: Any) -> State:
    return _viewed(state, difference=_merged(state.view.difference, parameters))


@_kind("beside", beside=field_check(View, "beside"))
def _beside(state: State, beside: Any) -> State:
    return _viewed(state, beside=beside)


@_kind("readout", readout=field_check(View, "readout"), target=field_check(Selection, "target"))
def _readout(state: State, readout: Any, target: int | None) -> State:
    """What the map shows, and of which class."""
    return _selected(_viewed(state, readout=readout), target=target)


@_kind("common", common=field_check(View, "common"))
def _common(state: State, common: bool) -> State:
    return _viewed(state, common=common)


@_kind("responses", responses=field_check(View, "responses"))
def _responses(state: State, responses: tuple[str, ...]) -> State:
    return _viewed(state, responses=responses)


@_kind("attack", parameters=checks.word_parameters)
def _attack(state: State, parameters: Any) -> State:
    """Parameters of the attack's form; another method keeps which class is to be left and which to be reached."""
    before = dict(state.view.attack)
    method = dict(parameters).get("method", before.get("method"))
    if method != before.get("method"):
        before = {name: value for name, value in before.items() if name in ("leave", "target")}
    return _viewed(state, attack=_merged(tuple(before.items()), parameters))


@_kind("tab", tab=field_check(View, "tab"))
def _tab(state: State, tab: Any) -> State:
    return _viewed(state, tab=tab)


@_kind("simulation", parameters=checks.parameters_among(SIMULATION))
def _simulation(state: State, parameters: Any) -> State:
    """Settings of the simulation view; degrees belong to the change that they were chosen for."""
    before = dict(state.view.simulation)
    if "change" in dict(parameters) and dict(parameters)["change"] != before.get("change"):
        before = {name: value for name, value in before.items() if name not in ("degree", "high", "low", "steps")}
    return _viewed(state, simulation=_merged(tuple(before.items()), parameters))


@_kind("suggestion", parameters=checks.parameters_among(SUGGESTION))
def _suggestion(state: State, parameters: Any) -> State:
    """Settings of the suggestion view; a unit belongs to the layer that it was chosen for."""
    before = dict(state.view.suggestion)
    if "layer" in dict(parameters) and dict(parameters)["layer"] != before.get("layer"):
        before.pop("channel", None)
    return _viewed(state, suggestion=_merged(tuple(before.items()), parameters))


@_kind("overview", overview=field_check(View, "overview"))
def _overview(state: State, overview: Any) -> State:
    return _viewed(state, overview=overview)


def _settings(name: str, known: tuple[str, ...]) -> None:
    """Register the kind of change that sets something in the view's settings of this name."""

    @_kind(name, parameters=checks.parameters_among(known))
    def change(state: State, parameters: Any) -> State:
        return _viewed(state, **{name: _merged(getattr(state.view, name), parameters)})


_settings("network", NETWORK)
_settings("models", MODELS)
_settings("review", REVIEW)
_settings("table", TABLE)
_settings("comparison", COMPARISON)
_settings("trust", TRUST)


@_kind("open", link=lambda what, value: decode_link(value))
def _open(state: State, opened: State) -> State:
    """Open a link: nothing of the state before stays."""
    return opened
