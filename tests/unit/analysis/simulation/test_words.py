"""What is said of a simulation, held against numbers written down."""

from __future__ import annotations

import doctest
import math
from typing import Any

import numpy as np

from nnvis_dash.analysis.simulation import words
from nnvis_dash.analysis.simulation.breaking import assembled
from nnvis_dash.analysis.simulation.curves import Curves, curves
from nnvis_dash.analysis.simulation.distribution import distribution
from nnvis_dash.analysis.simulation.robustness import robustness
from nnvis_dash.analysis.simulation.words import breaking_sentences, curve_sentences, fragile_sentence
from tests.unit.analysis.simulation.lamps import made

DEGREES = [-48, -24, 0, 24, 48]


def said_by(shares: dict[int, list[list[float]]], degrees: list[float], **more: Any) -> Curves:
    """Return curves of one image a class, whose probabilities (D, 3) at the degrees are given."""
    probabilities = np.array(list(shares.values()), np.float32)
    labels = np.array(list(shares))
    own = np.take_along_axis(probabilities, labels[:, None, None], axis=2)[..., 0]
    prediction = probabilities.argmax(axis=2)
    clean = prediction[:, 0]
    return curves(
        made(prediction, labels.tolist(), degrees, clean, true_probability=own, probabilities=probabilities, **more),
        resamples=2,
    )


def lead(*leaders: int) -> list[list[float]]:
    """Return probabilities with these classes first."""
    return [[0.6 if number == leader else 0.2 for number in range(3)] for leader in leaders]


def test_the_doctests_hold() -> None:
    assert doctest.testmod(words).failed == 0


def test_classes_that_stay_first_and_those_that_fall() -> None:
    found = said_by({0: lead(0, 0, 0, 0, 0), 1: lead(1, 1, 1, 2, 2), 2: lead(0, 2, 2, 2, 2)}, DEGREES)
    assert curve_sentences(found) == (
        "cat stays first at every degree of rotation (−48° to 48°).",
        "dog falls behind bird from 24° on.",
        "bird falls behind cat at −48°.",
    )


def test_both_sides_and_recoveries() -> None:
    found = said_by({0: lead(1, 1, 0, 1, 1), 1: lead(1, 0, 1, 2, 1), 2: lead(2, 2, 2, 2, 2)}, DEGREES)
    assert curve_sentences(found) == (
        "bird stays first at every degree of rotation (−48° to 48°).",
        "cat falls behind dog from 24° on and from −24° on.",
        "dog falls behind bird at 24° (first again at 48°) and behind cat at −24° (first again at −48°).",
    )


def test_every_class_and_a_class_that_is_behind_unchanged() -> None:
    whole = said_by({0: lead(0, 0), 2: lead(2, 2)}, [0, 3], name="blur")
    assert curve_sentences(whole) == ("Every class stays first at every degree of blur (0 to 3 px).",)
    wrong = said_by({0: lead(1, 1), 2: lead(2, 2)}, [0, 3], name="fog")
    assert curve_sentences(wrong) == (
        "bird stays first at every degree of fog (severity 0 to 3).",
        "cat is behind another class with nothing changed.",
    )


def test_several_classes_that_are_behind_unchanged_are_named_together() -> None:
    found = said_by({0: lead(1, 1), 1: lead(2, 2), 2: lead(2, 0)}, [0, 30], names=("0", "1", "2"))
    assert curve_sentences(found) == (
        "class 0 and class 1 are behind another class with nothing changed.",
        "class 2 falls behind class 0 at 30°.",
    )


def test_severities_epsilons_and_small_numbers_are_named_as_such() -> None:
    fog = said_by({0: lead(0, 1, 1)}, [0, 2, 4], name="fog")
    assert curve_sentences(fog) == ("cat falls behind dog from severity 2 on.",)
    attacked = said_by({0: lead(0, 0, 1), 1: lead(1, 1, 1)}, [0, 2, 4], name="fgsm")
    assert curve_sentences(attacked) == (
        "dog stays first at every degree of FGSM (epsilon 0 to 4).",
        "cat falls behind dog at epsilon 4.",
    )


def test_classes_that_fall_alike_are_said_together_and_many_are_counted() -> None:
    n, degrees = 10, list(range(0, 90, 10))
    names = [f"class{number}" for number in range(n)]
    prediction = np.repeat(np.arange(n)[:, None], len(degrees), axis=1)
    for number in range(1, 9):  # class1 falls at the first degree, class2 at the next...
        prediction[number, number:] = 0
    prediction[9, 1:] = 0  # as class1 does
    probabilities = np.where(np.arange(n) == prediction[..., None], 0.2, 0.05).astype(np.float32)
    own = probabilities[np.arange(n), :, np.arange(n)]
    sweep = made(prediction, list(range(n)), degrees, names=names, probabilities=probabilities, true_probability=own)
    said = curve_sentences(curves(sweep, resamples=2))
    assert said[:3] == (
        "class0 stays first at every degree of rotation (0° to 80°).",
        "class1 and class9 fall behind class0 from 10° on.",
        "class2 falls behind class0 from 20° on.",
    )
    assert len(said) == 8 and said[-1] == "2 more classes fall behind another somewhere."


def broken(degrees: list[float], labels: list[int], scanned: list[float], name: str = "rotation") -> Any:
    """Return the distribution of breaking points, and their change."""
    n = len(degrees)
    clean = [0] * n
    scan = made(np.zeros((n, len(scanned)), int), labels, scanned, clean, name=name)
    rows = {
        "degree": np.array(degrees, float),
        "side": np.ones(n, np.int8),
        "prediction_after": np.ones(n, np.int32),
        "evaluations": np.zeros(n, np.int32),
    }
    return scan.change, distribution(assembled(scan, rows, 1.0, 0))


def test_half_of_all_images_with_the_interval() -> None:
    of, found = broken([float(value) for value in range(1, 21)], [0] * 20, [-40, 0, 40])
    assert breaking_sentences(of, found) == ("Half of all images flip by ±10° (95%: 6 to 15).",)
    of, found = broken([3.0, 5.0], [0, 0], [0, 9], name="blur")
    assert breaking_sentences(of, found) == ("Half of all images flip by 3 px (95%: 0 or more).",)
    of, found = broken([1.5] * 8, [0] * 8, [0.5, 1, 2], name="contrast")
    assert breaking_sentences(of, found) == ("Half of all images flip by 0.5 away from 1× (95%: 0.5 to 0.5).",)


def test_what_never_flips_and_the_soonest_class() -> None:
    of, found = broken([2, 3, math.nan, math.nan, 9, 8], [0, 0, 1, 1, 2, 2], [0, 20])
    assert breaking_sentences(of, found) == (
        "Half of all images flip by 8° (95%: 2 or more).",
        "33% of all images never flip at any degree of rotation (0° to 20°).",
        "Soonest: cat, half by 2°; latest: dog, not within the range.",
    )
    of, found = broken([math.nan] * 3, [0, 1, 2], [0, 20])
    assert breaking_sentences(of, found) == ("No image flips at any degree of rotation (0° to 20°).",)
    of, found = broken([], [], [0, 20])
    assert breaking_sentences(of, found) == ("There are no images.",)


def test_the_most_fragile_classes() -> None:
    prediction = [[0, 0], [0, 0], [1, 0], [1, 1], [2, 0], [2, 1]]
    found = robustness([made(prediction, [0, 0, 1, 1, 2, 2], [0, 30], name="noise")])
    assert fragile_sentence(found, 0) == (
        "The 3 most fragile classes under gaussian noise, by what is left of their clean accuracy: bird (0%), "
        "dog (50%) and cat (100%)."
    )
    assert fragile_sentence(found, 0, 1) == (
        "Under gaussian noise bird is the most fragile class: 0% of its clean accuracy left."
    )
    sturdy = robustness([made([[0, 0], [1, 1]], [0, 1], [0, 30])])
    assert fragile_sentence(sturdy, 0) == "Under rotation no class has a lower mean accuracy than unchanged."
    empty = robustness([made([[1, 1]], [0], [0, 30])])
    assert fragile_sentence(empty, 0) == ""
