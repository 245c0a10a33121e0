"""Errors that name what there is."""

from __future__ import annotations

from nnvis_dash.errors import NotFound


def test_of_few_names_all_are_said_in_their_order() -> None:
    assert str(NotFound.among("class", "cta", ["dog", "cat"])) == "There is no class 'cta'. Choose one of: dog, cat."
    assert str(NotFound.among("class", "cat", [])) == "There is no class 'cat'. There is no class yet."


def test_of_many_names_those_that_look_alike_come_first() -> None:
    names = [f"block{number}" for number in range(40)] + ["predictions"]
    said = str(NotFound.among("layer", "prediction", names))
    assert said.startswith("There is no layer 'prediction'. Choose one of: predictions, block0, block1")
    assert said.endswith("block10 and 29 more.")


def test_a_name_without_end_costs_no_more() -> None:
    said = str(NotFound.among("layer", "x" * 10**6, [f"block{number}" for number in range(40)]))
    assert "block11 and 28 more" in said
    assert len(said) < 5_000
