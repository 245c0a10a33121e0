"""How derived samples were made, in words."""

from __future__ import annotations

from typing import Any

import pytest

from nnvis_dash.analysis.recipes import edits_in_words, in_words
from nnvis_dash.state.edits import Edit
from nnvis_dash.workspace.derived import DerivedSample

MODELS = {"a" * 32: "small"}


def sample(kind: str, **recipe: Any) -> DerivedSample:
    return DerivedSample("f" * 32, kind, "x", (5, 4, 1), recipe=recipe)


def test_edits_are_named_in_their_order_with_degrees_and_units() -> None:
    edits = [Edit("rotation", (("border", "reflect"), ("degree", 15.0))), Edit("flip_horizontal", (("degree", 1),))]
    assert edits_in_words(edits) == "rotation 15°, horizontal flip"
    assert edits_in_words([Edit("translation_x", (("degree", -12.5),))]).endswith("-12.5%")


def test_a_degree_that_wasnt_set_is_the_default_and_an_unknown_edit_keeps_its_name() -> None:
    assert edits_in_words([Edit("rotation")]) == "rotation 15°"
    assert edits_in_words([Edit("melt_down", (("degree", 3),))]) == "melt down"
    assert edits_in_words([]) == ""


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (sample("uploaded"), ""),
        (sample("uploaded", original_size=[3000, 4000]), "made smaller from 4000 × 3000 pixels"),
        (sample("drawn", centred=True), "centred and scaled as MNIST is"),
        (sample("drawn", centred=False), "as it was drawn"),
        (sample("edited", edits=[["rotation", {"degree": 30}]]), "rotation 30°"),
        (
            sample("adversarial", attack="fgsm", model="a" * 32, tried="FGSM, ε = 8/255"),
            "FGSM, ε = 8/255, against small",
        ),
        (sample("adversarial", attack="fgsm", model="b" * 32), "fgsm, against a classifier that is gone"),
        (
            sample("adversarial", attack="fgsm", model="a" * 32, tried="FGSM", epsilon=1.5 / 255),
            "FGSM, smallest ε found 1.5/255, against small",
        ),
    ],
)
def test_each_kind_says_how_it_was_made(made: DerivedSample, words: str) -> None:
    assert in_words(made, MODELS) == words
