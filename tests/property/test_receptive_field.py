"""Receptive fields of random chains of layers: what really changes when one pixel does."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.analysis.test_receptive_field import assert_exact

PAIRS = st.tuples(st.integers(1, 4), st.integers(1, 4))
PADDINGS = st.sampled_from(["same", "valid"])


@st.composite
def links(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw the name of a layer's class and its arguments."""
    kind = draw(st.sampled_from(["Conv2D", "Dilated", "Max", "Average", "Padding", "Cropping", "Joined"]))
    if kind == "Conv2D":
        return kind, {"kernel_size": draw(PAIRS), "strides": draw(PAIRS), "padding": draw(PADDINGS)}
    if kind == "Dilated":
        return kind, {"kernel_size": draw(PAIRS), "dilation_rate": draw(PAIRS), "padding": draw(PADDINGS)}
    if kind in ("Max", "Average"):
        return kind, {"pool_size": draw(PAIRS), "strides": draw(PAIRS), "padding": draw(PADDINGS)}
    return kind, {"sides": tuple(draw(st.integers(0, 2)) for _ in range(4))}


def made(kind: str, given: dict[str, Any], x: Any) -> Any:
    """Apply one link."""
    from keras import layers

    if kind in ("Conv2D", "Dilated"):
        return layers.Conv2D(1, **given)(x)
    if kind in ("Max", "Average"):
        return getattr(layers, f"{kind}Pooling2D")(**given)(x)
    top, bottom, left, right = given["sides"]
    if kind == "Joined":  # a shortcut around two convolutions
        branch = layers.Conv2D(1, (top + 1, left + 1), padding="same")(x)
        return layers.Add()([x, layers.Conv2D(1, (bottom + 1, right + 1), padding="same")(branch)])
    layer = layers.ZeroPadding2D if kind == "Padding" else layers.Cropping2D
    return layer(((top, bottom), (left, right)))(x)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(links(), min_size=1, max_size=4))
def test_a_box_is_what_a_position_sees(chain: list[tuple[str, dict[str, Any]]]):
    import keras

    inputs = x = keras.Input((11, 12, 1))
    for kind, arguments in chain:
        try:
            x = made(kind, arguments, x)
        except ValueError:
            assume(False)  # nothing of the map is left
        assume(min(x.shape[1:3]) > 0)
    assert_exact(keras.Model(inputs, keras.layers.Identity(name="end")(x)), "end")
