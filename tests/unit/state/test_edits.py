"""Stacks of edits: where the degree of a transformation is set."""

from __future__ import annotations

from nnvis_dash.state.edits import Edit, place_of, with_degree

BLUR = Edit("blur", (("degree", 2.0),))
FIRST = Edit("rotation", (("border", "edge"), ("degree", 5)))
LAST = Edit("rotation", (("border", "black"), ("degree", 10)))


def test_the_last_edit_of_a_name_gets_the_degree_and_keeps_the_rest() -> None:
    stack = (FIRST, LAST, BLUR)
    assert place_of(stack, "rotation") == 1
    changed = Edit("rotation", (("border", "black"), ("degree", -3)))
    assert with_degree(stack, "rotation", -3) == (FIRST, changed, BLUR)


def test_what_is_not_there_comes_behind() -> None:
    assert place_of((BLUR,), "hue") == 1
    assert with_degree((BLUR,), "hue", 40) == (BLUR, Edit("hue", (("degree", 40),)))
    assert with_degree((), "noise", 7, {"seed": 3}) == (Edit("noise", (("degree", 7), ("seed", 3))),)
