"""Changes around grey, and parts of an image on a pale ground."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.figures.perturbation import amplified, kept_part


@pytest.mark.parametrize(("change", "factor", "shown"), [(1, 127, 255), (8, 15, 248), (-8, 15, 8), (200, 1, 255)])
def test_a_change_is_as_strong_as_it_can_be_shown(change: int, factor: int, shown: int) -> None:
    before = np.full((2, 2, 1), 20 if change > 0 else 100, np.uint8)
    after = before.copy()
    after[0, 0] = int(before[0, 0, 0]) + change
    drawn, used = amplified(before, after)
    assert used == factor
    assert drawn[..., 0].tolist() == [[shown, 128], [128, 128]]


def test_no_change_is_grey() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    drawn, factor = amplified(image, image)
    assert factor == 1 and (drawn == 128).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_kept_is_as_it_was_and_the_rest_is_pale(channels: int) -> None:
    image = np.full((6, 5, channels), 10, np.uint8)
    mask = np.zeros((6, 5), bool)
    mask[1:3, 2] = True
    drawn = kept_part(image, mask)
    assert drawn.shape == (6, 5, 3)
    assert (drawn[mask] == 10).all()
    assert (drawn[~mask] > 170).all()
