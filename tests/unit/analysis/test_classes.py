"""Labels as outputs of a classifier: by name where the two speak of the same classes, else by number."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classes import as_outputs, fit_together, share_names

DATASET = ("ant", "bee", "cat", "dog")
LABELS = np.array([0, 1, 2, 3, -1], np.int32)


@pytest.mark.parametrize(
    ("names", "outputs"),
    [
        (DATASET, [0, 1, 2, 3, -1]),
        (("dog", "cat", "bee", "ant"), [3, 2, 1, 0, -1]),
        (("eel", "dog", "cat", "bee", "ant", "fox"), [4, 3, 2, 1, -1]),
        (("cat", "ant"), [1, -1, 0, -1, -1]),  # it knows two of the four
        (("Dog", "CAT", "bee ", "ant"), [3, 2, 1, 0, -1]),
        (("cat", "emu"), [-1, -1, 0, -1, -1]),
        (("cat", "emu", "fox", "gnu"), [0, 1, 2, 3, -1]),  # one name in common says nothing
        ((), [0, 1, 2, 3, -1]),
    ],
)
def test_labels_become_outputs_by_name_where_names_are_shared(names: tuple[str, ...], outputs: list[int]) -> None:
    assert as_outputs(LABELS, DATASET, names).tolist() == outputs


def test_half_of_the_shorter_list_is_shared() -> None:
    assert share_names(("cat", "emu"), DATASET) and share_names(DATASET, ("cat", "emu"))
    assert not share_names(("cat", "emu", "fox"), DATASET)
    assert not share_names((), DATASET) and not share_names(DATASET, ())


def test_every_class_is_an_output_by_name_or_by_number() -> None:
    assert fit_together(6, ("eel", *DATASET, "fox"), DATASET)
    assert fit_together(4, ("w", "x", "y", "z"), DATASET)
    assert not fit_together(2, ("cat", "ant"), DATASET)
