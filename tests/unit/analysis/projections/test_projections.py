from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis import projections
from nnvis_dash.analysis.projections import PROJECTIONS, Projection, available, project
from nnvis_dash.errors import NotFound, ParameterError


def test_pca_of_points_by_hand() -> None:
    points = np.array([[4, 1], [-2, 1], [1, 2], [1, 0]], np.float32)
    found = project(points, "pca")
    np.testing.assert_allclose(found.coordinates, [[3, 0], [-3, 0], [0, 1], [0, -1]], atol=1e-6)
    np.testing.assert_allclose(found.place([[2, 2], [1, 1]]), [[1, 1], [0, 0]], atol=1e-6)
    assert found.notes == "The two directions hold 100 % of the variance."


def test_pca_has_a_second_coordinate_where_there_is_no_second_direction() -> None:
    found = project(np.array([[1], [2], [6], [7]]), "pca").coordinates
    np.testing.assert_allclose(found, [[-3, 0], [-2, 0], [2, 0], [3, 0]], atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_too_few_samples_for_neighbours_are_shown_by_pca(n: int) -> None:
    rows = np.arange(5 * n).reshape(n, 5)
    found = project(rows, "tsne", perplexity=5)
    assert found.method == "pca"
    np.testing.assert_array_equal(found.coordinates, project(rows, "pca").coordinates)
    assert f"With {n} of the 4 samples that t-SNE needs, PCA is shown" in found.notes


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_samples_that_are_all_the_same_lie_on_one_point(method: str) -> None:
    frames: list[Any] = []
    found = project(np.full((20, 7), 3.5), method, on_frame=lambda *frame: frames.append(frame))
    assert (found.coordinates == 0).all()
    assert (found.place(np.full((2, 7), 3.5)) == 0).all()
    assert "same features" in found.notes
    np.testing.assert_array_equal(frames[-1][2], found.coordinates)


def test_an_unknown_method_names_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"Choose one of: .*tsne"):
        project(np.eye(5), "sne")


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, None, "1"])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(ParameterError, match="whole number from 0"):
        project(np.eye(5), "pca", seed=seed)


def test_other_features_cannot_be_placed() -> None:
    found = project(np.eye(6), "pca")
    with pytest.raises(ParameterError, match="5 columns, those of the map have 6"):
        found.place(np.zeros((1, 5)))
    with pytest.raises(ParameterError, match="NaN"):
        found.place(np.full((1, 6), np.nan))
    assert found.place(np.zeros((0, 6))).shape == (0, 2)


def test_a_method_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from nnvis_dash.analysis.projections import umap

    monkeypatch.setattr(umap, "installed", lambda: False)
    assert not available("umap")
    assert available("tsne") and available("pca")
    with pytest.raises(ParameterError, match="pip install umap-learn"):
        project(np.eye(9), "umap")
    with pytest.raises(NotFound):
        available("sne")


def test_a_saved_map_holds_plain_arrays_alone(tmp_path: Any) -> None:
    found = project(np.random.default_rng(0).normal(size=(30, 60)), iterations=30, metric="cosine", seed=5)
    for name, array in found.arrays().items():
        np.save(tmp_path / f"{name}.npy", array, allow_pickle=False)

    class Artifact:
        def array(self, name: str) -> Any:
            return np.load(tmp_path / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    again = Projection.from_artifact(Artifact())
    assert (again.method, again.seed, again.parameters, again.notes) == ("tsne", 5, found.parameters, found.notes)
    assert again.parameters.metric == "cosine"
    new = np.random.default_rng(1).normal(size=(3, 60))
    np.testing.assert_array_equal(again.place(new), found.place(new))


def test_importing_and_listing_loads_nothing_heavy() -> None:
    code = (
        "import sys; from nnvis_dash.analysis.projections import PROJECTIONS, available;"
        "forms = [entry.form() for entry in PROJECTIONS.values()]; available('umap');"
        "print([name for name in ('sklearn', 'scipy', 'umap', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_registry_lists_files_of_its_folder() -> None:
    files = {path.stem for path in Path(projections.__file__).parent.glob("*.py")}
    assert (
        set(PROJECTIONS)
        == files - {"__init__", "honesty", "neighbours", "projection", "reduction"}
        == {"pca", "tsne", "umap"}
    )
