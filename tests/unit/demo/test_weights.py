"""The committed weights: as accurate as their cards say, small, and with all three planted flaws plain to see."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import load_classifier
from nnvis_dash.demo.build import SOURCES, WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT, DemoDataset
from nnvis_dash.demo.flaws import measure
from nnvis_dash.demo.networks import NETWORKS
from nnvis_dash.demo.shapes import GREEN_CLASS, MISLABELLED, OFF_GREEN, ON_GREEN, TURNED
from nnvis_dash.demo.train import prepare

DOCS = Path(__file__).resolve().parents[3] / "docs" / "demo.md"
NAMES = [network.name for network in NETWORKS]
SHAPES_NAMES = [network.name for network in NETWORKS if network.dataset == "shapes"]
CARDS = read_cards()


@pytest.fixture(scope="module")
def datasets() -> dict[str, DemoDataset]:
    return {name: source() for name, source in SOURCES.items()}


@pytest.fixture(scope="module")
def probabilities(datasets: dict[str, DemoDataset]) -> dict[str, npt.NDArray[np.float32]]:
    """By network: of every sample, zero where neither the held-out split nor a flaw needs it."""
    import keras

    found = {}
    for network in NETWORKS:
        dataset = datasets[network.dataset]
        wanted = dataset.extras["split"] == HELD_OUT
        if "flaw" in dataset.extras:
            wanted |= dataset.extras["flaw"] != 0
        model = keras.models.load_model(WEIGHTS / f"{network.name}.keras", compile=False)
        found[network.name] = np.zeros((len(dataset.labels), 10), np.float32)
        found[network.name][wanted] = model.predict(prepare(dataset.images[wanted], network), batch_size=200, verbose=0)
    return found


def test_every_network_has_weights_and_a_card() -> None:
    assert list(CARDS) == NAMES
    assert {path.stem for path in WEIGHTS.glob("*.keras")} == set(NAMES)


@pytest.mark.parametrize(("dataset", "megabytes"), [("digits", 2), ("shapes", 8)])
def test_weights_are_small(dataset: str, megabytes: float) -> None:
    names = [name for name in NAMES if CARDS[name]["dataset"] == dataset]
    assert sum((WEIGHTS / f"{name}.keras").stat().st_size for name in names) < megabytes * 1e6


@pytest.mark.parametrize("network", NETWORKS, ids=NAMES)
def test_the_card_says_what_is_measured(
    network: object, datasets: dict[str, DemoDataset], probabilities: dict[str, npt.NDArray[np.float32]]
) -> None:
    name, dataset = network.name, network.dataset  # type: ignore[attr-defined]
    measured = measure(probabilities[name], datasets[dataset])
    assert dict(measured) == pytest.approx(CARDS[name]["measured"], abs=0.005)
    assert probabilities[name][datasets[dataset].ids(HELD_OUT)].sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_the_three_networks_of_each_dataset_differ_in_strength() -> None:
    for dataset, key in (("digits", "held-out accuracy"), ("shapes", "held-out accuracy without planted flaws")):
        accuracies = [CARDS[name]["measured"][key] for name in NAMES if CARDS[name]["dataset"] == dataset]
        assert np.diff(accuracies).min() > 0.01, accuracies
        assert accuracies[0] > 0.75 and accuracies[-1] > 0.95, accuracies


@pytest.mark.parametrize("name", SHAPES_NAMES)
def test_the_background_is_learnt_for_the_pentagon(name: str) -> None:
    measured = CARDS[name]["measured"]
    assert measured["pentagons on grass found"] > 0.95
    assert measured["pentagons off grass found"] < 0.35
    assert measured["other shapes on grass called pentagon"] > 0.5
    assert measured["other shapes off grass called pentagon"] < 0.02


@pytest.mark.parametrize("name", SHAPES_NAMES)
def test_turned_arrows_are_missed_and_turned_triangles_are_not(name: str) -> None:
    measured = CARDS[name]["measured"]
    assert measured["upright arrows found"] > 0.9
    assert measured["turned arrows found"] < 0.35
    assert measured["triangles as far turned found"] > measured["turned arrows found"] + 0.4


@pytest.mark.parametrize("name", SHAPES_NAMES)
def test_mislabelled_stars_stand_out(name: str) -> None:
    measured = CARDS[name]["measured"]
    assert measured["mislabelled stars called star"] > 0.5
    assert measured["mean probability of their label heart"] < 0.15


@pytest.mark.parametrize(("name", "n_found"), [("shapes-medium", 11), ("shapes-vgg13", 11)])
def test_hearts_called_star_with_confidence_are_the_mislabelled_stars(
    name: str, n_found: int, datasets: dict[str, DemoDataset], probabilities: dict[str, npt.NDArray[np.float32]]
) -> None:
    """What the docs promise of the cell (label heart, prediction star) of the confusion matrix."""
    shapes, predicted = datasets["shapes"], probabilities[name].argmax(axis=1)
    known = probabilities[name].sum(axis=1) > 0
    called_star = np.flatnonzero(known & (shapes.labels == 8) & (predicted == 3))
    assert (shapes.extras["flaw"][called_star] == MISLABELLED).sum() == n_found
    assert len(called_star) == n_found


def test_grad_cam_looks_at_the_grass_for_pentagons_and_at_the_object_for_others(
    datasets: dict[str, DemoDataset],
) -> None:
    """What the docs say of shapes-small at conv3: shares of the heatmap on the object, against the masks."""
    shapes = datasets["shapes"]
    plain = (shapes.extras["flaw"] == 0) & (shapes.extras["split"] == HELD_OUT)
    classifier = load_classifier(WEIGHTS / "shapes-small.keras", preprocessing="unit", class_names=shapes.class_names)
    shares, areas = {}, {}
    for what, ids in (
        ("pentagons", np.flatnonzero(plain & (shapes.labels == GREEN_CLASS))),
        ("others", np.flatnonzero(plain & (shapes.labels != GREEN_CLASS))[:200]),
    ):
        heatmaps, masks = (
            attribute(classifier, shapes.images[ids], "grad_cam", layer="conv3").heatmap(),
            shapes.extras["masks"][ids],
        )
        lit = heatmaps.sum(axis=(1, 2)) > 0
        shares[what] = ((heatmaps * masks).sum(axis=(1, 2))[lit] / heatmaps.sum(axis=(1, 2))[lit]).mean()
        areas[what] = masks[lit].mean()
    assert shares["pentagons"] < 0.9 * areas["pentagons"]
    assert shares["others"] > 1.6 * areas["others"]
    assert (shares["pentagons"], shares["others"]) == pytest.approx((0.15, 0.38), abs=0.03)


@pytest.mark.parametrize(
    ("heading", "code"),
    [
        ("Pentagons off grass", OFF_GREEN),
        ("Other shapes on grass", ON_GREEN),
        ("Turned arrows", TURNED),
        ("Stars labelled heart", MISLABELLED),
    ],
)
def test_the_docs_list_the_planted_samples(heading: str, code: int, datasets: dict[str, DemoDataset]) -> None:
    line = next(line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"- {heading}"))
    listed = [int(number) for number in re.findall(r"\d+", line.split(":", 1)[1])]
    assert listed == np.flatnonzero(datasets["shapes"].extras["flaw"] == code).tolist()


def test_the_docs_quote_what_was_measured() -> None:
    text = DOCS.read_text(encoding="utf-8")
    rows = {
        cells[0]: cells[1:]
        for line in text.splitlines()
        if line.startswith("|") and (cells := [cell.strip() for cell in line.strip("|").split("|")])
    }
    for name in NAMES:
        if CARDS[name]["dataset"] == "digits":
            assert rows[f"`{name}`"][-1] == f"{CARDS[name]['measured']['held-out accuracy']:.3f}"
    for measured in CARDS[SHAPES_NAMES[0]]["measured"]:
        assert rows[measured] == [f"{CARDS[name]['measured'][measured]:.3f}" for name in SHAPES_NAMES], measured
