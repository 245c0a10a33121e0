"""CKA against its formulas written out, and what it must not see: rotation, scale, shift, the order of minibatches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from nnvis_dash.analysis.model_diff import similarity
from nnvis_dash.analysis.model_diff.similarity import MinibatchCKA, cka
from nnvis_dash.errors import ParameterError

RNG = np.random.default_rng(2)
X = RNG.normal(size=(40, 6))
Y = np.tanh(X @ RNG.normal(size=(6, 9))) + 0.3 * RNG.normal(size=(40, 9))
SPOT = np.arange(240).reshape(40, 6) == 21


def hsic(k, ell):
    """Unbiased HSIC as Song et al. 2012 write it."""
    n, ones = len(k), np.ones(len(k))
    k, ell = k - np.diag(np.diag(k)), ell - np.diag(np.diag(ell))
    middle = (ones @ k @ ones) * (ones @ ell @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ ell) + middle - 2 / (n - 2) * (ones @ k @ ell @ ones)) / (n * (n - 3))


def centred(k):
    """H K H, H taking away the mean."""
    h = np.eye(len(k)) - 1 / len(k)
    return h @ k @ h


def unbiased(x, y):
    k, ell = x @ x.T, y @ y.T
    return hsic(k, ell) / np.sqrt(hsic(k, k) * hsic(ell, ell))


def test_it_is_the_formula():
    k, ell = centred(X @ X.T), centred(Y @ Y.T)
    assert cka(X, Y) == pytest.approx(np.trace(k @ ell) / np.sqrt(np.trace(k @ k) * np.trace(ell @ ell)), rel=1e-12)
    assert cka(X, Y, unbiased=True) == pytest.approx(unbiased(X, Y), rel=1e-10)
    assert cka(Y, X) == pytest.approx(cka(X, Y), rel=1e-12)


def test_by_hand():
    x = np.array([[1.0], [-1.0], [0.0]])
    y = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    assert cka(x, y) == pytest.approx(0.25)  # of one unit each it is the squared correlation: (1 / 2)²


@pytest.mark.parametrize("flag", [False, True])
def test_both_ways_agree(flag):
    ways = [way([_c(X)], [_c(Y)], flag) for way in (similarity._by_grams, similarity._by_features)]
    for one, other in zip(*ways, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)


def _c(values):
    return values - values.mean(axis=0)


def test_with_itself_it_is_one():
    wide = np.random.default_rng(1).normal(size=(12, 300))
    for values in (X, wide, wide.astype(np.float32)):
        assert cka(values, values) == pytest.approx(1, abs=1e-12)
        assert cka(values, values, unbiased=True) == pytest.approx(1, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 100), st.booleans())
def test_it_does_not_see_rotation_scale_or_shift(seed, scale, flag):
    generator = np.random.default_rng(seed)
    turn = ortho_group.rvs(6, random_state=generator)
    changed = scale * X @ turn + generator.normal(size=6)
    assert cka(changed, Y, unbiased=flag) == pytest.approx(cka(X, Y, unbiased=flag), rel=1e-8)
    assert cka(X, changed) == pytest.approx(1, abs=1e-8)


def test_a_large_mean_costs_no_digits():
    shifted = (X + 1000).astype(np.float32)
    assert cka(shifted, Y) == pytest.approx(cka(X, Y), abs=1e-4)
    found = MinibatchCKA()
    found.add({"x": np.tile(shifted, 10)}, {"y": Y})
    assert found.result().values[0, 0] == pytest.approx(cka(X, Y, unbiased=True), abs=1e-4)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_neither_very_small_nor_very_large_outputs_matter(size):
    wide = np.tile(X, 10)
    assert cka((wide * size).astype(np.float32), np.tile(Y, 10)) == pytest.approx(cka(X, Y), rel=1e-5)


def test_outputs_that_cannot_be_squared():
    for huge in (X * 1e160, np.tile(X, 10) * 1e160):
        with pytest.raises(ParameterError, match="too large"):
            cka(huge, Y, unbiased=True)


def test_of_independent_layers_only_the_unbiased_one_is_small():
    generator = np.random.default_rng(8)
    pairs = [(generator.normal(size=(40, 200)), generator.normal(size=(40, 300))) for _ in range(20)]
    assert min(cka(x, y) for x, y in pairs) > 0.8
    found = MinibatchCKA()
    for x, y in pairs:
        found.add({"x": x}, {"y": y})
    assert abs(found.result().values[0, 0]) < 0.03
    assert min(cka(x, y, unbiased=True) for x, y in pairs) < 0


def test_minibatches_are_the_ratio_of_their_means():
    generator = np.random.default_rng(9)
    batches = [generator.normal(size=(10, 5)) for _ in range(4)]
    outputs = [np.maximum(batch @ generator.normal(size=(5, 7)), 0) for batch in batches]
    found = MinibatchCKA()
    for x, y in zip(batches, outputs, strict=True):
        found.add({"x": x}, {"y": y})
    grams = [(x @ x.T, y @ y.T) for x, y in zip(batches, outputs, strict=True)]
    cross, own, other = np.mean([(hsic(k, ell), hsic(k, k), hsic(ell, ell)) for k, ell in grams], axis=0)
    result = found.result()
    assert result.values[0, 0] == pytest.approx(cross / np.sqrt(own * other), rel=1e-10)
    assert (result.n, result.batches) == (40, 4)


def test_minibatches_of_unequal_size_count_by_their_samples():
    found = MinibatchCKA()
    for part in (slice(0, 30), slice(30, 40)):
        found.add({"x": X[part]}, {"y": Y[part]})
    grams = [(X[part] @ X[part].T, Y[part] @ Y[part].T) for part in (slice(0, 30), slice(30, 40))]
    values = np.array([(hsic(k, ell), hsic(k, k), hsic(ell, ell)) for k, ell in grams])
    cross, own, other = np.average(values, axis=0, weights=[30, 10])
    assert found.result().values[0, 0] == pytest.approx(cross / np.sqrt(own * other), rel=1e-10)


def test_minibatches_come_near_all_samples_at_once():
    generator = np.random.default_rng(10)
    x = generator.normal(size=(2000, 8))
    y = np.maximum(x @ generator.normal(size=(8, 30)), 0)
    found = MinibatchCKA()
    for start in range(0, 2000, 50):
        found.add({"x": x[start : start + 50]}, {"y": y[start : start + 50]})
    assert found.result().values[0, 0] == pytest.approx(cka(x, y, unbiased=True), abs=0.02)


@pytest.mark.parametrize("n", [8, 300])  # by Gram matrices, and by units
def test_all_pairs_of_layers(n):
    generator = np.random.default_rng(n)
    x = generator.normal(size=(n, 4, 3)).astype(np.float32)
    first = {"one": x, "two": np.maximum(x, 0), "dead": np.full((n, 5), 0.1, np.float32)}
    second = {"a": x.reshape(n, -1) ** 2, "b": x[:, ::-1] * 3}
    found = MinibatchCKA()
    found.add(first, second)
    result = found.result()
    assert (result.rows, result.columns) == (("one", "two", "dead"), ("a", "b"))
    for row, one in enumerate(("one", "two")):
        for column, other in enumerate(("a", "b")):
            wanted = unbiased(first[one].reshape(n, -1).astype(float), second[other].reshape(n, -1).astype(float))
            assert result.values[row, column] == pytest.approx(wanted, abs=1e-5)
    assert result.values[0, 1] == pytest.approx(1, abs=1e-5)
    assert result.values[2].tolist() == [0, 0]


@pytest.mark.parametrize("n", [8, 300])
def test_a_model_with_itself(n):
    x = np.random.default_rng(n).normal(size=(n, 12))
    layers = {"one": x, "two": np.maximum(x, 0)}
    shared, apart = MinibatchCKA(), MinibatchCKA()
    shared.add(layers, layers)
    apart.add(layers, dict(layers))
    values = shared.result().values
    np.testing.assert_allclose(values, apart.result().values, rtol=1e-9)
    np.testing.assert_allclose(values, values.T, rtol=1e-12)
    np.testing.assert_allclose(np.diag(values), 1, rtol=1e-12)


def test_layers_may_come_in_another_order():
    one, other = MinibatchCKA(), MinibatchCKA()
    for found, order in ((one, 1), (other, -1)):
        found.add({"x": X, "z": Y}, {"y": Y})
        found.add(dict([("x", Y), ("z", X)][::order]), {"y": Y})
    np.testing.assert_array_equal(one.result().values, other.result().values)
    assert other.result().rows == ("x", "z")


@pytest.mark.parametrize(
    "first, second, message",
    [
        ({}, {"y": Y}, "no layers"),
        ({"x": X[:3]}, {"y": Y[:3]}, "3 samples"),
        ({"x": X[:9]}, {"y": Y}, "9 and of 40"),
        ({"x": X[:, 0]}, {"y": Y}, r"x have the shape \(40,\)"),
        ({"x": X[:0]}, {"y": Y}, r"\(0, 6\)"),
        ({"x": np.where(SPOT, np.nan, X)}, {"y": Y}, "x are NaN"),
        ({"x": np.where(SPOT, np.inf, X)}, {"y": Y}, "x are NaN"),
    ],
)
def test_what_cannot_be_compared(first, second, message):
    with pytest.raises(ParameterError, match=message):
        MinibatchCKA().add(first, second)


def test_the_layers_stay_the_same_and_there_are_some():
    found = MinibatchCKA()
    with pytest.raises(ParameterError, match="No minibatch"):
        found.result()
    found.add({"x": X}, {"y": Y})
    with pytest.raises(ParameterError, match="differ"):
        found.add({"z": X}, {"y": Y})
    assert found.result().batches == 1


def test_degenerate_arrays():
    for n in range(4, 30):  # the mean of equal numbers is often another one
        assert cka(np.full((n, 2), 0.1), X[:n]) == cka(X[:n], np.full((n, 9), 0.3), unbiased=True) == 0
    assert cka(X[:1], Y[:1]) == 0
    with pytest.raises(ParameterError, match="3 samples"):
        cka(X[:3], Y[:3], unbiased=True)


@pytest.mark.parametrize("units", [2, 400])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_sample_that_differs_says_nothing_of_the_others(units, dtype):
    alone = np.full((40, units), 0.3, dtype)
    alone[7] += np.random.default_rng(units).normal(size=units)
    assert cka(alone, alone) == pytest.approx(1)
    assert cka(alone, alone, unbiased=True) == cka(alone, Y, unbiased=True) == 0
    found = MinibatchCKA()
    found.add({"alone": alone}, {"alone": alone, "y": Y})
    assert found.result().values.tolist() == [[0, 0]]


def test_too_many_samples_at_once(monkeypatch):
    monkeypatch.setattr(similarity, "MOST", 199)
    assert cka(X, Y) < 1  # by units: 9²
    wide = np.tile(X[:10], 20)
    for compare in (lambda: cka(wide, wide[::-1]), lambda: MinibatchCKA().add({"x": wide}, {"y": wide})):
        with pytest.raises(ParameterError, match=r"10 samples hold 200 numbers.*in parts"):
            compare()
