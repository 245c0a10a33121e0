"""The fitted temperature, where the right one is known."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.model_diff.calibration import calibration
from nnvis_dash.analysis.model_diff.temperature import COLDEST, HOTTEST, fit_temperature, scaled
from nnvis_dash.errors import ParameterError


def drawn(temperature: float, n: int = 20_000, seed: int = 1):
    """Return probabilities whose logits were multiplied by a temperature, and labels drawn without that."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(n, 4))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (generator.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    powers = np.exp(logits * temperature)
    return powers / powers.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_it_is_found_again(temperature, dtype):
    rows, labels = drawn(temperature)
    found = fit_temperature(rows.astype(dtype), labels)
    assert found.temperature == pytest.approx(temperature, rel=0.04)
    assert not found.at_bound
    assert found.ece < 0.02
    assert found.nll <= found.nll_before
    before, after = calibration(rows, labels), calibration(scaled(rows, found.temperature), labels)
    assert found.ece_before == pytest.approx(before.ece, abs=1e-3)
    assert found.nll_before == pytest.approx(before.nll, rel=1e-5)
    assert found.ece == pytest.approx(after.ece, abs=1e-3)
    assert found.nll == pytest.approx(after.nll, rel=1e-5)


def test_no_other_temperature_is_better():
    rows, labels = drawn(1.7, 500, seed=4)
    found = fit_temperature(rows, labels)
    for other in np.geomspace(COLDEST, HOTTEST, 60):
        assert calibration(scaled(rows, float(other)), labels).nll >= found.nll - 1e-7


def test_there_is_none_where_all_are_right_or_all_are_wrong():
    rows = np.array([[0.8, 0.2], [0.3, 0.7]])
    right, wrong = fit_temperature(rows, [0, 1]), fit_temperature(rows, [1, 0])
    assert (right.temperature, right.at_bound) == (pytest.approx(COLDEST), True)
    assert (wrong.temperature, wrong.at_bound) == (pytest.approx(HOTTEST), True)


def test_one_class_or_classes_that_are_always_alike():
    for rows, nll in ((np.ones((3, 1)), 0.0), (np.full((3, 2), 0.5), np.log(2))):
        found = fit_temperature(rows, [0, 0, 0])
        assert (found.temperature, found.at_bound) == (1, False)
        assert found.nll == found.nll_before == pytest.approx(nll)


def test_certain_answers_stay_finite():
    found = fit_temperature(np.eye(3, dtype=np.float32)[[0, 1, 2, 0]], [0, 1, 2, 1])
    assert np.isfinite([found.temperature, found.nll, found.nll_before, found.ece]).all()
    assert found.temperature > 1


def test_scaling():
    rows = np.array([[0.9, 0.1], [0.5, 0.5]])
    np.testing.assert_allclose(scaled(rows, 1), rows)
    np.testing.assert_allclose(scaled(rows, 2), [[0.75, 0.25], [0.5, 0.5]])  # 3 : 1
    np.testing.assert_allclose(scaled(rows * 0.5, 1), rows)  # rows are divided by their sum
    for wrong in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="above 0"):
            scaled(rows, wrong)
    with pytest.raises(ParameterError, match="shape"):
        scaled(0.5, 1.0)
