"""The dataset's own spread of what a change changes: images of known brightness, contrast, colour and noise."""

from __future__ import annotations

import numpy as np
import pytest

from nnvis_dash.analysis.simulation.spread import spread
from nnvis_dash.analysis.transformations import transform


def flat(level: int, channels: int = 1) -> np.ndarray:
    return np.full((8, 8, channels), level, np.uint8)


def test_brightness_is_counted_from_the_median_image_in_levels() -> None:
    found = spread([flat(level) for level in (60, 80, 100, 120, 140)], "brightness")
    assert found is not None and found.n == 5
    assert found.quantiles == (-36, -20, 0, 20, 36)


@pytest.mark.parametrize("name", ["contrast", "saturation"])
def test_factors_are_found_again(name: str) -> None:
    image = np.random.default_rng(0).integers(90, 166, (32, 32, 3), dtype=np.uint8)
    factors = (0.5, 0.75, 1.0, 1.25, 1.5)
    found = spread([transform(image, name, factor) for factor in factors], name)
    assert found is not None
    np.testing.assert_allclose(found.quantiles, (0.55, 0.75, 1, 1.25, 1.45), atol=0.02)


@pytest.mark.parametrize("sigma", [5, 12])
def test_noise_is_found_again_on_images_that_are_flat(sigma: int) -> None:
    images = [transform(flat(128), "noise", float(sigma), seed=seed) for seed in range(30)]
    large = [transform(np.full((64, 64, 1), 128, np.uint8), "noise", float(sigma), seed=seed) for seed in range(8)]
    for given, tolerance in ((images, 0.25), (large, 0.05)):
        found = spread(given, "noise")
        assert found is not None and found.quantiles[2] == pytest.approx(sigma, rel=tolerance)


def test_what_has_no_measure_has_no_spread() -> None:
    assert spread([flat(100)] * 9, "rotation") is None
    assert spread([flat(100)] * 9, "saturation") is None, "grey images have no saturation"
    assert spread([flat(100)] * 4, "brightness") is None
