from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nnvis_dash.errors import StateError
from nnvis_dash.state.ids import canonical_ids, content_key, decode_ids, encode_ids


def test_ranges_are_sorted_and_each_id_stands_once() -> None:
    assert encode_ids([8, 1, 2, 3, 4, 5, 5, *range(40, 10, -1)]) == "1-5,8,11-40"
    assert encode_ids([7, 8]) == "7-8"
    assert encode_ids([0]) == "0"
    assert encode_ids([]) == ""


def test_numpy_ids_are_written_and_floats_are_not() -> None:
    assert encode_ids(np.array([3, 1, 2], dtype=np.int32)) == "1-3"
    with pytest.raises(TypeError):
        encode_ids([1.5])  # type: ignore[list-item]


def test_ranges_are_read_in_any_order() -> None:
    assert decode_ids("8,1-3,2-4") == (1, 2, 3, 4, 8)
    assert decode_ids("") == ()
    assert decode_ids("0") == (0,)


@pytest.mark.parametrize(
    "text",
    ["x", "1-", "-1", "1,,2", "1-2-3", "5-1", " 1", "1 ", "1\n", "١", "1.5", "99999999999", "2147483648", ",", "@abc"],
)
def test_what_is_not_ranges_is_refused_with_the_mend(text: str) -> None:
    with pytest.raises(StateError, match=r"1-5,8,11-40"):
        decode_ids(text)


def test_a_range_is_counted_before_it_is_listed() -> None:
    with pytest.raises(StateError, match="2147483648 sample ids"):
        decode_ids("0-2147483647")
    assert len(decode_ids("0-9", limit=10)) == 10
    with pytest.raises(StateError, match="11 sample ids"):
        decode_ids("0-10", limit=10)
    assert decode_ids("0-9,0-9", limit=10) == tuple(range(10))  # an id counts once


def test_an_id_that_no_sample_has_is_refused() -> None:
    with pytest.raises(StateError, match="-1"):
        encode_ids([3, -1])
    with pytest.raises(StateError, match="2147483648"):
        encode_ids([2**31])


def test_the_canonical_text_is_what_would_be_written() -> None:
    assert canonical_ids("8,1-3,4,2") == "1-4,8"
    assert canonical_ids("007") == "7"
    with pytest.raises(StateError):
        canonical_ids("a")


def test_a_key_is_32_hex_digits_and_known() -> None:
    # sha256 of the text ["index",{"a":[1,2],"b":null}]
    assert content_key("index", {"b": None, "a": (1, 2)}) == "5f0b87ee23727115ca555f89ba9bb922"


def test_the_key_follows_the_content_alone() -> None:
    assert content_key({"a": 1, "b": [2, 3]}) == content_key({"b": (2, 3), "a": 1})
    different = [
        content_key(*parts)
        for parts in (
            (),
            ("",),
            ("a", "b"),
            ("ab",),
            (["a", "b"],),
            (1,),
            ("1",),
            (1.5,),
            (True,),
            (None,),
            (b"a",),
            (b"b",),
            ({"k": b"a"},),
        )
    ]
    assert len(set(different)) == len(different)


def test_the_key_is_the_same_in_another_process() -> None:
    code = "from nnvis_dash.state.ids import content_key; print(content_key('é', {'z': 1.25, 'a': b'x'}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == content_key("é", {"a": b"x", "z": 1.25})


def test_what_json_cannot_hold_makes_no_key() -> None:
    with pytest.raises(StateError, match="NaN"):
        content_key(float("nan"))
    with pytest.raises(TypeError):
        content_key({1: 2})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        content_key(object())  # type: ignore[arg-type]
