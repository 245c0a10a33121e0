"""The choice of a method: intervals and fronts worked by hand, sentences, a small trained network, text and CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.quality import MEASURES
from nnvis_dash.analysis.quality.choice import (
    candidate_layers,
    chosen_rows,
    chosen_samples,
    masks_of,
    table_measures,
    trust,
)
from nnvis_dash.analysis.quality.choice_report import as_csv, plain, text
from nnvis_dash.analysis.quality.recommendation import Line, recommended
from nnvis_dash.analysis.quality.table import (
    Choice,
    Measurements,
    Row,
    choice_arrays,
    choice_card,
    choice_of,
    front,
    fusion_of,
    interval,
    load_choice,
    median,
)
from nnvis_dash.analysis.quality.thresholds import DECIDING, thresholds
from nnvis_dash.analysis.quality.verdict import Reason, Verdict
from nnvis_dash.commands import main
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.workspace.artifacts import Artifacts
from nnvis_dash.workspace.datasets import load_dataset
from nnvis_dash.workspace.store import Workspace

NAN = np.nan


def test_intervals_leave_out_what_is_not_known() -> None:
    values = np.array([[1.0, 1, 1, 1], [0, NAN, 1, NAN], [NAN] * 4], np.float32)
    draws = np.random.default_rng(0).integers(0, 4, (500, 4))
    mean, low, high = interval(values, draws)
    np.testing.assert_array_equal(mean, [1.0, 0.5, NAN])
    np.testing.assert_array_equal(low, [1.0, 0.0, NAN])
    np.testing.assert_array_equal(high, [1.0, 1.0, NAN])
    np.testing.assert_array_equal(median(values), [1.0, 0.5, NAN])


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    """Of 400 samples of 40 normal numbers about 95 % of the intervals hold 0; the bootstrap's are a little narrow."""
    rng = np.random.default_rng(1)
    _, low, high = interval(rng.standard_normal((400, 40)), rng.integers(0, 40, (500, 40)))
    assert 0.90 <= np.mean((low <= 0) & (high >= 0)) <= 0.98


def test_the_front() -> None:
    assert front(np.array([0.5, 0.9, 0.8, 0.5, NAN]), np.array([1.0, 3.0, 4.0, 2.0, 0.1])) == (0, 1)
    assert front(np.array([0.5, 0.7]), np.array([1.0, 1.0])) == (1,)


def _line(title: str, badge: int, quality: float, seconds: float, words: str = "is well") -> Line:
    said = Verdict(badge, (Reason("randomisation", badge, words, 0.5),))
    return Line(title, said, quality, quality - 0.1, quality + 0.1, seconds, seconds * 1000)


def test_sentences() -> None:
    lines = [
        _line("LRP", 2, 0.9, 0.02),
        _line("Grad-CAM", 2, 0.85, 0.002),
        _line("Occlusion", 2, 0.6, 0.5),
        _line("Guided backpropagation", 0, 0.3, 0.003, "shows edges"),
        _line("DeconvNet", 0, 0.2, 0.003, "shows edges"),
        _line("Gradient", 1, 0.5, 0.003, "leads nowhere"),
        _line("Nothing", 1, NAN, 0.1),
    ]
    assert recommended(lines, "net", "photos", 32) == (
        "For net on photos (32 images), use LRP: it meets 90% of what is asked (95 % interval 80% to 100%).",
        "Grad-CAM can't be told apart from it on these images.",
        "Grad-CAM is the cheapest that passes: 2.0 ms an image, 2.0 forward passes; LRP takes 20.0 ms an image, 20.0 "
        "forward passes.",
        "Guided backpropagation and DeconvNet are not to be believed: each shows edges.",
        "Gradient is doubtful: it leads nowhere.",
    )
    worst = recommended(lines[3:4], "net", "photos", 4)
    assert worst[0].startswith("For net on photos (4 images), nothing passes. The least bad is Guided backpropagation")
    assert worst[-1].startswith("4 images say little")
    assert recommended(lines[6:], "net", "photos", 4) == ("Nothing could be measured of net on photos.",)


def test_a_table_worked_by_hand() -> None:
    """Two methods, three images; on the second nothing is known of the third image."""
    limit = thresholds()["randomisation"]
    good, bad = limit.passes - 0.01, limit.fails + 0.01
    values = np.array([[[1, 1, 1], [good, good, bad]], [[1, 1, 1], [bad, bad, NAN]]], np.float32)
    found = [[Measurements(of[:, :2], 0.02, 0.001), Measurements(of[:, 2:], 0.01, 0.002)] for of in values]
    rows = (Row("grad_cam"), Row("guided_backprop"))
    made = choice_of(
        "net", "photos", rows, ("soundness", "randomisation"), np.array([4, 7, 9]), found, {"lime": "slow"}
    )
    np.testing.assert_allclose(made.passes, [[1, 2 / 3], [1, 0]])
    np.testing.assert_allclose(made.quality, [(1 + 1 + 0.5) / 3, (0.5 + 0.5 + 1) / 3], rtol=1e-6)
    np.testing.assert_allclose(made.mean[0], [1, (2 * good + bad) / 3], rtol=1e-5)
    assert (made.low <= made.mean).all() and (made.mean <= made.high).all()
    assert [one.name for one in made.verdicts] == ["passes", "fails"] and made.front == (0,)
    np.testing.assert_allclose(made.seconds, [0.01, 0.01])
    np.testing.assert_allclose(made.forwards, [10, 10])
    assert made.orders == ("higher", "lower") and made.names() == ["grad_cam", "guided_backprop"]
    assert "Guided backpropagation is not to be believed: it barely changes" in " ".join(made.recommendation)
    assert fusion_of(made) is None
    layers = replace(made, rows=(Row("grad_cam", "a"), Row("grad_cam", "b")))
    assert layers.by_layer and layers.names() == ["a", "b"] and fusion_of(layers) is None
    both = replace(made, verdicts=made.verdicts[:1] * 2)
    assert fusion_of(both) == Row("fusion", None, {"methods": "grad_cam, guided_backprop"})


@pytest.fixture(scope="module")
def measured() -> tuple[Any, Any, Choice]:
    from nnvis_dash.analysis.classifier import load_classifier
    from nnvis_dash.demo.digits import load_digits

    data = load_digits()
    dataset = load_dataset(data.images[-200:], labels=data.labels[-200:], class_names=data.class_names)
    preprocessing = read_cards()["digits-small"]["preprocessing"]
    clf = load_classifier(WEIGHTS / "digits-small.keras", preprocessing, class_names=data.class_names)
    told: list[tuple[int, int]] = []
    methods = ("gradient", "lrp_epsilon", "lrp_alpha_1_beta_0", "pattern_net")
    found = trust(
        clf, dataset, methods, n_samples=10, measures=("sparseness",), on_progress=lambda *at: told.append(at)
    )
    assert told[-1][0] == told[-1][1] and told == sorted(told)
    return clf, dataset, found


def test_a_small_trained_network(measured: tuple[Any, Any, Choice]) -> None:
    _, dataset, found = measured
    assert found.measures == (*DECIDING, "sparseness") and len(found.samples) == 10
    assert sorted(np.unique(dataset.labels[found.samples])) == list(range(10))
    badges = {row.method: said.name for row, said in zip(found.rows, found.verdicts, strict=True)}
    assert badges["lrp_alpha_1_beta_0"] == "fails" and badges["lrp_epsilon"] != "fails"
    assert "pattern_net" in found.left_out and "pattern_net" not in badges
    assert any("not to be believed" in one and "LRP" in one for one in found.recommendation)
    assert found.recommendation[0].startswith("For digits-small on ")
    order = [found.rows[number].method for number in found.front]
    assert order and np.all(np.diff(found.quality[list(found.front)]) > 0)


def test_a_table_is_stored_and_said(measured: tuple[Any, Any, Choice], tmp_path: Path) -> None:
    _, _, found = measured
    artifact = Artifacts(tmp_path).save("table", choice_arrays(found), choice_card(found))
    again = load_choice(artifact)
    assert again.rows == found.rows and again.front == found.front and again.recommendation == found.recommendation
    np.testing.assert_array_equal(again.values, found.values)
    assert [one.name for one in again.verdicts] == [one.name for one in found.verdicts]
    shown = text(found)
    assert found.recommendation[0] in shown and MEASURES["randomisation"].title in shown
    assert "Left out: pattern_net" in shown
    lines = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert len(lines) == len(found.rows) and {line["badge"] for line in lines} <= {"passes", "doubtful", "fails"}
    np.testing.assert_allclose([float(line["quality"]) for line in lines], found.quality, rtol=1e-5)
    assert [number for number, line in enumerate(lines) if line["on the front"] == "yes"] == sorted(found.front)
    assert json.loads(json.dumps(plain(found), allow_nan=False))["samples"] == found.samples.tolist()


def test_the_command_says_what_the_workspace_knows(
    measured: tuple[Any, Any, Choice], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, dataset, found = measured
    workspace = Workspace(tmp_path / "workspace")
    data, _ = workspace.add_dataset(np.asarray(dataset.images), labels=dataset.labels, name="digits")
    clf = measured[0]
    model, _ = workspace.store_model(WEIGHTS / "digits-small.keras", clf.card)
    asked = {"model": model.fingerprint, "dataset": data.fingerprint, "methods": ["gradient"], "n_samples": 10}
    workspace.artifacts.save(Request("trust", asked).key, choice_arrays(found), choice_card(found))
    words = ["trust", "digits-small", "digits", "--methods", "gradient", "--samples", "10"]
    rest = ["--workspace", str(workspace.path)]
    assert main([*words, "--csv", str(tmp_path / "table.csv"), *rest]) == 0
    assert found.recommendation[0] in capsys.readouterr().out
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == as_csv(found).replace("\r\n", "\n")
    assert main([*words, "--json", *rest]) == 0
    assert json.loads(capsys.readouterr().out)["methods"] == [row.method for row in found.rows]
    assert main([*words, "--csv", str(tmp_path / "no" / "table.csv"), *rest]) == 1
    assert "in a folder that isn't there" in capsys.readouterr().err


def test_what_is_asked_is_checked(measured: tuple[Any, Any, Choice]) -> None:
    clf, dataset, _ = measured
    assert chosen_rows(clf.card, ["grad_cam"], ["conv1", "conv2"]) == (
        Row("grad_cam", "conv1"),
        Row("grad_cam", "conv2"),
    )
    every = {row.method for row in chosen_rows(clf.card, [], [])}
    assert {"gradient", "grad_cam", "lrp_preset_a"} <= every and not {"fusion", "rise", "pattern_net"} & every
    with pytest.raises(ParameterError, match="Layers are compared for one method"):
        chosen_rows(clf.card, ["gradient"], ["conv1"])
    with pytest.raises(NotFound, match="no layer 'conv9'"):
        chosen_rows(clf.card, ["grad_cam"], ["conv9"])
    with pytest.raises(NotFound, match="method 'magic'"):
        chosen_rows(clf.card, ["magic"], [])
    with pytest.raises(NotFound, match="no sample 900"):
        chosen_samples(dataset, 5, 0, [1, 900])
    with pytest.raises(ParameterError, match="0 images"):
        chosen_samples(dataset, 0, 0)
    with pytest.raises(ParameterError, match="explained by none"):
        trust(clf, dataset, ["pattern_net"], n_samples=2)
    assert candidate_layers(clf.card) == ("conv1", "conv2", "pool2")
    assert list(table_measures(False))[: len(DECIDING)] == list(DECIDING)
    assert "pointing_game" in table_measures(True) and "pointing_game" not in table_measures(False)


def test_masks_are_fitted_to_the_classifier(measured: tuple[Any, Any, Choice]) -> None:
    clf, dataset, _ = measured
    assert masks_of(dataset, [0], clf.card) is None
    masks = np.zeros((2, 4, 4), bool)
    masks[:, :2] = True
    marked = load_dataset(np.zeros((2, 4, 4, 1), np.uint8))
    marked._extras = {"masks": masks}.get
    found = masks_of(marked, [1], clf.card)
    height, width, _ = clf.card.input_shape
    assert found.shape == (1, height, width) and found[0, : height // 2].all() and not found[0, height // 2 :].any()
