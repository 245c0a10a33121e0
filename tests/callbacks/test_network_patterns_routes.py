"""Neural patterns as pages ask for them: numbers by hand from a small index, words, bad input."""

from __future__ import annotations

from typing import Any, cast

import flask
import numpy as np
import pytest
from scipy.stats import fisher_exact

from nnvis_dash.analysis.index import Index, index_arrays, index_key
from nnvis_dash.engine import mined_patterns
from nnvis_dash.engine.client import Engine
from nnvis_dash.network_patterns_routes import network_patterns_blueprint
from nnvis_dash.services import Services
from nnvis_dash.settings import Settings
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.types import Unit
from nnvis_dash.workspace.store import Workspace
from tests import networks
from tests.callbacks.in_process import Direct

NAMES = ("ant", "bee", "cat", "dog", "eel")
N = 60


def paths() -> np.ndarray:
    """Return the most active units of conv1 (4), conv2 (6), hidden (8) and head (5).

    Ants and bees share 0 → 1 → 2, ants go on to 0 and bees to 1; cats go 3 → 5 → 7; the others go nowhere together.
    """
    rng = np.random.default_rng(0)
    table = np.stack([rng.integers(low, high, N) for low, high in ((1, 3), (2, 5), (3, 7), (3, 5))], axis=1)
    labels = np.arange(N) % 5
    table[labels == 0] = (0, 1, 2, 0)
    table[labels == 1] = (0, 1, 2, 1)
    table[labels == 2] = (3, 5, 7, 2)
    return table


def index_of(table: np.ndarray, wrong: list[int]) -> Index:
    """Return an index with these paths, in which some predictions aren't the label."""
    widths = (4, 6, 8, 5)
    activations = np.zeros((len(table), sum(widths)), np.float32)
    starts = np.cumsum((0, *widths[:-1]))
    for column, start in enumerate(starts):
        activations[np.arange(len(table)), start + table[:, column]] = 1
    predictions = np.arange(len(table)) % 5
    predictions[wrong] = (predictions[wrong] + 1) % 5
    units = tuple(
        Unit(layer, channel)
        for layer, width in zip(("conv1", "conv2", "hidden", "head"), widths, strict=True)
        for channel in range(width)
    )
    probabilities = np.eye(5, dtype=np.float32)[predictions]
    return Index(probabilities, np.zeros((len(table), 2), np.float32), activations, activations, units)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from nnvis_dash.analysis.intake import add_model

    folder = tmp_path_factory.mktemp("patterns")
    workspace = Workspace(folder / "ws")
    images = networks.images(N, (12, 10, 3), seed=1)
    data, _ = workspace.add_dataset(images, name="labelled", labels=np.arange(N) % 5, class_names=list(NAMES))
    bare, _ = workspace.add_dataset(networks.images(N, (12, 10, 3), seed=2), name="bare")
    away, _ = workspace.add_dataset(networks.images(N, (12, 10, 3), seed=3), name="not indexed")
    networks.sequential().save(folder / "net.keras")
    model, _ = add_model(workspace, folder / "net.keras", preprocessing="unit", class_names=list(NAMES))
    # 10 of 12 cats are taken for dogs, nothing else is wrong but two eels
    wrong = [*range(2, 52, 5), 4, 9]
    for dataset in (data, bare):
        arrays = index_arrays(index_of(paths(), wrong))
        workspace.artifacts.save(index_key(model.fingerprint, dataset.fingerprint), arrays, {"n_samples": N})
    services = Services(Settings(), workspace, cast(Engine, Direct(workspace.path)))
    server = flask.Flask("test")
    server.register_blueprint(network_patterns_blueprint(services))
    return {
        "client": server.test_client(), "data": data, "bare": bare, "away": away, "model": model, "ws": workspace
    }  # fmt: skip


def ask(scene: dict[str, Any], over: str = "data", **wanted: Any) -> Any:
    record = {"dataset": scene[over].fingerprint, "model": scene["model"].fingerprint, "support": 12, **wanted}
    return scene["client"].post("/network/patterns", json=record).get_json()


def by_text(found: Any) -> dict[str, Any]:
    return {one["text"]: one for one in found["patterns"]}


def test_the_patterns_are_those_of_the_paths_with_their_images_and_classes(scene: dict[str, Any]) -> None:
    found = ask(scene)
    told = by_text(found)
    assert set(told) == {"0:0.1:1.2:2", "0:3.1:5.2:7.3:2", "0:0.1:1.2:2.3:0", "0:0.1:1.2:2.3:1"}
    both = found["patterns"][0]
    assert both["text"] == "0:0.1:1.2:2" and both["support"] == both["inside"] == 24
    assert both["units"] == [["conv1", 0], ["conv2", 1], ["hidden", 2]] and both["columns"] == [0, 1, 2]
    assert both["pie"] == [[0, 12], [1, 12]]
    assert both["kind"] == "shared" and both["said"] == "shared by ant and bee: all its 24 images"
    cats = told["0:3.1:5.2:7.3:2"]
    assert (cats["kind"], cats["whose"]) == ("specific", "specific to cat")
    assert cats["lift"] == {"label": 2, "name": "cat", "times": 5.0, "notable": True}
    assert cats["samples"] == list(range(2, 60, 5)) and cats["wrong"] == [True] * 10 + [False] * 2
    assert (found["found"], found["fitting"], found["images"], found["errors"]) == (4, 4, 60, 12)
    assert found["layers"] == ["conv1", "conv2", "hidden", "head"]


def test_errors_that_are_no_chance_are_said_with_how_much_more_often(scene: dict[str, Any]) -> None:
    told = by_text(ask(scene))
    cats = told["0:3.1:5.2:7.3:2"]
    p_value = fisher_exact([[10, 2], [2, 46]], alternative="greater").pvalue
    assert cats["q"] == pytest.approx(4 * p_value) and cats["more"] == pytest.approx((10 / 12) / (12 / 60))
    assert (cats["errors"], cats["counted"]) == (10, 12)
    assert told["0:0.1:1.2:2"]["q"] is None and told["0:0.1:1.2:2"]["more"] is None


def test_patterns_of_mistakes_are_those_with_more_than_chance(scene: dict[str, Any]) -> None:
    found = ask(scene, of="errors", pattern="0:0.1:1.2:2")
    assert [one["text"] for one in found["patterns"]] == ["0:3.1:5.2:7.3:2"]
    p_value = fisher_exact([[10, 2], [2, 46]], alternative="greater").pvalue
    assert found["patterns"][0]["q"] == pytest.approx(4 * p_value)  # Benjamini–Hochberg: the first of four
    assert found["patterns"][0]["inside"] == 10 and found["fitting"] == 1
    assert found["chosen"]["text"] == "0:0.1:1.2:2" and found["chosen"]["q"] is None


def test_patterns_of_a_selection_have_its_images_first(scene: dict[str, Any]) -> None:
    found = ask(scene, of="selection", samples="1,6,11")
    assert {one["text"] for one in found["patterns"]} == {"0:0.1:1.2:2.3:1", "0:0.1:1.2:2"}
    assert all(one["inside"] == 3 and one["samples"][:3] == [1, 6, 11] for one in found["patterns"])
    assert (found["fitting"], found["selected"]) == (2, 3)
    kept = "@" + scene["ws"].selections.keep(b"\x42\x08")
    assert ask(scene, of="selection", samples=kept) == found


def test_without_a_selection_the_filter_says_which_images(scene: dict[str, Any]) -> None:
    cats = ask(scene, of="selection", classes=[2])
    assert [one["text"] for one in cats["patterns"]] == ["0:3.1:5.2:7.3:2"] and cats["selected"] == 12
    wrong = ask(scene, of="selection", classes=[2], correctness="wrong")
    assert wrong["selected"] == 10 and wrong["patterns"][0]["inside"] == 10
    right = ask(scene, of="selection", classes=[2], correctness="right")
    assert right["selected"] == 2 and right["patterns"][0]["inside"] == 2


def test_patterns_of_units_have_one_of_them(scene: dict[str, Any]) -> None:
    found = ask(scene, of="units", units=[["hidden", 7], ["conv1", 1]])
    assert [one["text"] for one in found["patterns"]] == ["0:3.1:5.2:7.3:2"]


def test_an_order_by_lift_is_of_the_class_that_was_chosen(scene: dict[str, Any]) -> None:
    found = ask(scene, order="lift", label=1)
    lifts = [one["lift"]["times"] for one in found["patterns"]]
    assert found["patterns"][0]["text"] == "0:0.1:1.2:2.3:1" and lifts == sorted(lifts, reverse=True)
    assert [one["lift"]["name"] for one in found["patterns"]] == ["bee"] * 4


def test_a_higher_support_and_length_leave_fewer(scene: dict[str, Any]) -> None:
    assert [one["text"] for one in ask(scene, support=13)["patterns"]] == ["0:0.1:1.2:2"]
    assert {len(one["units"]) for one in ask(scene, length=4)["patterns"]} == {4}
    assert ask(scene, support=61)["patterns"] == [] and ask(scene, support=61)["found"] == 0


def test_all_images_of_a_pattern_are_told_and_many_are_kept_under_a_key(
    scene: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"dataset": scene["data"].fingerprint, "model": scene["model"].fingerprint, "pattern": "0:0.1:1"}
    expected = [*range(0, 60, 5), *range(1, 60, 5)]
    found = scene["client"].post("/network/pattern/samples", json=record).get_json()
    assert found == {"samples": encode_ids(expected), "count": 24}
    monkeypatch.setattr("nnvis_dash.workspace.selections.MOST_RANGES", 10)
    kept = scene["client"].post("/network/pattern/samples", json=record).get_json()["samples"]
    assert kept.startswith("@") and scene["ws"].selections.ids(kept).tolist() == sorted(expected)


def test_without_labels_patterns_have_no_classes(scene: dict[str, Any]) -> None:
    found = ask(scene, "bare", order="lift", label=3)
    first = found["patterns"][0]
    assert first["support"] == 24 and first["said"] == "24 images without labels"
    assert (first["kind"], first["pie"], first["lift"], first["more"]) == ("", [], None, None)
    assert "labels" in ask(scene, "bare", of="errors")["problem"]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"of": "selection"}, "Nothing is selected"),
        ({"of": "selection", "samples": "60"}, "no sample 60"),
        ({"of": "selection", "samples": "x"}, "hold 'x'"),
        ({"of": "selection", "samples": "@" + "0" * 32}, "no selection"),
        ({"of": "units"}, "No unit is selected"),
        ({"of": "everything"}, "everything"),
        ({"order": "beauty"}, "beauty"),
        ({"support": 0}, "support is 0"),
        ({"length": "long"}, "length is 'long'"),
        ({"by": "median"}, "median"),
        ({"label": 5}, "no class 5"),
        ({"pattern": "conv1"}, "The pattern is 'conv1'"),
        ({"pattern": "0:0.9:1"}, "names a layer 9"),
        ({"dataset": "nowhere"}, "nowhere"),
        ({"model": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_shown_is_said(scene: dict[str, Any], wanted: dict[str, Any], says: str) -> None:
    assert says in ask(scene, **wanted)["problem"]


def test_a_pattern_of_units_that_are_not_there_has_no_images(scene: dict[str, Any]) -> None:
    chosen = ask(scene, pattern="0:70000.1:1")["chosen"]
    assert chosen["support"] == 0 and chosen["samples"] == [] and chosen["said"].startswith("no image")


def test_a_classifier_that_was_not_run_over_the_images_is_said(scene: dict[str, Any]) -> None:
    assert "not been run over" in ask(scene, "away")["problem"]


def test_too_many_patterns_are_refused_with_the_support_that_would_do(
    scene: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mined_patterns, "MOST_PATTERNS", 2)
    found = ask(scene, support=11)
    assert "A min_support of 13 would do" in found["problem"]


def test_the_patterns_that_were_mined_last_are_kept_within_a_limit() -> None:
    made = []

    def mine(size: int) -> Any:
        class Held:
            n_bytes = size

        made.append(size)
        return Held()

    kept = mined_patterns.KeptPatterns(10)
    first = kept.get("a", lambda: mine(4))
    assert kept.get("a", lambda: mine(4)) is first and made == [4]
    kept.get("b", lambda: mine(5))
    kept.get("a", lambda: mine(4))
    kept.get("c", lambda: mine(3))  # b goes: a was asked for after it
    assert len(kept) == 2 and kept.get("a", lambda: mine(4)) is first
    kept.get("large", lambda: mine(99))
    assert len(kept) == 1 and made == [4, 5, 3, 99]
