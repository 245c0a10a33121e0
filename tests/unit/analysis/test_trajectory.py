"""The images between an original and what was made of it: degrees that grow together, and blends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.references import image_of
from nnvis_dash.analysis.trajectory import MOST_STEPS, Trajectory, blends, edits_at, trajectory_of
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.references import Reference
from nnvis_dash.workspace.pixels import fit
from nnvis_dash.workspace.store import Workspace
from tests.networks import images

SIZE = (9, 8, 3)


def turned(degree: float) -> Edit:
    return Edit("rotation", (("border", "black"), ("degree", degree)))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    workspace.add_dataset(images(6, (12, 10, 3), seed=0), name="noise")
    return workspace


def path(workspace: Workspace, reference: Reference, steps: int = 9) -> Trajectory:
    return trajectory_of(
        reference, workspace.dataset("noise"), workspace.derived, lambda image: fit(image, *SIZE), steps
    )


def keep(workspace: Workspace, image: np.ndarray, kind: str, **more: Any) -> Reference:
    beside = workspace.dataset("noise").fingerprint
    return Reference(None, workspace.derived.save(image, kind, "mine", **{"dataset": beside, **more}).fingerprint)


def test_degrees_grow_from_where_nothing_changes() -> None:
    scaled = Edit("scale", (("degree", 3.0),))  # a factor: 1 changes nothing
    degrees = [[dict(edit.parameters)["degree"] for edit in edits_at((turned(-40), scaled), t)] for t in (0, 0.25, 0.5)]
    assert degrees == [[0, 1], [-10, 1.5], [-20, 2]]
    assert dict(edits_at((turned(-40),), 0.5)[0].parameters)["border"] == "black"
    assert edits_at((turned(-40), scaled), 1) == (turned(-40), scaled)


def test_a_degree_that_was_left_out_grows_to_its_default() -> None:
    assert dict(edits_at((Edit("rotation"),), 0.2)[0].parameters) == {"degree": pytest.approx(3)}


def test_a_switch_turns_half_way() -> None:
    flip = Edit("flip_horizontal", (("degree", 1),))
    found = [dict(edits_at((flip,), t)[0].parameters)["degree"] for t in np.linspace(0, 1, 9)]
    assert found == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_an_edit_that_can_not_be_made_is_named() -> None:
    with pytest.raises(NotFound, match="warp"):
        edits_at((Edit("warp"),), 0.5)
    with pytest.raises(ParameterError, match="degree is 999"):
        edits_at((turned(999),), 0.5)


def test_blends_are_worked_by_hand() -> None:
    first, last = np.full((1, 1, 1), 200, np.uint8), np.full((1, 1, 1), 10, np.uint8)
    assert [int(blend[0, 0, 0]) for blend in blends(first, last, [0, 0.1, 0.5, 1])] == [200, 181, 105, 10]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1, width=32))
def test_a_blend_lies_between_its_ends(seed: int, share: float) -> None:
    first, last = images(2, (4, 3, 3), seed=seed % 1000)
    (blend,) = blends(first, last, [share])
    assert blend.dtype == np.uint8
    assert (np.minimum(first, last) <= blend).all() and (blend <= np.maximum(first, last)).all()


def test_the_path_of_edits_begins_at_the_image_before_them_and_ends_at_the_edited_one(workspace: Workspace) -> None:
    dataset = workspace.dataset("noise")
    reference = Reference(2, "", (turned(32), Edit("brightness", (("degree", 40),))))
    found = path(workspace, reference)
    np.testing.assert_array_equal(found.shares, np.linspace(0, 1, 9, dtype=np.float32))
    assert found.origin == Reference(2)
    np.testing.assert_array_equal(found.images[0], dataset.image(2))
    np.testing.assert_array_equal(found.images[-1], image_of(reference, dataset, workspace.derived))
    between = Reference(2, "", (turned(8.0), Edit("brightness", (("degree", 10.0),))))
    np.testing.assert_array_equal(found.images[2], image_of(between, dataset, workspace.derived))


def test_a_sample_as_it_is_and_an_image_without_a_parent_are_one_point(workspace: Workspace) -> None:
    uploaded = keep(workspace, images(1, (5, 7, 3), seed=4)[0], "uploaded")
    elsewhere = keep(workspace, images(1, (5, 7, 3), seed=5)[0], "edited", parent=1, dataset="f" * 32)
    for reference in (Reference(3), uploaded, elsewhere):
        found = path(workspace, reference)
        assert (found.shares.tolist(), len(found.images), found.origin) == ([1.0], 1, None)


def test_a_perturbation_grows_as_a_blend(workspace: Workspace) -> None:
    clean = workspace.dataset("noise").image(1)
    attacked = np.clip(clean.astype(int) + np.where(images(1, clean.shape, seed=6)[0] > 127, 8, -8), 0, 255)
    reference = keep(workspace, attacked.astype(np.uint8), "adversarial", parent=1, recipe={"method": "fgsm"})
    found = path(workspace, reference, steps=5)
    assert found.origin == Reference(1)
    for share, image in zip([0, 0.25, 0.5, 0.75, 1], found.images, strict=True):
        wanted = clean + share * (attacked - clean)
        assert np.abs(image - wanted).max() <= 0.5


def test_pixels_of_unlike_sizes_are_blended_as_the_classifier_sees_them(workspace: Workspace) -> None:
    clean = workspace.dataset("noise").image(1)
    attacked = images(1, SIZE, seed=7)[0]
    found = path(workspace, keep(workspace, attacked, "adversarial", parent=1), steps=3)
    assert [image.shape for image in found.images] == [(12, 10, 3), SIZE, SIZE]
    np.testing.assert_array_equal(found.images[1], blends(fit(clean, *SIZE), attacked, [0.5])[0])
    np.testing.assert_array_equal(found.images[0], clean)


def test_the_path_of_an_edited_sample_follows_the_edits_that_its_recipe_tells_of(workspace: Workspace) -> None:
    dataset = workspace.dataset("noise")
    edits = (turned(24),)
    image = image_of(Reference(4, "", edits), dataset, workspace.derived)
    recipe = {"edits": [edit.to_json() for edit in edits]}
    found = path(workspace, keep(workspace, image, "edited", parent=4, recipe=recipe))
    for made, wanted in zip(found.images, path(workspace, Reference(4, "", edits)).images, strict=True):
        np.testing.assert_array_equal(made, wanted)
    other = path(workspace, keep(workspace, image[::-1], "edited", parent=4, recipe=recipe))  # not what it tells of
    np.testing.assert_array_equal(other.images[4], blends(dataset.image(4), image[::-1], [0.5])[0])


def test_what_was_only_inspired_by_its_parent_has_two_ends(workspace: Workspace) -> None:
    drawn = images(1, (12, 10, 3), seed=8)[0]
    found = path(workspace, keep(workspace, drawn, "drawn", parent=5))
    assert (found.shares.tolist(), found.origin) == ([0.0, 1.0], Reference(5))
    np.testing.assert_array_equal(found.images[1], drawn)


def test_the_edits_of_a_derived_sample_begin_at_it(workspace: Workspace) -> None:
    drawn = images(1, (12, 10, 3), seed=9)[0]
    base = keep(workspace, drawn, "drawn", parent=5)
    found = path(workspace, Reference(None, base.derived, (turned(10),)))
    assert found.origin == base
    np.testing.assert_array_equal(found.images[0], drawn)


@pytest.mark.parametrize("steps", [1, MOST_STEPS + 1])
def test_a_number_of_steps_that_makes_no_path_is_refused(workspace: Workspace, steps: int) -> None:
    with pytest.raises(ParameterError, match=f"A path of {steps} images"):
        path(workspace, Reference(1), steps)
