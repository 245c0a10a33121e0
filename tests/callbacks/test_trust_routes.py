"""Trust: what is asked of the engine, the table and its file by hand, and the badges of what a page shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import flask
import numpy as np
import pytest

from callbacks.badges import badges_of, checked
from callbacks.trust import MOST, trust_request
from nnvis_dash.analysis.quality.choice import candidate_layers
from nnvis_dash.analysis.quality.table import Choice, Row, choice_arrays, choice_card
from nnvis_dash.analysis.quality.verdict import Reason, Verdict
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import Cancelled, NNVisError, NotFound, ParameterError, StateError
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.trust_routes import trust_blueprint
from tests.callbacks.in_process import noise_and_net

N = 300
NAN = float("nan")


class Rows:
    """An engine that knows of one job."""

    def __init__(self) -> None:
        self.known: dict[str, bool] = {}  # by key, whether it has finished

    def row(self, key: str) -> Any:
        return SimpleNamespace(finished=self.known[key]) if key in self.known else None


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A workspace with 300 images and a classifier, and the routes over it."""
    workspace, data, model, _ = noise_and_net(tmp_path_factory.mktemp("trust"), N)
    engine = Rows()
    services = Services(Settings(), workspace, cast(Any, engine))
    server = flask.Flask("test")
    server.register_blueprint(trust_blueprint(services))
    client = server.test_client()
    wanted = {
        "dataset": data.fingerprint,
        "model": model.fingerprint,
        "part": "methods",
        "methods": [],
        "n_samples": 16,
        "seed": 0,
        "samples": "",
    }
    return SimpleNamespace(services=services, engine=engine, client=client, wanted=wanted, model=model)


def by_hand() -> Choice:
    """Two methods by two measures over three images: the first is better, the second cheaper and fails."""
    values = np.zeros((2, 2, 3), np.float32)
    two = np.array([[0.5, NAN], [0.25, 2.0]], np.float32)
    good = Verdict(2, (Reason("first", 2, "names the pixels", 0.5),))
    bad = Verdict(0, (Reason("first", 0, "shows edges", 0.25), Reason("second", 2, "is steady", 2.0)))
    return Choice(
        rows=(Row("lrp_z", None, {"order": 1}), Row("guided_backprop")),
        measures=("first", "second"),
        orders=("higher", ""),
        samples=np.array([1, 5, 9]),
        values=values,
        mean=two,
        low=two - 0.125,
        high=two + 0.25,
        passes=np.array([[1, NAN], [1 / 3, NAN]], np.float32),
        quality=np.array([1, 0.25], np.float32),
        quality_low=np.array([0.75, 0], np.float32),
        quality_high=np.array([1, 0.5], np.float32),
        seconds=np.array([0.02, 0.001], np.float32),
        forwards=np.array([4, NAN], np.float32),
        front=(1, 0),
        verdicts=(good, bad),
        recommendation=("Use LRP-z.",),
        left_out={"deep_lift": "It has a layer without a rule."},
    )


def test_what_is_asked_has_one_key(scene: Any) -> None:
    request = trust_request(scene.services, scene.wanted)
    assert request.kind == "trust"
    assert request.parameters["methods"] == request.parameters["layers"] == request.parameters["samples"] == []
    assert request.key == trust_request(scene.services, {**scene.wanted, "method": "grad_cam"}).key
    chosen = trust_request(scene.services, {**scene.wanted, "methods": ["lrp_z", "lrp_z", "gradient"]})
    assert chosen.parameters["methods"] == ["lrp_z", "gradient"]


def test_layers_are_asked_for_one_method_that_looks_through_them(scene: Any) -> None:
    wanted = {**scene.wanted, "part": "layers", "method": "layer_cam", "methods": ["lrp_z"]}
    request = trust_request(scene.services, wanted)
    assert request.parameters["methods"] == ["layer_cam"]
    assert request.parameters["layers"] == list(candidate_layers(scene.model)) != []
    with pytest.raises(ParameterError, match="'lrp_z' looks through no layer"):
        trust_request(scene.services, {**wanted, "method": "lrp_z"})


def test_a_selection_is_taken_as_it_is_or_thinned_to_a_fair_part(scene: Any) -> None:
    few = trust_request(scene.services, {**scene.wanted, "samples": "9,1-3"})
    assert few.parameters["samples"] == [1, 2, 3, 9]
    many = trust_request(scene.services, {**scene.wanted, "samples": f"0-{N - 1}"}).parameters["samples"]
    assert len(many) == MOST and many == sorted(set(many))
    assert np.ptp(np.bincount(np.array(many) % 5)) <= 1  # every class alike


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"dataset": "none"}, NotFound, "none"),
        ({"model": "none"}, NotFound, "none"),
        ({"n_samples": 3}, StateError, "4"),
        ({"n_samples": "many"}, StateError, "many"),
        ({"seed": -1}, StateError, "-1"),
        ({"methods": ["<b>"]}, StateError, "small letters"),
        ({"samples": "900"}, ParameterError, "No sample of the dataset is selected"),
    ],
)
def test_what_cannot_be_asked_is_said(scene: Any, given: Any, error: type[NNVisError], says: str) -> None:
    with pytest.raises(error, match=says):
        trust_request(scene.services, {**scene.wanted, **given})


def test_the_table_and_its_file(scene: Any) -> None:
    def table() -> Any:
        return scene.client.post("/trust/table", json=scene.wanted).get_json()

    request = trust_request(scene.services, scene.wanted)
    assert table() == {"known": False, "running": False}
    scene.engine.known[request.key] = False
    assert table() == {"known": False, "running": True}
    scene.engine.known[request.key] = True
    assert table() == {"known": False, "running": False}

    choice = by_hand()
    about = {"model": scene.wanted["model"], "dataset": scene.wanted["dataset"], "edition": 0}
    scene.services.workspace.artifacts.save(request.key, choice_arrays(choice), {**about, **choice_card(choice)})
    found = table()
    assert (found["known"], found["key"], found["layered"]) == (True, request.key, False)
    best, worst = found["rows"]
    assert (best["title"], best["badge"], best["front"], best["parameters"]) == ("LRP-z", 2, True, {"order": 1})
    assert best["cells"] == [[0.5, 0.375, 0.75, 1.0], [None, None, None, None]]
    assert worst["reasons"] == [["first", "shows edges", 0], ["second", "is steady", 2]]
    assert worst["quality"] == [0.25, 0.0, 0.5]
    assert (worst["seconds"], worst["forwards"]) == (0.001, None)
    assert [(one["name"], one["better"], one["decides"]) for one in found["measures"]] == [
        ("first", "higher", True),
        ("second", "", False),
    ]
    assert found["left_out"] == [["DeepLIFT (rescale)", "It has a layer without a rule."]]
    assert (found["samples"], found["recommendation"]) == ([1, 5, 9], ["Use LRP-z."])

    answer = scene.client.get(f"/trust/{request.key}.csv")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [(row["method"], row["badge"], row["why"]) for row in rows] == [
        ("lrp_z", "passes", "names the pixels"),
        ("guided_backprop", "fails", "shows edges"),
    ]
    assert [row["first passes"] for row in rows] == ["1.0", "0.333333"]
    assert [row["second mean"] for row in rows] == ["", "2.0"]
    assert scene.client.get("/trust/none.csv").status_code == 404
    assert "problem" in scene.client.post("/trust/table", json={**scene.wanted, "seed": -1}).get_json()


def stored(badges: list[int]) -> Any:
    """Return what a job `quality` keeps of some heatmaps."""
    reasons = [[{"measure": "steady", "badge": one, "words": f"says {one}"}] for one in badges]
    return SimpleNamespace(array=lambda name: np.array(badges, np.int8), card={"reasons": reasons})


def waiting(known: dict[str, Any], reported: list[Any]) -> Callable[..., Any]:
    """Return what waits for the quality of attributions, by their keys; an error is raised."""

    def wait(request: Request, **more: Any) -> Any:
        assert request.kind == "quality"
        reported.append(more)
        found = known[Request("attribution", request.parameters).key]
        if isinstance(found, Exception):
            raise found
        return found

    return wait


def test_badges_are_asked_one_after_the_other_and_told_on_the_way(scene: Any) -> None:
    base = {"dataset": scene.wanted["dataset"], "model": scene.wanted["model"], "method": "lrp_z"}
    maps: list[Any] = [{**base, "samples": [number]} for number in range(3)]
    keys = [Request("attribution", asked).key for asked in maps]
    why = ParameterError("It can't be measured", "Choose another method.")
    reported: list[Any] = []
    known = {keys[0]: stored([2, 0]), keys[1]: why, keys[2]: stored([1])}
    found = checked(scene.services, {"maps": maps}, waiting(known, reported))["badges"]
    assert [one["badge"] for one in found[keys[0]]] == [2, 0]
    assert found[keys[0]][1]["reasons"] == [["steady", "says 0", 0]]
    assert found[keys[1]] == {"problem": str(why)}
    assert found[keys[2]] == badges_of(stored([1]))
    assert [(list(more["badges"]), more["of"]) for more in reported] == [
        ([], "1 of 3"),
        (keys[:1], "2 of 3"),
        (keys[:2], "3 of 3"),
    ]


def test_who_cancels_one_heatmap_s_check_wants_none_behind_it(scene: Any) -> None:
    maps = [{"method": "lrp_z", "samples": [number]} for number in range(2)]
    keys = [Request("attribution", asked).key for asked in maps]
    reported: list[Any] = []
    gone = Cancelled("The job was cancelled", "Start it again.")
    with pytest.raises(Cancelled):
        checked(scene.services, {"maps": maps}, waiting({keys[0]: gone, keys[1]: stored([2])}, reported))
    assert len(reported) == 1


@pytest.mark.parametrize("given", [None, {}, [1], ["x"], [{}] * 65])
def test_heatmaps_that_are_no_list_of_attributions_are_refused(scene: Any, given: Any) -> None:
    with pytest.raises(ParameterError, match="no list of attributions"):
        checked(scene.services, {"maps": given}, waiting({}, []))
