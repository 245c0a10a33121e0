"""The callback graph: no circle, one writer an endpoint, and the drawing in callbacks/README.md is true."""

from __future__ import annotations

from pathlib import Path

import pytest
from dash import Dash

from layouts import ids
from nnvis_dash.app import create_app
from nnvis_dash.callback_graph import edges, page_text, ranks, writers
from nnvis_dash.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Dash:
    return create_app(Settings(workspace=str(tmp_path_factory.mktemp("workspace"))))


def test_every_callbacks_inputs_rank_below_its_outputs(app: Dash) -> None:
    ranked = ranks(app)  # raises CycleError where there is a circle
    for inputs, outputs, _ in edges(app):
        assert max(ranked[name] for name in inputs) < min(ranked[name] for name in outputs)


def test_every_endpoint_has_one_writer(app: Dash) -> None:
    assert {name: count for name, count in writers(app).items() if count != 1} == {}


def test_no_callback_writes_what_a_person_does(app: Dash) -> None:
    assert f"{ids.CHANGES}.data" not in writers(app)


def test_no_view_reads_another_views_endpoints(app: Dash) -> None:
    """A view's callbacks take the state, derived stores and their own endpoints; the job tray looks at all jobs."""
    views = ("embedding", "testing", "rail")
    for inputs, outputs, _ in edges(app):
        for output in outputs:
            view = output.split("-")[0]
            if view in views:
                assert not [name for name in inputs if name.split("-")[0] in views and name.split("-")[0] != view]


def test_the_drawing_is_true(app: Dash) -> None:
    drawn = (ROOT / "callbacks" / "README.md").read_text(encoding="utf-8")
    assert drawn == page_text(app), "run `python -m nnvis_dash graph --write`"
