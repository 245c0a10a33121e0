"""Attributions of one-layer networks that iNNvestigate 1.0.9 computed: ours are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.analysis.attribution import METHODS, OWN_PREDICTION, Question
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.graph import Graph

LAYERS = ("Dense", "Conv2D_relu", "MaxPooling2D")
ALL = "ignore_bias"
SETS: dict[str, tuple[str, dict[str, Any]]] = {
    "Gradient": ("gradient", {}),
    "InputTimesGradient": ("input_times_gradient", {}),
    "Deconvnet": ("deconvnet", {}),
    "GuidedBackprop": ("guided_backprop", {}),
    "IntegratedGradients": ("integrated_gradients", {"steps": 64, "points": "ends"}),
    "SmoothGrad": ("smoothgrad", {"samples": 64, "noise": 1.0}),
    "LRPZ": ("lrp_z", {}),
    "LRPZIgnoreBias": ("lrp_z", {ALL: True}),
    "LRPZ_Flat_input_layer_rule": ("lrp_z", {"input_layer_rule": "flat"}),
    "LRPZ_boxed_input_layer_rule": ("lrp_z", {"input_layer_rule": (-10.0, 10.0)}),
    "LRPEpsilon": ("lrp_epsilon", {}),
    "LRPEpsilonIgnoreBias": ("lrp_epsilon", {ALL: True}),
    "LRPWSquare": ("lrp_w_square", {}),
    "LRPFlat": ("lrp_flat", {}),
    "LRPAlpha1Beta0": ("lrp_alpha_1_beta_0", {}),
    "LRPAlpha1Beta0IgnoreBias": ("lrp_alpha_1_beta_0", {ALL: True}),
    "LRPAlpha2Beta1": ("lrp_alpha_2_beta_1", {}),
    "LRPAlpha2Beta1IgnoreBias": ("lrp_alpha_2_beta_1", {ALL: True}),
    "LRPZPlus": ("lrp_z_plus", {}),
    "LRPZPlusFast": ("lrp_z_plus", {"fast": True}),
    "LRPSequentialPresetA": ("lrp_preset_a", {}),
    "LRPSequentialPresetB": ("lrp_preset_b", {}),
    "LRPSequentialPresetAFlat": ("lrp_preset_a_flat", {}),
    "LRPSequentialPresetBFlat": ("lrp_preset_b_flat", {}),
    "DeepTaylor": ("deep_taylor", {}),
    "BoundedDeepTaylor": ("deep_taylor_bounded", {"low": -128.0, "high": 128.0}),
}

pytestmark = pytest.mark.shared_data


def network(layer: str, weights: list[np.ndarray]) -> Classifier:
    """Return the network of one layer whose outputs, flattened, are the classes."""
    import keras

    made = {
        "Dense": lambda: keras.layers.Dense(5),
        "Conv2D_relu": lambda: keras.layers.Conv2D(5, 3, activation="relu"),
        "MaxPooling2D": lambda: keras.layers.MaxPooling2D(2),
    }[layer]()
    inputs = keras.Input((10, 10, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(made(inputs)))
    made.set_weights(weights)
    if weights:
        return Classifier.from_keras(model, output="logits")
    # Pooling alone is no classifier that anybody would add: it gets the card of one that is.
    dense = network("Dense", [np.ones((3, 5), np.float32), np.zeros(5, np.float32)])
    return Classifier(model, replace(dense.card, layers=Graph(model).layers, n_classes=75))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", SETS)
def test_the_attributions_are_those_of_the_reference(shared_data: Path, name: str, layer: str) -> None:
    method, given = SETS[name]
    with np.load(shared_data / "lrp_reference" / f"{name}.npz") as kept:
        images = kept["input"].astype(np.float32)
        weights = [kept[f"{layer}/weights/{n}"] for n in (0, 1) if f"{layer}/weights/{n}" in kept]
        expected, outputs = kept[f"{layer}/attribution"], kept[f"{layer}/output"]
    clf = network(layer, weights)
    np.testing.assert_allclose(clf.logits(images), outputs, rtol=1e-4, atol=1e-5)
    entry = METHODS[method]
    target = np.full(len(images), OWN_PREDICTION, np.int32)
    found = entry.function(clf, images, target, Question(None, None, "logits"), entry.read(given)).values
    if name in ("Deconvnet", "GuidedBackprop") and weights:
        # There the way back begins with the output's value, here with 1 as in the papers.
        found = found * outputs.max(axis=1)[:, None, None, None]
    close = {"rtol": 0.25, "atol": 0.2} if name == "SmoothGrad" else {"rtol": 1e-2, "atol": 1e-8}
    np.testing.assert_allclose(found, expected, **close)
