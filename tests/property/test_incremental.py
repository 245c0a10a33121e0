"""Laws of incremental inference that hold for any network of known layers, any window and any image."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.classifier import preprocessed
from tests.unit.analysis.incremental.graphs import check, classifier, composed, drawn

few = settings(max_examples=6, deadline=None)  # each network is traced


@st.composite
def _layer(draw: st.DrawFn) -> dict[str, Any]:
    """Draw one layer with its options."""
    kind = draw(
        st.sampled_from(
            ["Conv2D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "MaxPooling2D", "AveragePooling2D",
             "BatchNormalization", "Add", "Concatenate", "Multiply", "ZeroPadding2D", "Cropping2D", "ReLU",
             "UpSampling2D"]
        )
    )  # fmt: skip
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilated = kind == "Conv2D" and draw(st.booleans())
    stride = 1 if dilated else draw(st.integers(1, 2 if "Depthwise" in kind or "Separable" in kind else 3))
    return {
        "kind": kind,
        "size": size,
        "stride": stride,
        "dilation": 2 if dilated else 1,
        "padding": draw(st.sampled_from(["same", "valid"])),
        "sides": draw(st.tuples(*[st.integers(0, 2)] * 4)),
    }


def _added(layers: Any, x: Any, plan: dict[str, Any]) -> Any:
    """Return x behind one layer; x itself where the map is too small for it."""
    kind, (top, bottom, left, right) = plan["kind"], plan["sides"]
    height, width, channels = x.shape[1:]
    extent = [(side - 1) * plan["dilation"] + 1 for side in plan["size"]]
    if kind == "ZeroPadding2D":
        return layers.ZeroPadding2D(((top, bottom), (left, right)))(x)
    if kind == "Cropping2D":
        return layers.Cropping2D(((top, bottom), (left, right)))(x) if min(height, width) > 5 else x
    if kind == "UpSampling2D":
        return layers.UpSampling2D()(x) if max(height, width) < 9 else x
    if kind in ("BatchNormalization", "ReLU"):
        return getattr(layers, kind)()(x)
    if kind in ("Add", "Concatenate", "Multiply"):
        other = layers.Conv2D(channels, plan["size"], padding="same", activation="relu")(x)
        return getattr(layers, kind)()([x, other])
    if plan["padding"] == "valid" and (extent[0] > height or extent[1] > width):
        return x
    if "Pooling" in kind:
        return getattr(layers, kind)(plan["size"], strides=plan["stride"], padding=plan["padding"])(x)
    given = (plan["size"],) if kind == "DepthwiseConv2D" else (3, plan["size"])
    more = {"dilation_rate": plan["dilation"]} if kind == "Conv2D" else {}
    return getattr(layers, kind)(*given, strides=plan["stride"], padding=plan["padding"], activation="relu", **more)(x)


_shapes = st.tuples(st.integers(6, 13), st.integers(6, 13), st.sampled_from([1, 3]))
_windows = st.tuples(st.integers(1, 5), st.integers(1, 5))


def _network(shape: tuple[int, int, int], plan: list[dict[str, Any]]) -> Any:
    def body(layers: Any, x: Any) -> Any:
        for number, entry in enumerate(plan):
            x = _added(layers, x, entry)
            if number == 0:
                x = layers.Conv2D(2, 3, padding="same")(x)
        return x

    return classifier(body, shape)


@few
@given(_shapes, st.lists(_layer(), min_size=1, max_size=4), _windows, st.integers(0, 99), st.integers(0, 3))
def test_windows_give_what_whole_images_give(shape, plan, window, seed, n_buckets):
    clf = _network(shape, plan)
    rng = np.random.default_rng(seed)
    at = [
        np.append(rng.integers(0, size - side + 1, 6), [0, size - side])
        for size, side in zip(shape[:2], window, strict=True)
    ]
    check(clf, window, seed, at, n_buckets=n_buckets)


@few
@given(_shapes, st.lists(_layer(), min_size=1, max_size=4), _windows, st.integers(0, 99))
def test_nothing_that_changes_is_missed(shape, plan, window, seed):
    """Every layer's whole map is compared with that of the changed image, for every window."""
    from nnvis_dash.analysis.incremental.inference import Incremental
    from nnvis_dash.analysis.incremental.readouts import Readout

    clf = _network(shape, plan)
    found = Incremental(clf, window, Readout())
    n, m = found.n_windows
    rows, columns = np.divmod(np.arange(n * m), m)
    image, windows = drawn(clf, window, n * m, seed, 1)
    raw = np.concatenate([image[None].astype(np.float32), composed(image, rows, columns, windows)])
    seen: dict[str, Any] = {}
    clf.graph.run(preprocessed(raw, clf.card.preprocessing), lambda name, tensor: seen.setdefault(name, tensor.numpy()))
    slots = {step.outputs[0]: step.name for step in found.steps}
    followed = [slot for slot in found.slots if slot]
    assert followed
    for slot in followed:
        maps = seen[slots[slot]]
        scale = np.abs(maps).max() + 1e-6
        changed = (np.abs(maps[1:] - maps[:1]) > 1e-5 * scale).any(axis=3)  # (windows, h, w)
        assert maps.shape[1:3] == (found.axes[0].sizes[slot], found.axes[1].sizes[slot])
        for axis, starts in ((0, rows), (1, columns)):
            at = np.arange(maps.shape[1 + axis])
            low, high = found.axes[axis].low[slot][starts], found.axes[axis].high[slot][starts]
            outside = (at < low[:, None]) | (at >= high[:, None])
            assert not (changed.any(axis=2 - axis) & outside).any(), slots[slot]
            assert (low >= 0).all()
            assert (high <= len(at)).all()
            assert (low < high).all()
