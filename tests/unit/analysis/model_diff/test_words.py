"""What a comparison comes to in words, and which classes of a confusion are looked at first."""

from __future__ import annotations

import numpy as np

from nnvis_dash.analysis.model_diff.confusion import confusion
from nnvis_dash.analysis.model_diff.transitions import mcnemar, transitions
from nnvis_dash.analysis.model_diff.words import change_sentences, mcnemar_said


def test_the_verdict_goes_by_p() -> None:
    assert (
        mcnemar_said(mcnemar(170, 0))
        == "170 fixed against 0 broken is more than chance (p < 0.001, McNemar's test, exact)."
    )
    assert mcnemar_said(mcnemar(1, 7)) == "1 fixed against 7 broken may be chance (p = 0.07, McNemar's test, exact)."
    assert mcnemar_said(mcnemar(1_200, 1_000)).endswith("is more than chance (p < 0.001, McNemar's test, chi-squared).")
    assert mcnemar_said(mcnemar(0, 0)) == "Each is right where the other is: there is nothing to test."


def test_the_difference_has_its_sign_and_interval() -> None:
    labels = np.zeros(10, int)
    found = transitions([0] * 8 + [1] * 2, [0] * 5 + [1] * 5, labels, 2)
    accuracy, tested = change_sentences(found, "one", "two")
    low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in found.difference[1:3])
    assert accuracy == f"Accuracy −30.0 points from one to two (95 % interval {low} to {high}, of pairs)."
    assert tested.startswith("0 fixed against 3 broken may be chance")
    assert change_sentences(transitions([0, 1], [1, 1], [-1, -1], 2), "one", "two") == ()


def test_classes_with_the_most_confusion_come_first_and_empty_ones_never() -> None:
    labels = [0, 0, 1, 1, 1, 2, 2, 4]
    predicted = [0, 0, 2, 2, 1, 1, 2, 4]  # 1 and 2 are confused 3 times; 0 and 4 never; 3 is nowhere
    found = confusion(labels, predicted, 5)
    assert found.most_confused(2).tolist() == [1, 2]
    assert found.most_confused(3).tolist() == [0, 1, 2]  # of 0 and 4, 0 has more samples
    assert found.most_confused(9).tolist() == [0, 1, 2, 4]
    assert found.most_confused(0).tolist() == []
