from __future__ import annotations

import base64
import contextlib
import json
import random
import string
import zlib
from typing import Any

import pytest

from nnvis_dash.errors import StateError
from nnvis_dash.state.changes import apply, read_change
from nnvis_dash.state.codec import LINK_LIMIT, decode_link, encode_link, from_json, to_json
from nnvis_dash.state.ids import content_key
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
from nnvis_dash.types import Unit

TYPICAL = State(
    Session(content_key("dataset"), tuple(content_key(name) for name in ("small", "middle", "large"))),
    Selection("12-40,57,90-110,300-340,1200", 57, classes=(3, 5), correctness="wrong", layer="conv3", target=3),
    View(colour="confidence", seed=3),
)


def packed(body: bytes, way: str = "j") -> str:
    return f"1{way}" + base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def link_of(**short: Any) -> str:
    return packed(b"\0" + json.dumps(short).encode())


def test_stores_hold_plain_json() -> None:
    selection = Selection("1-3", 2, None, (0, 4), "wrong", "conv", (Unit("conv", 1),), None, 7, "strip")
    record = to_json(selection)
    assert record == {
        "samples": "1-3",
        "primary": 2,
        "compared": None,
        "classes": [0, 4],
        "correctness": "wrong",
        "layer": "conv",
        "units": [["conv", 1]],
        "pattern": None,
        "target": 7,
        "origin": "strip",
        "derived": "",
        "edits": [],
        "frozen": {},
    }
    assert from_json(Selection, json.loads(json.dumps(record))) == selection
    assert to_json(View(parameters=(("perplexity", 5.0),)))["parameters"] == {"perplexity": 5.0}


def test_a_field_that_is_missing_has_its_default() -> None:
    assert from_json(View, {"seed": 4}) == View(seed=4)


@pytest.mark.parametrize(
    ("kind", "record", "says"),
    [
        (Session, [], "The page's session is []"),
        (Session, {"classifiers": [1]}, "session's classifiers"),
        (Selection, {"colour": "label"}, "no field 'colour'"),
        (View, {"n_samples": "many"}, "view's n_samples is 'many'"),
    ],
)
def test_a_store_that_cannot_be_read_says_why(kind: Any, record: Any, says: str) -> None:
    with pytest.raises(StateError) as error:
        from_json(kind, record)
    assert says in str(error.value)
    assert error.value.mend


def test_the_default_state_is_a_handful_of_characters() -> None:
    assert encode_link(State()) == "1jAA"
    assert decode_link("1jAA") == State()


def test_a_typical_link_is_short_and_comes_back() -> None:
    link = encode_link(TYPICAL)
    assert len(link) < 300
    assert set(link) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert decode_link(link) == TYPICAL


def test_links_of_version_1_stay_readable() -> None:
    """These texts were written by the first version; whoever bookmarked them must still get the same."""
    assert decode_link("1jAHsicCI6NTcsInciOiJ3cm9uZyIsIm8iOiJlbnRyb3B5In0") == State(
        selection=Selection(primary=57, correctness="wrong"), view=View(colour="entropy")
    )
    digits = "000102030405060708090a0b0c0d0e0f"
    assert decode_link("1jAQABAgMEBQYHCAkKCwwNDg97ImQiOjAsInUiOnsiY29udiI6IjAtMiJ9fQ") == State(
        Session(digits), Selection(units=(Unit("conv", 0), Unit("conv", 1), Unit("conv", 2)))
    )


def test_compression_is_used_only_where_it_makes_the_link_shorter() -> None:
    long = State(selection=Selection(",".join(str(number) for number in range(0, 1400, 2))))
    assert encode_link(long).startswith("1z")
    assert decode_link(encode_link(long)) == long
    assert encode_link(State(view=View(seed=1))).startswith("1j")


def test_a_link_that_is_nearly_the_same_is_another_link() -> None:
    assert encode_link(TYPICAL) != encode_link(State(TYPICAL.session, TYPICAL.selection, View(colour="label", seed=3)))


def test_text_that_is_no_fingerprint_comes_back_too() -> None:
    state = State(Session('Äpfel & "Birnen" </script>', ("A" * 32, "0" * 31, "0" * 32, "名前")))
    assert decode_link(encode_link(state)) == state


@pytest.mark.parametrize("alphabet", ['"', string.printable[:94], "\U0001f600\U0001f4a9\U00020000\U0002a6df"])
def test_the_largest_state_that_changes_let_through_fits(alphabet: str) -> None:
    noise = random.Random(0)
    numbers = iter(range(1000, 2000))
    width = len(alphabet[-1].encode())

    def name() -> str:
        return f"{next(numbers)}" + "".join(noise.choices(alphabet, k=196 // width))

    layers = [name() for _ in range(32)]
    changes: list[dict[str, Any]] = [
        {"kind": "dataset", "dataset": name(), "classifiers": [name() for _ in range(16)]},
        {"kind": "select", "samples": ",".join(str(2**31 - 1 - 2 * n) for n in range(363)), "origin": name()},
        {"kind": "classes", "classes": list(range(10_000, 12_000, 2))},
        {"kind": "units", "units": [[layers[n % 32], 1_000_000 + 2 * n] for n in range(150)]},
        {"kind": "units", "units": [["x", 1_000_000 + 2 * n] for n in range(481)] + [[one, 0] for one in layers[:31]]},
        {"kind": "layer", "layer": name()},
        {"kind": "derived", "derived": "0123456789abcdef" * 2},
        {"kind": "edits", "edits": [["erase", {"region": "".join(noise.choices(string.ascii_letters, k=4_900))}]]},
        {"kind": "features", "features": f"layer:{name()}"},
        {"kind": "method", "method": name(), "parameters": {name(): name() for _ in range(12)}},
        {"kind": "attribution", "attribution": name()},
        {"kind": "attribution_parameters", "parameters": {name(): name() for _ in range(12)}},
        {"kind": "explained", "layer": name()},
        {"kind": "unit", "unit": 9_999_999},
        {"kind": "grid", "grid": [name() for _ in range(12)]},
        {"kind": "difference", "parameters": dict.fromkeys(DIFFERENCES, "é" * 40)},
        {"kind": "responses", "responses": [f"{letter}{'_' * 39}" for letter in "abcdefghijkl"]},
        {"kind": "attack", "parameters": {f"{letter}{'_' * 39}": "é" * 40 for letter in "abcdefghijkl"}},
        {"kind": "pattern", "pattern": ".".join(f"{1000 + n}:{noise.randrange(10**6, 10**7)}" for n in range(92))},
        {"kind": "frozen", "frozen": {one: ",".join(map(str, range(0, 400, 2))) for one in layers[:5]}},
        {"kind": "network", "parameters": dict.fromkeys(NETWORK, "é" * 40)},
        {"kind": "simulation", "parameters": dict.fromkeys(SIMULATION, "é" * 40)},
        {"kind": "suggestion", "parameters": dict.fromkeys(SUGGESTION, "é" * 40)},
        {"kind": "models", "parameters": dict.fromkeys(MODELS, "é" * 40)},
        {"kind": "review", "parameters": dict.fromkeys(REVIEW, "é" * 40)},
        {"kind": "table", "parameters": dict.fromkeys(TABLE, "é" * 40)},
        {"kind": "comparison", "parameters": dict.fromkeys(COMPARISON, "é" * 40)},
        {"kind": "trust", "parameters": dict.fromkeys(TRUST, "é" * 40)},
        {"kind": "judged", "judged": [f"{letter}{'_' * 39}" for letter in "abcdefghijkl"]},
        {"kind": "grey", "grey": True},
    ]
    state = State()
    for change in changes:
        state = apply(state, read_change(change))
        assert decode_link(encode_link(state)) == state
    assert len(state.selection.units) == 512


def test_a_state_made_by_hand_that_is_too_large_is_refused() -> None:
    noise = random.Random(0)
    huge = tuple("".join(noise.choices("abcdefghijklmnopqrstuvwxyz", k=200)) for _ in range(600))
    with pytest.raises(StateError, match="65536 fit"):
        encode_link(State(Session("", huge)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "NoneType"),
        (b"1jAA", "bytes"),
        ("", "can't be read"),
        ("2jAA", "can't be read"),
        ("1xAA", "can't be read"),
        ("1jA!", "can't be read"),
        ("1jAA=", "can't be read"),
        ("1jAA\n", "can't be read"),
        ("1j", "damaged"),
        ("1jA", "damaged"),
        ("1j" + "A" * LINK_LIMIT, "65536"),
        (packed(b"\5abc"), "damaged"),
        (packed(b"\0{"), "damaged"),
        (packed(b"\0\xff"), "damaged"),
        (packed(b"\0[1]"), "damaged"),
        (packed(b'\0{"y":NaN}'), "damaged"),
        (packed(b"\0" + b"[" * 40_000), "damaged"),
        (packed(b'\0{"p":' + b"9" * 5000 + b"}"), "damaged"),
        (packed(b"no zlib", "z"), "damaged"),
        (packed(zlib.compress(b'\0{"p":5}')[:-5], "z"), "damaged"),
        (packed(zlib.compress(b'\0{"p":5}') + b"more", "z"), "damaged"),
        (packed(zlib.compress(b"\0" + b" " * 30_000_000, 9), "z"), "damaged"),  # a bomb: 30 MB in 30 kB
        (link_of(X=1), "'X'"),
        (link_of(p="5"), "primary is '5'"),
        (link_of(p=1e999), "damaged"),
        (link_of(d=7), "dataset is 7"),
        (link_of(d=None), "dataset is None"),
        (link_of(m=[True]), "classifiers is True"),
        (link_of(m={}), "classifiers"),
        (link_of(c=5), "classes is 5"),
        (link_of(c="0-5000"), "5001 sample ids"),
        (link_of(u={"conv": "0-999999999"}), "sample ids"),
        (link_of(u={"conv": 5}), "isn't text"),
        (link_of(u=[["conv"]]), "pairs"),
        (link_of(s="3-1"), "3-1"),
        (link_of(a={"p": [[[]]]}), "a word, a number"),
        (link_of(y=5), "from 0 to 1"),
    ],
)
def test_junk_is_refused_with_what_the_value_and_the_mend(text: Any, says: str) -> None:
    with pytest.raises(StateError) as error:
        decode_link(text)
    assert says in str(error.value)
    assert error.value.mend
    assert len(str(error.value)) < 400


def test_a_link_cut_anywhere_is_refused_or_another_state() -> None:
    link = encode_link(TYPICAL)
    for length in range(len(link)):
        with contextlib.suppress(StateError):
            assert decode_link(link[:length]) != TYPICAL
