"""The state's promises on whatever a browser or a link may hold."""

from __future__ import annotations

import base64
import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, example, given, settings

from nnvis_dash.errors import StateError
from nnvis_dash.state import checks
from nnvis_dash.state.changes import Change, apply, kinds, read_change
from nnvis_dash.state.codec import LINK_LIMIT, decode_link, encode_link, from_json, to_json
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.ids import canonical_ids, decode_ids, encode_ids
from nnvis_dash.state.references import Reference
from nnvis_dash.state.selection import CORRECTNESS, Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import (
    BESIDES,
    COLOURS,
    COMPARISON,
    DIFFERENCES,
    LENSES,
    MODELS,
    NETWORK,
    OUTPUTS,
    OVERVIEWS,
    READOUTS,
    REVIEW,
    SIMULATION,
    SUGGESTION,
    TABLE,
    TABS,
    TRUST,
    View,
)
from nnvis_dash.types import Unit

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # neighbours share the processor

characters = st.characters(exclude_categories=["Cc", "Cs"])
names = st.text(characters, min_size=1, max_size=40).filter(lambda text: len(text.encode()) <= 200)
fingerprints = st.one_of(st.text("0123456789abcdef", min_size=32, max_size=32), names)
ids = st.integers(0, 2**31 - 1)
few_ids = st.lists(st.integers(0, 5000), max_size=60).map(encode_ids)
kept = st.text("0123456789abcdef", min_size=32, max_size=32).map(lambda key: f"@{key}")
features = st.one_of(st.sampled_from(["features", "pixels"]), names.map(lambda name: f"layer:{name}"[:200]))
scalars = st.one_of(
    st.integers(-(2**53), 2**53), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), names, st.just("")
)
settable = st.dictionaries(names, scalars, max_size=5)
words = scalars.filter(lambda value: not isinstance(value, str) or len(value) <= 40)
differences = st.dictionaries(st.sampled_from(DIFFERENCES), words, max_size=5)
identifiers = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True)


def settings_among(known: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Settings by name, null where one is put back."""
    return st.dictionaries(st.sampled_from(known), st.none() | words, max_size=6)


def settings_of(known: tuple[str, ...]) -> st.SearchStrategy[tuple[tuple[str, Any], ...]]:
    """Settings as a view holds them."""
    return st.dictionaries(st.sampled_from(known), words, max_size=4).map(lambda found: tuple(sorted(found.items())))


attacks = st.dictionaries(identifiers, words, max_size=5)
plain_text = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40)
numbers = st.integers(-(2**53), 2**53) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
edit_values = st.dictionaries(identifiers, numbers | plain_text, max_size=4)
stacks = st.lists(
    st.builds(lambda name, values: Edit(name, tuple(sorted(values.items()))), identifiers, edit_values), max_size=5
)
derived = st.text("0123456789abcdef", min_size=32, max_size=32)
units = st.lists(st.tuples(names, st.integers(0, 4096)), max_size=8)
patterns = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 4096)), min_size=1, max_size=9).map(
    lambda found: ".".join(f"{layer}:{channel}" for layer, channel in found)
)
frozen = st.dictionaries(
    names, st.sets(st.integers(0, 4096), min_size=1, max_size=9).map(lambda found: encode_ids(found)), max_size=4
)

sessions = st.builds(
    Session, st.one_of(st.just(""), fingerprints), st.lists(fingerprints, max_size=5, unique=True).map(tuple)
)
selections = st.builds(
    Selection,
    samples=st.one_of(few_ids, kept),
    primary=st.none() | ids,
    compared=st.none() | ids,
    classes=st.sets(st.integers(0, 99_999), max_size=20).map(lambda found: tuple(sorted(found))),
    correctness=st.sampled_from(CORRECTNESS),
    layer=st.none() | names,
    units=units.map(lambda found: tuple(sorted({Unit(*unit) for unit in found}))),
    pattern=st.none() | patterns,
    target=st.none() | st.integers(0, 99_999),
    origin=st.just("") | names,
    derived=st.just("") | derived,
    edits=stacks.map(tuple),
    frozen=frozen.map(lambda found: tuple(sorted(found.items()))),
)
views = st.builds(
    View,
    features=features,
    method=names,
    n_samples=st.integers(0, 10_000_000),
    seed=st.integers(0, 2**31 - 1),
    parameters=settable.map(lambda found: tuple(sorted(found.items()))),
    start=st.just("") | derived,
    colour=st.sampled_from(COLOURS),
    opacity=st.floats(0, 1),
    attribution=names,
    attribution_parameters=settable.map(lambda found: tuple(sorted(found.items()))),
    output=st.sampled_from(OUTPUTS),
    explained=st.none() | names,
    unit=st.none() | st.integers(0, 9_999_999),
    clip=st.floats(50, 100),
    smooth=st.booleans(),
    grid=st.lists(names, max_size=4, unique=True).map(tuple),
    lens=st.sampled_from(LENSES),
    difference=differences.map(lambda found: tuple(sorted(found.items()))),
    beside=st.sampled_from(BESIDES),
    readout=st.sampled_from(READOUTS),
    common=st.booleans(),
    responses=st.lists(identifiers, max_size=4, unique=True).map(tuple),
    attack=attacks.map(lambda found: tuple(sorted(found.items()))),
    tab=st.sampled_from(TABS),
    network=settings_of(NETWORK),
    simulation=settings_of(SIMULATION),
    suggestion=settings_of(SUGGESTION),
    overview=st.sampled_from(OVERVIEWS),
    models=settings_of(MODELS),
    review=settings_of(REVIEW),
    table=settings_of(TABLE),
    comparison=settings_of(COMPARISON),
    judged=st.lists(identifiers, max_size=4, unique=True).map(tuple),
    grey=st.booleans(),
    trust=settings_of(TRUST),
)
states = st.builds(State, sessions, selections, views)

FIELDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "dataset": {"dataset": fingerprints, "classifiers": st.lists(fingerprints, max_size=4)},
    "classifiers": {"classifiers": st.lists(fingerprints, max_size=4)},
    "select": {"samples": few_ids | kept},
    "primary": {"sample": st.none() | ids},
    "derived": {"derived": st.just("") | derived},
    "edits": {"edits": stacks.map(lambda found: [edit.to_json() for edit in found])},
    "compared": {"sample": st.none() | ids},
    "classes": {"classes": st.lists(st.integers(0, 500), max_size=9)},
    "correctness": {"correctness": st.sampled_from(CORRECTNESS)},
    "layer": {"layer": st.none() | names},
    "target": {"target": st.none() | st.integers(0, 500)},
    "units": {"units": units},
    "pattern": {"pattern": st.none() | patterns},
    "frozen": {"frozen": frozen},
    "tab": {"tab": st.sampled_from(TABS)},
    "network": {"parameters": settings_among(NETWORK)},
    "simulation": {"parameters": settings_among(SIMULATION)},
    "suggestion": {"parameters": settings_among(SUGGESTION)},
    "overview": {"overview": st.sampled_from(OVERVIEWS)},
    "models": {"parameters": settings_among(MODELS)},
    "review": {"parameters": settings_among(REVIEW)},
    "table": {"parameters": settings_among(TABLE)},
    "comparison": {"parameters": settings_among(COMPARISON)},
    "judged": {"judged": st.lists(identifiers, max_size=4)},
    "grey": {"grey": st.booleans()},
    "trust": {"parameters": settings_among(TRUST)},
    "features": {"features": features},
    "method": {"method": names, "parameters": settable},
    "n_samples": {"n": st.integers(0, 10_000_000)},
    "seed": {"seed": st.integers(0, 2**31 - 1)},
    "parameters": {
        "parameters": st.dictionaries(names, st.none() | scalars, max_size=9),
        "start": st.just("") | derived,
    },
    "colour": {"colour": st.sampled_from(COLOURS)},
    "opacity": {"opacity": st.floats(0, 1)},
    "attribution": {"attribution": names},
    "attribution_parameters": {"parameters": st.dictionaries(names, st.none() | scalars, max_size=9)},
    "output": {"output": st.sampled_from(OUTPUTS)},
    "explained": {"layer": st.none() | names, "unit": st.none() | st.integers(0, 9_999_999)},
    "unit": {"unit": st.none() | st.integers(0, 9_999_999)},
    "clip": {"clip": st.floats(50, 100)},
    "smooth": {"smooth": st.booleans()},
    "grid": {"grid": st.lists(names, max_size=4)},
    "lens": {"lens": st.sampled_from(LENSES)},
    "difference": {"parameters": st.dictionaries(st.sampled_from(DIFFERENCES), st.none() | words, max_size=9)},
    "beside": {"beside": st.sampled_from(BESIDES)},
    "readout": {"readout": st.sampled_from(READOUTS), "target": st.none() | st.integers(0, 500)},
    "common": {"common": st.booleans()},
    "responses": {"responses": st.lists(identifiers, max_size=4)},
    "attack": {"parameters": st.dictionaries(identifiers, st.none() | words, max_size=9)},
    "open": {"link": states.map(encode_link)},
}
OPTIONAL = {"dataset": {"classifiers"}, "method": {"parameters"}, "explained": {"unit"}, "parameters": {"start"}}


def records(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    fields = FIELDS[kind]
    optional = {name: fields[name] for name in OPTIONAL.get(kind, set())} | {"origin": st.none() | names}
    required = {name: strategy for name, strategy in fields.items() if name not in optional}
    return st.fixed_dictionaries({"kind": st.just(kind), **required}, optional=optional)


changes = st.sampled_from(sorted(FIELDS)).flatmap(records)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_every_kind_of_change_is_tried() -> None:
    assert set(FIELDS) == set(kinds())


@unhurried
@given(st.none() | ids, st.just("") | derived, stacks)
def test_a_reference_comes_back_from_its_text(sample: int | None, name: str, edits: list[Edit]) -> None:
    if sample is None and not name:
        return
    reference = Reference(None if name else sample, name, tuple(edits))
    assert Reference.read(reference.plain) == reference
    assert isinstance(reference.plain, int) == (not name and not edits)


@unhurried
@given(st.text(max_size=40) | st.from_regex(r"(\d{1,12}|d[0-9a-f]{32})~[A-Za-z0-9_-]{1,60}", fullmatch=True))
def test_whatever_else_stands_for_an_image_is_refused_in_words(text: str) -> None:
    try:
        reference = Reference.read(text)
    except StateError:
        return
    assert Reference.read(reference.plain) == reference


@unhurried
@given(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 60), max_size=200))
def test_ids_come_back_sorted_and_each_once(given_ids: list[int]) -> None:
    text = encode_ids(given_ids)
    assert decode_ids(text) == tuple(sorted(set(given_ids)))
    assert encode_ids(decode_ids(text)) == text == canonical_ids(text)


@unhurried
@given(st.text("0123456789,-", max_size=12) | st.text(max_size=20))
def test_text_is_ids_or_refused(text: str) -> None:
    try:
        found = decode_ids(text, limit=1000)
    except StateError:
        return
    assert len(found) <= 1000
    assert canonical_ids(text) == encode_ids(found)


@unhurried
@given(states)
def test_stores_hold_the_state_through_json(state: State) -> None:
    for part in (state.session, state.selection, state.view):
        assert from_json(type(part), json.loads(json.dumps(to_json(part)))) == part


@unhurried
@given(states)
def test_a_link_holds_the_state(state: State) -> None:
    link = encode_link(state)
    assert len(link) <= LINK_LIMIT
    assert link.isascii() and link.replace("-", "").replace("_", "").isalnum()
    assert decode_link(link) == state
    assert encode_link(decode_link(link)) == link


@unhurried
@given(states, changes)
def test_applying_twice_is_applying_once(state: State, record: dict[str, Any]) -> None:
    change = read_change(record)
    once = apply(state, change)
    assert apply(once, change) == once
    assert hash(once) == hash(apply(state, change))  # pure: the same again, and frozen all through


@unhurried
@given(st.lists(changes, max_size=6))
def test_every_state_that_changes_lead_to_fits_stores_and_link(records: list[dict[str, Any]]) -> None:
    state = State()
    for record in records:
        state = apply(state, read_change(json.loads(json.dumps(record))))
    assert decode_link(encode_link(state)) == state
    for part in (state.session, state.selection, state.view):
        assert from_json(type(part), to_json(part)) == part


@unhurried
@given(
    st.one_of(
        junk,
        st.dictionaries(st.sampled_from(["kind", "samples", "sample", "origin", "classes", "units", "n"]), junk),
        st.builds(
            lambda kind, field, value: {"kind": kind, field: value},
            st.sampled_from(sorted(FIELDS)),
            st.sampled_from(sorted({field for fields in FIELDS.values() for field in fields})),
            junk,
        ),
    )
)
def test_whatever_comes_is_a_change_or_refused(record: Any) -> None:
    try:
        change = read_change(record)
    except StateError as error:
        assert error.what and error.mend and str(error)
        return
    assert isinstance(change, Change)
    assert isinstance(apply(State(), change), State)


@unhurried
@given(st.text(max_size=80) | st.from_regex(r"\A1[jz][A-Za-z0-9_-]{0,60}\Z") | st.binary(max_size=20))
@example("1zeNpjYAAAAAIAAQ")
def test_whatever_comes_is_a_link_or_refused(text: Any) -> None:
    try:
        state = decode_link(text)
    except StateError as error:
        assert error.what and error.mend
        return
    assert decode_link(encode_link(state)) == state


@unhurried
@given(states, st.data())
def test_a_damaged_link_is_refused_or_another_state(state: State, data: st.DataObject) -> None:
    link = encode_link(state)
    at = data.draw(st.integers(2, len(link) - 1))
    damaged = link[:at] + data.draw(st.sampled_from("Aa0_-zZ9")) + link[at + 1 :]
    try:
        found = decode_link(damaged)
    except StateError:
        return
    assert decode_link(encode_link(found)) == found


@unhurried
@given(st.dictionaries(st.sampled_from("dmspqcwluntrfekiaoyx"), junk, max_size=4))
def test_whatever_a_link_holds_is_a_state_or_refused(short: dict[str, Any]) -> None:
    link = "1j" + base64.urlsafe_b64encode(b"\0" + json.dumps(short).encode()).rstrip(b"=").decode()
    try:
        state = decode_link(link)
    except StateError:
        return
    assert decode_link(encode_link(state)) == state


@unhurried
@given(names)
def test_names_pass_unchanged(name: str) -> None:
    assert checks.name("It", name) == name
