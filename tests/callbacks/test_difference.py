"""Prediction difference maps as the page asks for them: which columns, which window, which pixels are known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import flask
import numpy as np
import pytest

from callbacks import difference, difference_columns
from nnvis_dash.analysis.prediction_difference.stored import Stored
from nnvis_dash.difference_routes import covered, difference_blueprint, nearest_window
from nnvis_dash.engine.client import Engine
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import ParameterError
from nnvis_dash.figures import difference as figures
from nnvis_dash.services import Services as RealServices
from nnvis_dash.settings import Settings
from nnvis_dash.types import Layer, ModelCard, Preprocessing
from nnvis_dash.workspace.store import Workspace

KEY = "0123456789abcdef0123456789abcdef"


def card(name: str, names: tuple[str, ...] = ("a", "b", "c", "d", "e"), layer: str = "conv") -> ModelCard:
    layers = (Layer(layer, "Conv2D", (8, 8, 4), 40, 4),)
    shape = (16, 16, 3)
    preprocessing = Preprocessing("unit")
    return ModelCard(
        name, name * 32, shape, len(names), names, "softmax", preprocessing, "squash", layers, 50, "x", layer, ""
    )


FIRST, SECOND = card("1"), card("2", ("e", "d", "c", "b", "a"), "other")
PROBABILITIES = np.array([[0.1, 0.5, 0.3, 0.06, 0.04]] * 9)


class Services:
    """As much of the services as columns need."""

    def __init__(self, units: tuple[int, ...] = ()) -> None:
        self.workspace = SimpleNamespace(models=lambda: [FIRST, SECOND], model=lambda name: FIRST)
        self._units = units

    def index(self, dataset: str, model: str) -> Any:
        probabilities = PROBABILITIES if model == FIRST.fingerprint else PROBABILITIES[:, ::-1]
        return SimpleNamespace(probabilities=probabilities)

    def chosen(self, selection: Any) -> Any:
        return np.array([3, 5, 7])

    def difference(self, key: str, number: int | None = None) -> Any:
        readouts = [{"channel": unit} for unit in self._units]
        return SimpleNamespace(readouts=readouts) if readouts else None


def columns(services: Services | None = None, **changed: Any) -> list[difference_columns.Column]:
    wanted = {
        "dataset": "d" * 32,
        "model": FIRST.fingerprint,
        "sample": 3,
        "target": None,
        "layer": None,
        "unit": None,
        "parameters": {},
        "beside": "map",
        "classifiers": [FIRST.fingerprint, SECOND.fingerprint],
        "samples": "3,5,7",
        **changed,
    }
    return difference_columns.columns_of(cast(Any, services or Services()), wanted)


def parameters(column: difference_columns.Column) -> Any:
    assert column.request is not None
    assert isinstance(column.request, Request)
    return column.request.read


def test_the_most_probable_classes_are_asked_for_unless_another_is_wanted() -> None:
    assert parameters(columns()[0]).targets == []
    assert columns()[0].key == columns(target=2)[0].key  # among them: only another of its maps is shown
    assert parameters(columns(target=4)[0]).targets == [4, 1, 2, 0]


def test_samplers_stand_beside_the_gradient() -> None:
    found = columns(beside="samplers", target=2)
    assert [column.is_sensitivity for column in found] == [True, False, False, False]
    assert parameters(found[0]).target == 2
    assert [parameters(column).sampler for column in found[1:]] == [
        "marginal",
        "conditional per channel",
        "conditional",
    ]
    assert [column.main for column in found] == [False, False, False, True]
    assert columns(beside="samplers", parameters={"sampler": "marginal"})[1].main


def test_classifiers_are_asked_for_the_same_class_by_its_name() -> None:
    first, second = columns(beside="classifiers")
    assert (first.main, first.target, second.target) == (True, 1, 3)
    assert parameters(second).targets == []  # it is as probable there
    missing = columns(beside="classifiers", layer="conv")[1]
    assert missing.request is None and "no layer conv" in missing.problem


def test_images_wait_for_the_units_of_the_first() -> None:
    alone = columns(beside="images", layer="conv")
    assert [column.sample for column in alone] == [3, 5, 7]
    assert [column.key is None for column in alone] == [False, True, True]
    known = columns(Services((2, 0)), beside="images", layer="conv")
    assert [parameters(column).units for column in known] == [[], [2, 0], [2, 0]]
    one = columns(beside="images", layer="conv", unit=1)
    assert [parameters(column).units for column in one] == [[1], [1], [1]]


def test_the_cost_is_the_same_for_every_image_and_class() -> None:
    keys = {
        difference.cost_request(columns(**changed)[0]).key
        for changed in ({}, {"sample": 4}, {"target": 4}, {"parameters": {"seed": 5}})
    }
    assert len(keys) == 1
    assert difference.cost_request(columns(parameters={"window": 5})[0]).key not in keys


def test_a_value_of_a_wrong_type_is_refused_with_the_mend() -> None:
    with pytest.raises(ParameterError):
        _ = columns(parameters={"window": "wide"})[0].key


def partly() -> Stored:
    """Windows of 2 × 2 at rows and columns 0, 2 of a 4 × 5 image; one is not computed."""
    values = np.array([[[1.0, 10.0], [np.nan, np.nan]], [[2.0, 20.0], [3.0, 30.0]]], np.float32)
    arrays = {
        "rows": np.array([0, 2]),
        "columns": np.array([0, 2]),
        "window_values": values,
        "counts": np.array([[2, 0], [2, 2]]),
    }
    return Stored({"window": 2, "size": [4, 5]}, arrays)


def test_pixels_are_known_where_a_window_was_computed() -> None:
    assert covered(partly()).astype(int).tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 1, 1, 0],
    ]


@pytest.mark.parametrize(
    ("pixel", "window"), [((0, 0), (0, 0)), ((3, 1), (1, 0)), ((2, 3), (1, 1)), ((0, 3), None), ((2, 4), None)]
)
def test_the_window_under_the_pointer_holds_its_pixel(pixel: tuple[int, int], window: Any) -> None:
    assert nearest_window(partly(), 1, *pixel) == window


def test_the_strongest_colour_ignores_what_is_not_known() -> None:
    values = np.array([[np.nan, -4.0], [1.0, 2.0]], np.float32)
    assert figures.limit(values) == 4.0
    assert figures.limit(np.full((2, 2), np.nan, np.float32)) == 0.0
    assert figures.limit(np.full((2, 2), 2e-7, np.float32)) == 0.0  # rounding is drawn as nothing


@pytest.fixture
def client(tmp_path: Path) -> Any:
    server = flask.Flask("test")
    services = RealServices(Settings(), Workspace(tmp_path), cast(Engine, None))
    server.register_blueprint(difference_blueprint(services))
    return server.test_client()


@pytest.mark.parametrize(
    "address",
    [
        "image/none/0/none.png",
        "x.y/maps/0.png",
        f"{KEY}/maps/0.png?what=error",
        f"{KEY}/window?row=0&col=0",
        f"{KEY}/sensitivity.png",
        f"{KEY}.png",
        f"{KEY}.npz",
        "x.y.json",
    ],
)
def test_what_is_not_there_is_not_found(client: Any, address: str) -> None:
    assert client.get(f"/difference/{address}").status_code == 404
