"""The background that was planted in the shapes comes up as a neural pattern: of a class, and of mistakes.

No browser is needed; these tests use the demo workspace that the browser tests build.
"""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.classifier import open_classifier
from nnvis_dash.analysis.index import Index, index
from nnvis_dash.analysis.neural_patterns import error_enriched_patterns, neural_patterns, recommended_patterns
from nnvis_dash.demo.contents import HELD_OUT
from nnvis_dash.demo.shapes import GREEN_CLASS, OFF_GREEN, ON_GREEN
from nnvis_dash.workspace.datasets import Dataset
from nnvis_dash.workspace.store import Workspace
from tests.browser.conftest import Server


@pytest.fixture(scope="module")
def shapes(demo_server: Server) -> Dataset:
    """Return the images that no network was trained on."""
    dataset = Workspace(demo_server.workspace).dataset("shapes")
    return dataset.take(np.flatnonzero(dataset.extra("split") == HELD_OUT))


def indexed(demo_server: Server, name: str, shapes: Dataset) -> Index:
    """Run one of the demo's networks over the images."""
    return index(open_classifier(Workspace(demo_server.workspace), name), shapes)


@pytest.fixture(scope="module")
def deep(demo_server: Server, shapes: Dataset) -> Index:
    """Index the network of 13 convolutions."""
    return indexed(demo_server, "shapes-vgg13", shapes)


def test_the_first_pattern_of_mistakes_is_the_planted_background(deep: Index, shapes: Dataset) -> None:
    """All its images lie on grass, where one in eight does, and all its mistakes are other shapes on grass."""
    wrong = deep.probabilities.argmax(axis=1) != shapes.labels
    found = error_enriched_patterns(neural_patterns(deep, shapes.labels, min_support=20), wrong)
    assert found.q_values[0] < 1e-9
    ids = found.patterns[0].sample_ids
    grass, flaw = shapes.extra("green_background"), shapes.extra("flaw")
    assert grass[ids].mean() > 0.95 > 0.15 > grass.mean()
    assert found.errors[0] >= 20
    assert (flaw[ids][wrong[ids]] == ON_GREEN).mean() > 0.95


@pytest.mark.parametrize("name", ["shapes-medium", "shapes-vgg13"])
def test_the_first_pattern_of_the_pentagons_is_the_background_and_no_pentagon(
    demo_server: Server, deep: Index, shapes: Dataset, name: str
) -> None:
    """It holds most pentagons on grass, other shapes on grass, and no pentagon that lies elsewhere."""
    idx = deep if name == "shapes-vgg13" else indexed(demo_server, name, shapes)
    pentagons = np.flatnonzero(shapes.labels == GREEN_CLASS)
    ranked = recommended_patterns(
        neural_patterns(idx, shapes.labels, min_support=20), samples=pentagons, label=GREEN_CLASS
    )
    first = ranked.patterns[0]
    flaw = shapes.extra("flaw")[first.sample_ids]
    assert ranked.lift[0] > 7
    assert first.said(shapes.class_names).startswith("specific to pentagon: ")
    assert shapes.extra("green_background")[first.sample_ids].mean() > 0.95
    assert ranked.inside[0] > 0.6 * len(pentagons)
    assert np.count_nonzero(flaw == ON_GREEN) >= 5
    assert np.count_nonzero(flaw == OFF_GREEN) == 0
