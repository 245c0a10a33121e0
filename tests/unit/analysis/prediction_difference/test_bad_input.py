"""What doesn't fit is refused with its value and with what does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.prediction_difference import prediction_difference
from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
from nnvis_dash.errors import ModelError, NNVisError, ParameterError
from nnvis_dash.types import Unit
from tests.unit.analysis.prediction_difference.scenes import small, smooth

LEARNED = PatchModel.fit(smooth(40), 6)
GIVEN: dict[str, Any] = {"window": 3, "outer": 6, "samples": 4, "stride": 4, "patches": smooth(40)}


@dataclass(frozen=True)
class Bad:
    """What is given otherwise, and the words that must come back."""

    name: str
    says: str
    given: dict[str, Any] = field(default_factory=dict)
    image: Callable[[], Any] = lambda: smooth(1, seed=3)[0]


ROWS = (
    Bad("window as large as the image", r"window is 9.*9 × 10 pixels.*from 1 to 8", {"window": 9}),
    Bad("window larger than the image", r"window is 40.*from 1 to 8", {"window": 40, "outer": 50}),
    Bad("window of nothing", r"window is 0.*from 1 to 8", {"window": 0}),
    Bad("window of less than nothing", r"window is -2", {"window": -2}),
    Bad("window with a fraction", r"window is 2\.5.*whole number", {"window": 2.5}),
    Bad("window that is true", r"window is True", {"window": True}),
    Bad("window of a word", r"window is 'x'", {"window": "x"}),
    Bad("outer as large as the window", r"outer window has 3 pixels, the window 3.*from 4 to 9", {"outer": 3}),
    Bad("outer smaller than the window", r"outer window has 2 pixels", {"outer": 2}),
    Bad("outer larger than the image", r"outer window has 10 pixels.*9 × 10.*from 4 to 9", {"outer": 10}),
    Bad(
        "no room around the window",
        r"outer window has 14.*from 9 to 9 pixels, or a smaller",
        {"window": 8, "outer": 14},
    ),
    Bad("stride of nothing", r"stride is 0.*from 1 to 9", {"stride": 0}),
    Bad("stride beyond the image", r"stride is 10.*from 1 to 9", {"stride": 10}),
    Bad("no samples", r"samples is 0.*from 1", {"samples": 0}),
    Bad("samples without end", r"samples is 1000000", {"samples": 1_000_000}),
    Bad("laplace of nothing", r"laplace is 0.*from 1", {"laplace": 0}),
    Bad("laplace with a fraction", r"laplace is 0\.5", {"laplace": 0.5}),
    Bad(
        "unknown sampler", r"no sampler 'normal'.*conditional, conditional per channel, marginal", {"sampler": "normal"}
    ),
    Bad("unknown output", r"no output 'odds'.*logits or probabilities", {"output": "odds"}),
    Bad("unknown reduction", r"'median'.*mean or max", {"layer": "conv", "reduce": "median"}),
    Bad("no class", r"no class 3 in the classifier with 3 classes.*0 to 2", {"target": 3}),
    Bad("a class below 0", r"no class -1", {"target": -1}),
    Bad("a class among others", r"no class 7.*0 to 2", {"target": [0, 7]}),
    Bad("a class that is true", r"no class True", {"target": True}),
    Bad("a class of a word", r"no class 'x'", {"target": ["x"]}),
    Bad("no layer", r"layer.*'conv9'", {"layer": "conv9"}),
    Bad("no unit", r"no unit 4 in the layer 'conv'.*0 to 3", {"layer": "conv", "unit": 4}),
    Bad("no unit of a unit", r"no unit 9 in the layer 'conv'", {"unit": Unit("conv", 9)}),
    Bad("a unit of no layer", r"unit 2 is of no layer.*Give its layer", {"unit": 2}),
    Bad("no images", r"no images to sample from.*patches=", {"patches": None}),
    Bad("few images, conditional", r"There are 9 images to learn.*Give 11 images or more", {"patches": smooth(9)}),
    Bad("one image", r"There are 1 images", {"patches": smooth(1)}),
    Bad(
        "few images, marginal",
        r"There are 3 images to draw 4 samples from.*Give 4",
        {"patches": smooth(3), "sampler": "marginal"},
    ),
    Bad(
        "one image, marginal",
        r"There are 1 images.*Give 2",
        {"patches": smooth(1), "samples": 1, "sampler": "marginal"},
    ),
    Bad(
        "a patch model of another size",
        r"patch model is of 5 × 5 pixels.*Fit it anew",
        {"patches": PatchModel.fit(smooth(40), 5)},
    ),
    Bad(
        "a patch model per channel",
        r"patch model is of 6 × 6 pixels, one channel at a time",
        {"patches": PatchModel.fit(smooth(40), 6, True)},
    ),
    Bad(
        "a patch model over channels",
        r"over 3 channels.*Fit it anew",
        {"patches": LEARNED, "sampler": "conditional per channel"},
    ),
    Bad("a grey patch model", r"over 1 channels", {"patches": PatchModel.fit(smooth(40, (10, 9, 1)), 6)}),
    Bad(
        "a patch model and marginal",
        r"marginal sampler draws from images.*Give a dataset",
        {"patches": LEARNED, "sampler": "marginal"},
    ),
    Bad("several images", r"shape \(2, 10, 9, 3\).*Give one image", image=lambda: smooth(2)),
    Bad("a row", r"shape \(9,\).*Give one image", image=lambda: np.zeros(9, np.uint8)),
    Bad("channels that aren't there", r"5 channels", image=lambda: np.zeros((10, 9, 5), np.uint8)),
    Bad("an image of NaN", r"finite|NaN", image=lambda: np.full((10, 9, 3), np.nan, np.float32)),
    Bad("an outer window of a word", r"outer.*'x'", {"outer": "x"}),
    Bad("an outer window with a fraction", r"outer.*7\.5", {"outer": 7.5}),
    Bad("a seed below 0", r"seed.*-1", {"seed": -1}),
    Bad("a seed of a word", r"seed.*'x'", {"seed": "x"}),
    Bad("a seed with a fraction", r"seed.*1\.5", {"seed": 1.5}),
    Bad("a class with a fraction", r"class.*1\.5", {"target": 1.5}),
    Bad("less than no time", r"seconds.*-1", {"seconds": -1.0}),
    Bad("no time that can be told", r"seconds.*nan", {"seconds": float("nan")}),
    Bad("a precision below 0", r"precision.*-1", {"precision": -1.0}),
    Bad("a precision that is none", r"precision.*nan", {"precision": float("nan")}),
)


@pytest.fixture(scope="module")
def clf():
    return small()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_does_not_fit_is_named_with_what_does(clf, row):
    with pytest.raises(ParameterError, match=row.says) as raised:
        prediction_difference(clf, row.image(), **{**GIVEN, **row.given})
    assert isinstance(raised.value, NNVisError)
    assert raised.value.what
    assert raised.value.mend
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(("name", "value"), [("head", np.nan), ("head", np.inf), ("conv", np.inf)])
def test_a_classifier_of_nan_is_named(name, value):
    clf = small()
    layer = clf.model.get_layer(name)
    kernel, bias = layer.get_weights()
    kernel.flat[0] = value
    layer.set_weights([kernel, bias])
    with pytest.raises(ModelError, match=rf"NaN or infinity.*{name!r}.*[Cc]heck"):
        prediction_difference(clf, smooth(1, seed=3)[0], **GIVEN)


def test_nan_that_only_a_sample_brings_is_named_with_its_window():
    """The logarithm of a difference that is positive in the image and not in every sample."""
    import keras
    from keras import layers

    from nnvis_dash.analysis.classifier import Classifier

    picture = smooth(1, seed=3)[0]
    inputs = keras.Input(picture.shape)
    x = layers.Flatten()(keras.ops.log(inputs - (float(picture.min()) - 0.5)))
    clf = Classifier.from_keras(keras.Model(inputs, layers.Dense(3, "softmax")(x)), preprocessing="raw")
    dark = np.maximum(smooth(40), 60) - 20
    with pytest.raises(ModelError, match=r"NaN or infinity without the window at row \d+, column \d+.*Check"):
        prediction_difference(clf, picture, **{**GIVEN, "patches": dark.astype(np.uint8), "sampler": "marginal"})
