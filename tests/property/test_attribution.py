"""Laws of the attribution methods that hold for any network and any image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.classifier import Classifier
from tests import networks

SHAPE = (8, 8, 3)
CHEAP: dict[str, dict[str, Any]] = {
    "smoothgrad": {"samples": 3},
    "vargrad": {"samples": 3},
    "integrated_gradients": {"steps": 3},
}
METHODS = (
    *("gradient", "input_times_gradient", "smoothgrad", "vargrad", "integrated_gradients", "guided_backprop"),
    *("deconvnet", "grad_cam", "grad_cam_pp", "score_cam", "layer_cam", "guided_grad_cam"),
)
few = settings(max_examples=6, deadline=None)  # each network is traced
some = settings(max_examples=16, deadline=None)


@dataclass(frozen=True)
class Plan:
    """Of a random network."""

    activation: str
    normalised: bool = False
    residual: bool = False
    bias: bool = False
    seed: int = 0


@cache
def _classifier(plan: Plan) -> Classifier:
    import keras
    from keras import layers

    def unit(x: Any) -> Any:
        x = layers.Conv2D(4, 3, padding="same", use_bias=plan.bias)(x)
        x = layers.BatchNormalization(center=plan.bias)(x) if plan.normalised else x
        return layers.Activation(plan.activation)(x)

    inputs = keras.Input(SHAPE)
    first = unit(inputs)
    x = unit(first)
    x = layers.Add()([first, x]) if plan.residual else x
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D()(x))
    model = keras.Model(inputs, layers.Dense(3, "softmax", use_bias=plan.bias)(x))
    rng = np.random.default_rng(plan.seed)
    for weight in model.weights:
        fan = int(np.prod(weight.shape[:-1])) or 1
        values = rng.normal(0.0, 1.5 / np.sqrt(fan), weight.shape)
        if "variance" in weight.path:
            values = rng.uniform(0.5, 2.0, weight.shape)
        elif "mean" in weight.path and not plan.bias:
            values = np.zeros(weight.shape)
        weight.assign(values.astype("float32"))
    return Classifier.from_keras(model, preprocessing="unit")


def _plans(*activations: str, bias: st.SearchStrategy[bool] | None = None) -> st.SearchStrategy[Plan]:
    flags = st.booleans()
    return st.builds(
        Plan, st.sampled_from(activations), flags, flags, flags if bias is None else bias, st.integers(0, 1)
    )


_images = st.tuples(st.integers(1, 3), st.integers(0, 99)).map(lambda drawn: networks.images(drawn[0], SHAPE, drawn[1]))


@few
@given(_plans("relu", "tanh"), _images, st.sampled_from(["black", "mean", "blurred"]), st.integers(0, 2))
def test_integrated_gradients_are_complete(plan, images, kind, target):
    from nnvis_dash.analysis.attribution.baselines import baseline

    clf = _classifier(plan)
    found = attribute(clf, images, "integrated_gradients", target=target, baseline=kind, steps=100)
    difference = (clf.logits(images) - clf.logits(baseline(images, kind)))[:, target]
    np.testing.assert_allclose(found.values.sum(axis=(1, 2, 3)), difference, rtol=0.03, atol=0.03)


@few
@given(_plans("relu", bias=st.just(False)), _images, st.integers(0, 2))
def test_input_times_gradient_is_complete_without_bias(plan, images, target):
    """Rectifiers without bias scale as their input does, so the score is its own first order."""
    clf = _classifier(plan)
    found = attribute(clf, images, "input_times_gradient", target=target).values.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, clf.logits(images)[:, target], rtol=1e-3, atol=1e-4)


@few
@given(_plans("relu", "tanh", "gelu"), _images, st.sampled_from(["logits", "probabilities"]))
def test_smoothgrad_of_one_copy_without_noise_is_the_gradient(plan, images, output):
    clf = _classifier(plan)
    plain = attribute(clf, images, "gradient", output=output).values
    same = attribute(clf, images, "smoothgrad", output=output, samples=1, noise=0.0).values
    np.testing.assert_allclose(same, plain, rtol=1e-4, atol=1e-6)


@few
@given(_plans("tanh", "linear", "gelu"), _images)
def test_guided_backpropagation_is_the_gradient_without_rectifiers(plan, images):
    clf = _classifier(plan)
    plain = attribute(clf, images, "gradient").values
    for method in ("guided_backprop", "deconvnet"):
        np.testing.assert_allclose(attribute(clf, images, method).values, plain, rtol=1e-4, atol=1e-6)


@few
@given(_plans("relu"), _images, st.integers(0, 2))
def test_grad_cam_before_a_global_average_is_cam(plan, images, target):
    """Selvaraju et al., section 3: there the weights are those of the dense layer, by the number of positions."""
    clf = _classifier(plan)
    pooled = next(layer.name for layer in clf.card.layers if layer.kind == "MaxPooling2D")
    seen = []
    clf.scores(images, lambda name, tensor: seen.append(tensor) or tensor if name == pooled else tensor)
    weights = clf.model.layers[-1].get_weights()[0][:, target]
    expected = np.maximum(seen[0].numpy() @ weights, 0) / np.prod(seen[0].shape[1:3])
    found = attribute(clf, images, "grad_cam", layer=pooled, target=target).values
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@some
@given(st.sampled_from(METHODS), st.sampled_from([Plan("relu", True, True, True), Plan("relu")]), _images)
def test_a_batch_is_its_images_and_a_call_is_repeated_to_the_bit(method, plan, images):
    clf = _classifier(plan)
    parameters = CHEAP.get(method, {})
    together = attribute(clf, images, method, **parameters)
    again = attribute(clf, images, method, **parameters)
    np.testing.assert_array_equal(together.values, again.values)
    np.testing.assert_array_equal(together.probability, again.probability)
    alone = np.concatenate([attribute(clf, image[None], method, **parameters).values for image in images])
    np.testing.assert_allclose(together.values, alone, rtol=1e-3, atol=1e-5)
    assert np.isfinite(together.values).all()
