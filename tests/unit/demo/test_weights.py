"""The committed weights: as accurate as their cards say, small, and with all three planted flaws plain to see."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nnvis_dash.demo.build import SOURCES, WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT, DemoDataset
from nnvis_dash.demo.flaws import measure
from nnvis_dash.demo.networks import NETWORKS
from nnvis_dash.demo.shapes import MISLABELLED, OFF_GREEN, ON_GREEN, TURNED
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
    keras = pytest.importorskip("keras")
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
        assert accuracies[0] > 0.75 and accuracies[-1] > 0.96, accuracies


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


def test_mislabelled_stars_are_the_most_confident_mistakes_among_hearts(
    datasets: dict[str, DemoDataset], probabilities: dict[str, npt.NDArray[np.float32]]
) -> None:
    """What the docs promise: of all hearts that the strongest network calls star, the likeliest are the mislabelled."""
    shapes = datasets["shapes"]
    of_star = probabilities["shapes-vgg13"][:, 3].copy()
    of_star[shapes.labels != 8] = -1
    first = np.argsort(-of_star)[:9]
    assert (shapes.extras["flaw"][first] == MISLABELLED).all()


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
