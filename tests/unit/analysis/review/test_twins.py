"""Twins: exact ones and alike ones as groups, within a dataset and between two."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.review.twins import near_duplicates
from nnvis_dash.errors import ParameterError
from nnvis_dash.workspace.datasets import load_dataset


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Twelve images that differ: 4 × 4 patches of random colours, enlarged."""
    rng = np.random.default_rng(5)
    return np.kron(rng.integers(0, 256, (12, 4, 4, 3)), np.ones((1, 6, 6, 1))).astype(np.uint8)


def groups(found: object) -> list[list[tuple[int, int]]]:
    parts = zip(found.group, found.samples, found.other, strict=True)  # type: ignore[attr-defined]
    listed: list[list[tuple[int, int]]] = [[] for _ in range(len(found))]  # type: ignore[arg-type]
    for group, sample, other in parts:
        listed[group].append((int(sample), int(other)))
    return listed


def test_groups_within_a_dataset(pictures: np.ndarray) -> None:
    images = np.concatenate([pictures, pictures[[2, 2]], np.clip(pictures[[7]] * 0.8 + 20, 0, 255).astype(np.uint8)])
    found = near_duplicates(load_dataset(images))
    assert groups(found) == [[(2, 0), (12, 0), (13, 0)], [(7, 0), (14, 0)]]
    assert found.exact.tolist() == [True, False] and found.complete
    assert found.alike[0] == 1 and 0.99 < found.alike[1] <= 1
    assert groups(near_duplicates(load_dataset(pictures))) == []


def test_only_what_both_datasets_hold_is_a_leak(pictures: np.ndarray) -> None:
    train = np.concatenate([pictures[:6], pictures[[0]]])
    test = np.concatenate([pictures[[9, 0]], pictures[[4]] // 2 + 60])
    found = near_duplicates(load_dataset(train), load_dataset(test))
    assert groups(found) == [[(0, 0), (6, 0), (1, 1)], [(4, 0), (2, 1)]]
    assert found.exact.tolist() == [True, False]


def test_other_colours_and_flat_images_are_not_alike(pictures: np.ndarray) -> None:
    grey = pictures[:1].mean(axis=3, keepdims=True).astype(np.uint8)
    red = np.concatenate([grey, grey // 4, grey // 4], axis=3)
    blue = red[..., ::-1]
    flat = np.stack([np.full((24, 24, 3), value, np.uint8) for value in (90, 120, 90)])
    found = near_duplicates(load_dataset(np.concatenate([red, blue, flat])))
    assert groups(found) == [[(2, 0), (4, 0)]]


def test_order_of_samples_does_not_matter_and_bad_limits_are_refused(pictures: np.ndarray) -> None:
    images = np.concatenate([pictures, pictures[3:5]])
    shuffled = np.random.default_rng(0).permutation(len(images))
    first = {
        frozenset(shuffled[one] for one, _ in group)
        for group in groups(near_duplicates(load_dataset(images[shuffled])))
    }
    assert first == {frozenset(one for one, _ in group) for group in groups(near_duplicates(load_dataset(images)))}
    with pytest.raises(ParameterError, match="alike"):
        near_duplicates(load_dataset(pictures), alike=0)
