"""What every transformation in the registry promises, whatever it is; a new file is tested by being there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.batches import rounded
from nnvis_dash.analysis.transformations import (
    GROUPS,
    TRANSFORMATIONS,
    checked_edits,
    edited,
    group_of,
    identity_of,
    transform,
    transformations,
)
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.state.edits import Edit

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHAPES = ((28, 28, 1), (32, 32, 3), (23, 37, 3), (1, 1, 1), (1, 1, 3), (2, 5, 3), (9, 1, 1))
DRAWN = {"region": "lasso:0.1,0.2;0.8,0.1;0.7,0.9|rect:0,0,0.3,0.3"}

pytestmark = pytest.mark.parametrize("name", TRANSFORMATIONS)


def textured(shape: tuple[int, int, int], count: int = 3, seed: int = 0) -> Any:
    """Return images (count, H, W, C) uint8 of colours that change softly, with some grain."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    rows, columns = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[:, None]
    across, down, phase = rng.uniform((2, 2, 0), (9, 9, 6), (count, 1, 1, channels, 3)).transpose(4, 0, 1, 2, 3)
    waves = np.sin(down * rows + across * columns + phase)
    return rounded(128 + 75 * waves + rng.normal(0, 6, (count, *shape)))


def others(name: str) -> dict[str, Any]:
    """Return what a transformation can't do without."""
    return DRAWN if "drawn" in TRANSFORMATIONS[name].traits else {}


def degrees(name: str) -> list[float]:
    """Return the default and both ends of the range."""
    entry = TRANSFORMATIONS[name].form()[0]
    return sorted({entry.low, entry.default, entry.high})


def towards(name: str, end: float, share: float) -> float:
    """Return the degree on the way from the identity to an end of the range, whole where it must be."""
    found = identity_of(TRANSFORMATIONS[name]) + share * (end - identity_of(TRANSFORMATIONS[name]))
    return float(np.ceil(found)) if TRANSFORMATIONS[name].form()[0].type is int else found


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape_and_type_stay_and_a_batch_is_its_images_one_by_one(name, shape):
    images = textured(shape)
    given = images.copy()
    for degree in degrees(name):
        changed = transform(images, name, degree, **others(name))
        assert changed.shape == images.shape
        assert changed.dtype == np.uint8
        singles = [transform(image, name, degree, **others(name)) for image in images]
        np.testing.assert_array_equal(changed, singles)
    np.testing.assert_array_equal(images, given)  # and what was given is left alone


def test_nothing_changes_at_the_identity(name):
    images = textured((12, 15, 3))
    np.testing.assert_array_equal(transform(images, name, identity_of(TRANSFORMATIONS[name]), **others(name)), images)


def test_the_same_again_gives_the_same(name):
    images = textured((20, 20, 3))
    first, again = (transform(images, name, **others(name)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_default_changes_something_and_more_changes_no_less(name):
    images = textured((48, 48, 3), count=2)
    assert (transform(images, name, **others(name)) != images).any()
    entry = TRANSFORMATIONS[name].form()[0]
    for end in {entry.low, entry.high} - {identity_of(TRANSFORMATIONS[name])}:
        little, much = (
            np.abs(transform(images, name, towards(name, end, share), **others(name)).astype(int) - images).mean()
            for share in (0.05, 0.7)
        )
        assert much > 0
        assert little <= 1.05 * much


def test_images_that_do_not_lie_in_one_piece_are_taken(name):
    images = textured((20, 24, 3))
    turned = images[:, ::-1, ::2]
    found = transform(turned, name, **others(name))
    np.testing.assert_array_equal(found, transform(np.ascontiguousarray(turned), name, **others(name)))


def test_no_images_stay_no_images(name):
    assert transform(np.zeros((0, 8, 8, 3), np.uint8), name, **others(name)).shape == (0, 8, 8, 3)


def test_what_cannot_be_taken_is_refused_with_words(name):
    images = textured((8, 8, 3))
    entry = TRANSFORMATIONS[name].form()[0]
    beyond = re.escape(f"from {entry.low:g} to {entry.high:g}")
    for wrong in (entry.high + 1, entry.low - 1, float("nan"), "much", True):
        with pytest.raises(ParameterError, match=beyond):
            transform(images, name, **{"degree": wrong, **others(name)})
    with pytest.raises(ParameterError, match="has no parameter 'size'"):
        transform(images, name, size=3, **others(name))
    for parameter in TRANSFORMATIONS[name].form():
        if parameter.choices:
            with pytest.raises(ParameterError, match="Give one of"):
                transform(images, name, **{**others(name), parameter.name: "unheard of"})
    for wrong in (images.astype(np.float32), images[0, 0], images[..., :2], np.zeros((1, 0, 4, 3), np.uint8)):
        with pytest.raises(ParameterError):
            transform(wrong, name, **others(name))


def test_it_is_described(name):
    entry, shown = TRANSFORMATIONS[name], transformations()[name]
    assert shown.title
    assert shown.summary.endswith(".")
    assert re.search(r"(19|20)\d\d|arXiv", entry.reference)
    assert group_of(entry) in GROUPS
    first = entry.form()[0]
    assert first.name == "degree"
    assert first.low <= first.identity <= first.high
    assert first.low <= first.default <= first.high
    assert first.default != first.identity
    assert all(parameter.help for parameter in entry.form())


def test_it_stands_in_the_docs(name):
    page = "corruptions" if group_of(TRANSFORMATIONS[name]) == "corruption" else "transformations"
    assert f"`{name}`" in (DOCS / f"{page}.md").read_text(encoding="utf-8")


def test_an_edit_does_what_the_transformation_does(name):
    images = textured((16, 16, 3))
    edit = Edit(name, tuple(sorted(others(name).items())))
    assert checked_edits([edit]) == (edit,)
    np.testing.assert_array_equal(edited(images, [edit]), transform(images, name, **others(name)))
    unknown = Edit(f"{name}_", edit.parameters)
    with pytest.raises(NotFound):
        edited(images, [edit, unknown])
    with pytest.raises(NotFound):
        checked_edits([unknown])
