"""Verdicts worked by hand, the thresholds that are kept, and planted truth on a trained network."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.quality import MEASURES, Case
from nnvis_dash.analysis.quality.calibration import Known, calibrated, record
from nnvis_dash.analysis.quality.thresholds import DECIDING, FILE, SOUND, UNKNOWN, Threshold, calibration, thresholds
from nnvis_dash.analysis.quality.verdict import WORDS, deciding, measured, verdict, verdicts
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT
from nnvis_dash.demo.shapes import draw_shapes
from tests import networks
from tests.unit.analysis.quality.cases import ask, edges, noise, planted

LIMITS = {
    "soundness": SOUND,
    "faithfulness_correlation": Threshold("faithfulness_correlation", True, 0.2, 0.4, (0, 0), (0, 0), 1, 1),
    "randomisation": Threshold("randomisation", False, 0.8, 0.5, (0, 0), (0, 0), 1, 1),
}
NAN = np.nan


def test_a_heatmap_is_as_good_as_the_worst_that_is_said_of_it() -> None:
    values = {
        "soundness": np.array([1, 1, 1, 1, 0, 1], np.float32),
        "faithfulness_correlation": np.array([0.5, 0.3, 0.1, NAN, NAN, 0.1], np.float32),
        "randomisation": np.array([0.4, 0.5, 0.1, 0.7, NAN, 0.9], np.float32),
        "deletion": np.zeros(6, np.float32),  # decides nothing
    }
    found = verdicts(values, 6, LIMITS)
    assert [one.name for one in found] == ["passes", "doubtful", "fails", "doubtful", "fails", "fails"]
    assert [[reason.measure for reason in one.reasons] for one in found] == [
        ["soundness", "faithfulness_correlation", "randomisation"],
        ["faithfulness_correlation", "soundness", "randomisation"],
        ["faithfulness_correlation", "soundness", "randomisation"],
        ["randomisation", "soundness"],
        ["soundness"],
        ["faithfulness_correlation", "randomisation", "soundness"],
    ]
    assert found[3].plain()[0] == {"measure": "randomisation", "badge": 1, "words": WORDS["randomisation"].doubtful}
    assert str(found[5]).startswith("fails: points at what the answer needs no better") and "it shows edges" in str(
        found[5]
    )
    nothing = verdicts({"randomisation": np.array([NAN], np.float32)}, 1, LIMITS)[0]
    assert nothing.name == "doubtful" and "can't be judged" in nothing.reasons[0].words


def test_badges_on_the_thresholds_themselves() -> None:
    assert LIMITS["randomisation"].badges(np.array([0.5, 0.51, 0.8, 0.81, NAN])).tolist() == [2, 1, 1, 0, UNKNOWN]
    assert LIMITS["faithfulness_correlation"].badges(np.array([0.4, 0.39, 0.2, 0.19])).tolist() == [2, 1, 1, 0]


def test_the_kept_thresholds_are_those_that_the_code_asks_for() -> None:
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert list(DECIDING) == ["soundness", *kept["measures"]] == list(thresholds()) == list(WORDS)
    for name, entry in kept["measures"].items():
        assert entry["parameters"] == json.loads(json.dumps(dict(DECIDING[name])))
        assert entry["higher"] == ("higher is better" in MEASURES[name].traits)
        MEASURES[name].read(DECIDING[name])
        limit = thresholds()[name]
        assert record(limit) == {key: entry[key] for key in record(limit)}
        assert limit.passes == limit.fails or (limit.passes > limit.fails) == limit.higher
        for value, (low, high) in ((limit.fails, limit.fails_interval), (limit.passes, limit.passes_interval)):
            assert low <= value <= high
        assert limit.n_good >= 100 and limit.n_bad >= 100
    assert calibration()["edition"] >= 1 and calibration()["date"] and calibration()["networks"]


def test_a_threshold_worked_by_hand() -> None:
    """100 maps of each kind, one an image: 5 of the bad reach 0.95, and all but 5 of the good 0.5."""
    images = np.arange(100)
    bad = Known(np.linspace(0.01, 1.0, 100), images)
    good = Known(np.linspace(0.45, 1.44, 100), images)
    limit = calibrated("sparseness", True, good, bad)
    assert limit.passes == pytest.approx(0.96) and limit.fails == pytest.approx(0.49)
    assert limit.fails_interval[0] < limit.fails < limit.fails_interval[1]
    assert (np.count_nonzero(bad.values >= limit.passes), np.count_nonzero(good.values < limit.fails)) == (5, 4)
    turned = calibrated("deletion", False, Known(-good.values, images), Known(-bad.values, images))
    assert (turned.passes, turned.fails) == (-limit.passes, -limit.fails)
    assert turned.passes_interval == tuple(-one for one in reversed(limit.passes_interval))
    apart = calibrated("sparseness", True, Known(good.values + 2, images), bad)
    assert apart.fails < apart.passes, "what lies between both kinds is doubtful"
    with pytest.raises(ValueError, match="says nothing"):
        calibrated("sparseness", True, good, Known(np.full(100, np.nan), images))


@pytest.fixture(scope="module")
def shapes() -> tuple[Any, Any, Any]:
    """A trained network of the demo, images that it wasn't trained on, and where their objects are."""
    from nnvis_dash.analysis.classifier import load_classifier

    data = draw_shapes(n_per_class=200)
    card = read_cards()["shapes-small"]
    clf = load_classifier(WEIGHTS / "shapes-small.keras", card["preprocessing"], class_names=data.class_names)
    ids = data.ids(HELD_OUT)
    ids = ids[data.extras["flaw"][ids] == 0][:8]
    return clf, data.images[ids], data.extras["masks"][ids]


def test_random_numbers_and_edges_fail_and_the_mask_passes(shapes: tuple[Any, Any, Any]) -> None:
    clf, images, masks = shapes
    for plant, why in ((noise, "changes wildly"), (edges, "it shows edges, not the model")):
        case = planted(clf, images, plant)
        found = verdicts(measured(case, deciding(case)).values, len(images))
        assert [one.name for one in found] == ["fails"] * len(images)
        assert sum(why in str(one) for one in found) >= len(images) - 1
    targets = clf.predict(images).argmax(axis=1)
    oracle = verdict(clf, images, masks.astype(np.float32), targets)
    assert [one.name for one in oracle].count("passes") >= len(images) - 2
    assert {reason.measure for reason in oracle[0].reasons} == {"soundness", "faithfulness_correlation"}
    flat = verdict(clf, images[:1], np.ones((1, 32, 32)), targets[:1])[0]
    assert flat.name == "fails" and "says nothing" in flat.reasons[0].words


def test_signs_that_turn_and_several_other_classes() -> None:
    """A method whose map turns around for other weights, and for classes 2, 3 and 4 of five."""
    from nnvis_dash.analysis.attribution import Attribution
    from nnvis_dash.analysis.classifier import Classifier

    clf = Classifier.from_keras(networks.sequential())
    images = networks.images(2, (12, 10, 3))
    drawn = np.random.default_rng(0).standard_normal((2, 12, 10)).astype(np.float32)

    def explain(classifier: Any, images: Any, targets: Any) -> Attribution:
        sign = np.where(np.asarray(targets) < 2, 1, -1) * (1 if classifier is clf else -1)
        values = drawn * sign[:, None, None].astype(np.float32)
        return Attribution(values, "gradient", targets, None, "logits", np.ones(2, np.float32), (12, 10))

    targets = np.array([0, 2], np.int32)
    found = explain(clf, images, targets)
    case = Case(clf, images, found.heatmap(), targets, found, explain)
    np.testing.assert_allclose(ask("randomisation", case, absolute=False), -1, rtol=1e-5)
    np.testing.assert_allclose(ask("randomisation", case, absolute=False, turned=True), 1, rtol=1e-5)
    np.testing.assert_allclose(ask("random_logit", case, classes=4), [(1 - 3) / 4, (2 - 2) / 4], atol=1e-5)
    np.testing.assert_allclose(ask("random_logit", case, classes=99), [-0.5, 0], atol=1e-5)
