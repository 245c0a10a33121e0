"""Derived samples and trays: kept by content, listed by person."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.derived import MOST, DerivedSamples, Tray

IMAGE = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
OWNER = "a" * 32


@pytest.fixture
def derived(tmp_path):
    return DerivedSamples(Artifacts(tmp_path))


def test_a_sample_keeps_its_pixels_its_parent_and_how_it_was_made(derived):
    recipe = {"edits": [["rotation", {"degree": 15}]]}
    saved = derived.save(IMAGE, "edited", "turned", dataset="d" * 32, parent=7, recipe=recipe, label=2)
    found = derived.get(saved.fingerprint)
    assert found == saved
    assert (found.kind, found.name, found.shape, found.parent, found.label) == ("edited", "turned", (5, 4, 3), 7, 2)
    assert found.recipe == recipe
    np.testing.assert_array_equal(derived.image(saved.fingerprint), IMAGE)


def test_equal_samples_are_kept_once_and_others_apart(derived):
    first = derived.save(IMAGE, "uploaded", "x")
    assert derived.save(IMAGE.copy(), "uploaded", "x") == first
    assert derived.save(IMAGE, "uploaded", "x", parent=1).fingerprint != first.fingerprint
    assert derived.save(IMAGE[::-1], "uploaded", "x").fingerprint != first.fingerprint


def test_what_is_no_image_and_what_is_not_there_are_refused(derived):
    with pytest.raises(ParameterError, match=r"\(5, 4\)"):
        derived.save(IMAGE[..., 0], "drawn", "x")
    with pytest.raises(ParameterError, match="float64"):
        derived.save(IMAGE / 2, "drawn", "x")
    with pytest.raises(ParameterError, match="painted"):
        derived.save(IMAGE, "painted", "x")
    for name in ("0" * 32, "../x"):
        with pytest.raises(NotFound, match="derived sample"):
            derived.image(name)


def test_an_artifact_of_another_kind_is_no_derived_sample(tmp_path):
    artifacts = Artifacts(tmp_path)
    artifacts.save("b" * 32, {"image": IMAGE}, {"method": "gradient"})
    with pytest.raises(NotFound, match="derived sample"):
        DerivedSamples(artifacts).image("b" * 32)


def test_a_tray_lists_the_last_one_first_each_once(tmp_path):
    tray = Tray(tmp_path / "trays", OWNER)
    assert tray.names() == []
    for name in ("a", "b", "a"):
        tray.add(name)
    assert Tray(tmp_path / "trays", OWNER).names() == ["a", "b"]
    tray.remove("a")
    tray.remove("missing")
    assert tray.names() == ["b"]
    assert Tray(tmp_path / "trays", "b" * 32).names() == []


def test_a_full_tray_lets_the_oldest_go(tmp_path):
    tray = Tray(tmp_path, OWNER)
    for number in range(MOST + 1):
        tray.add(str(number))
    assert len(tray.names()) == MOST and "0" not in tray.names()


def test_a_damaged_tray_is_empty_and_a_strange_owner_refused(tmp_path):
    (tmp_path / f"{OWNER}.json").write_text("[1, {", encoding="utf-8")
    assert Tray(tmp_path, OWNER).names() == []
    for owner in ("", "../../etc/passwd", "short"):
        with pytest.raises(ParameterError, match="owner"):
            Tray(tmp_path, owner)
