"""Through which layer the page's attribution looks, where another view's layer has no map."""

from __future__ import annotations

from typing import Any

import pytest

from callbacks.testing import attribution_request
from nnvis_dash.types import PREPROCESSINGS, Layer, ModelCard

LAYERS = (Layer("conv", "Conv2D", (8, 8, 4), 40, 4), Layer("dense", "Dense", (5,), 30, 5))
CARD = ModelCard(
    **{"name": "net", "fingerprint": "f" * 32, "input_shape": (8, 8, 3), "n_classes": 5, "class_names": ()},
    **{"output": "softmax", "preprocessing": PREPROCESSINGS["unit"], "resize": "squash", "layers": LAYERS},
    **{"parameters": 70, "feature_layer": "conv", "grad_cam_layer": "conv", "source": "net.keras"},
)
WANTED: dict[str, Any] = {
    **{"dataset": "d" * 32, "model": CARD.fingerprint, "explained": None, "unit": None, "target": None},
    **{"output": "logits", "parameters": {}},
}


@pytest.mark.parametrize(
    ("method", "chosen", "through"),
    [
        ("grad_cam", None, None),
        ("grad_cam", "conv", "conv"),
        ("grad_cam", "dense", None),
        ("grad_cam", "another", "another"),
        ("gradient", "conv", None),
    ],
)
def test_a_layer_without_a_map_leaves_the_method_its_own(method: str, chosen: Any, through: Any) -> None:
    request = attribution_request({**WANTED, "method": method, "layer": chosen}, [3], CARD)
    assert request.parameters.get("layer") == through
