"""Attribution methods beside those of other libraries: the same network and images, the same maps, the time for each.

Nothing of it is needed by NNVis. Libraries that aren't installed are left out of the table; tf-keras-vis, tf-explain
(with opencv-python-headless), xplique (without its dependencies, but einops and tensorflow-probability with tf_keras),
shap and lime ran on this Keras. They get the network without its softmax, as they can't take it off by themselves.
"""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import vgg16_at_32
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.attribution import attribute, cams
from nnvis_dash.analysis.classifier import Classifier

Array = np.ndarray[Any, Any]
SAMPLES = 64  # of the methods that draw at random
STEPS = 50
SEGMENTS = 16  # cells of a 4 × 4 grid
N_BACKGROUND = 1


@dataclass(frozen=True)
class Setting:
    """What all contestants get."""

    clf: Classifier  # ends with a softmax
    logits: Any  # the same network without it, a Keras model
    images: Array  # (N, 32, 32, 3) uint8
    x: Array  # as the network takes them
    target: int
    layer: str  # for methods that look through one: 8 × 8 maps


@dataclass(frozen=True)
class Peer:
    """A library's way to a map, and ours to the same one."""

    library: str
    label: str
    prepare: Callable[[Setting], Callable[[], Any]]  # made once, outside the time; then one call for all images
    method: str
    given: dict[str, Any] = field(default_factory=dict)
    through: bool = False
    seen: Callable[[Array], Array] = np.asarray  # our values as the library shows them
    note: str = ""  # what is defined otherwise


def setting(n: int) -> Setting:
    """Build the network; biases aren't zero, because without them several methods coincide."""
    import keras

    model = vgg16_at_32()
    rng = np.random.default_rng(3)
    for layer in model.layers:
        if len(layer.weights) == 2:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0, 0.1, bias.shape)])
    logits = keras.models.clone_model(model)
    logits.layers[-1].activation = keras.activations.linear
    logits = keras.Model(logits.inputs, logits.layers[-1](logits.layers[-2].output))
    logits.set_weights(model.get_weights())
    images = np.random.default_rng(1).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    layer = [layer.name for layer in logits.layers if "conv" in layer.name][6]
    clf = Classifier.from_keras(model, preprocessing="unit")
    return Setting(clf, logits, images, images.astype(np.float32) / 255, 3, layer)


def largest(values: Array) -> Array:
    """Return the largest absolute value over the channels."""
    return np.asarray(np.abs(values).max(axis=-1))


def bicubic(values: Array) -> Array:
    """Return maps enlarged as xplique does."""
    import tensorflow as tf

    return np.asarray(tf.image.resize(values[..., None], (32, 32), method="bicubic"))[..., 0]


def vis(kind: str, module: str, **given: Any) -> Callable[[Setting], Callable[[], Any]]:
    """Return how tf-keras-vis does it."""

    def prepare(on: Setting) -> Callable[[], Any]:
        from tf_keras_vis.utils.scores import CategoricalScore

        through = {} if kind == "Saliency" else {"penultimate_layer": on.layer, "expand_cam": False}
        explainer = getattr(importlib.import_module(f"tf_keras_vis.{module}"), kind)(on.logits)
        score = CategoricalScore([on.target] * len(on.x))
        return lambda: (
            explainer(score, on.x, normalize_map=False, **given)
            if not through
            else explainer(score, on.x, normalize_cam=False, **through, **given)
        )

    return prepare


def explain(kind: str, module: str) -> Callable[[Setting], Callable[[], Any]]:
    """Return how tf-explain does it, before it makes a picture of the values."""

    def prepare(on: Setting) -> Callable[[], Any]:
        explainer = getattr(importlib.import_module(f"tf_explain.core.{module}"), kind)

        def integrated() -> Any:
            path = explainer.generate_interpolations(on.x, STEPS)
            return explainer.get_integrated_gradients(path, on.logits, on.target, STEPS)

        if kind == "IntegratedGradients":
            return integrated
        return lambda: explainer.compute_gradients(on.x, on.logits, on.target)

    return prepare


def xplique(kind: str, **given: Any) -> Callable[[Setting], Callable[[], Any]]:
    """Return how xplique does it."""

    def prepare(on: Setting) -> Callable[[], Any]:
        more = {"conv_layer": on.layer} if kind.startswith("GradCAM") else {}
        explainer = getattr(importlib.import_module("xplique.attributions"), kind)(on.logits, **more, **given)
        targets = np.eye(10, dtype=np.float32)[[on.target] * len(on.x)]
        return lambda: np.squeeze(explainer(on.x, targets))

    return prepare


def shap_deep(on: Setting) -> Callable[[], Any]:
    """Return how shap does DeepLIFT."""
    import shap

    explainer = shap.DeepExplainer(on.logits, np.zeros((N_BACKGROUND, *on.x.shape[1:]), np.float32))
    return lambda: explainer.shap_values(on.x, check_additivity=False)[..., on.target]


def lime_image(on: Setting) -> Callable[[], Any]:
    """Return how lime does it, an image at a time; the network as one compiled function, as it should be used."""
    import tensorflow as tf
    from lime.lime_image import LimeImageExplainer

    predict = tf.function(on.logits, reduce_retracing=True)
    cells = np.add.outer(np.arange(32) // 8 * 4, np.arange(32) // 8)

    def run() -> Array:
        maps = []
        for image in on.x:
            found = LimeImageExplainer(random_state=0).explain_instance(
                image.astype(np.float64),
                lambda batch: np.asarray(predict(tf.constant(batch, tf.float32))),
                labels=(on.target,),
                top_labels=None,
                hide_color=0,
                num_samples=10 * SAMPLES,
                batch_size=64,
                segmentation_fn=lambda _: cells,
            )
            weights = dict(found.local_exp[on.target])
            maps.append(np.vectorize(weights.get)(cells))
        return np.stack(maps)

    return run


DRAWN = "other random draws"
PEERS = (
    Peer("tf-keras-vis", "Saliency", vis("Saliency", "saliency"), "gradient", seen=largest),
    Peer(
        "tf-keras-vis",
        "Saliency, smooth",
        vis("Saliency", "saliency", smooth_samples=SAMPLES, smooth_noise=0.15, gradient_modifier=None, keepdims=True),
        "smoothgrad",
        {"samples": SAMPLES},
        note=DRAWN,
    ),
    Peer("tf-keras-vis", "Gradcam", vis("Gradcam", "gradcam"), "grad_cam", through=True),
    Peer("tf-keras-vis", "GradcamPlusPlus", vis("GradcamPlusPlus", "gradcam_plus_plus"), "grad_cam_pp", through=True),
    Peer("tf-keras-vis", "Layercam", vis("Layercam", "layercam"), "layer_cam", through=True),
    Peer(
        "tf-keras-vis",
        "Scorecam",
        vis("Scorecam", "scorecam"),
        "score_cam",
        {"output": "probabilities"},
        through=True,
        note="weights are the scores themselves, not their softmax",
    ),
    Peer("tf-explain", "VanillaGradients", explain("VanillaGradients", "vanilla_gradients"), "gradient"),
    Peer("tf-explain", "GradientsInputs", explain("GradientsInputs", "gradients_inputs"), "input_times_gradient"),
    Peer(
        "tf-explain",
        "IntegratedGradients",
        explain("IntegratedGradients", "integrated_gradients"),
        "integrated_gradients",
        {"steps": STEPS},
        note="mean gradient along the way, not times the image",
    ),
    Peer("xplique", "Saliency", xplique("Saliency"), "gradient", seen=largest),
    Peer("xplique", "GradientInput", xplique("GradientInput", reducer=None), "input_times_gradient"),
    Peer(
        "xplique",
        "IntegratedGradients",
        xplique("IntegratedGradients", reducer=None, steps=STEPS),
        "integrated_gradients",
        {"steps": STEPS},
    ),
    Peer(
        "xplique",
        "SmoothGrad",
        xplique("SmoothGrad", reducer=None, nb_samples=SAMPLES, noise=0.15),
        "smoothgrad",
        {"samples": SAMPLES},
        note=DRAWN,
    ),
    Peer("xplique", "GuidedBackprop", xplique("GuidedBackprop", reducer=None), "guided_backprop"),
    Peer("xplique", "DeconvNet", xplique("DeconvNet", reducer=None), "deconvnet"),
    Peer("xplique", "GradCAM", xplique("GradCAM"), "grad_cam", through=True, seen=bicubic),
    Peer("xplique", "GradCAMPP", xplique("GradCAMPP"), "grad_cam_pp", through=True, seen=bicubic),
    Peer(
        "xplique",
        "Occlusion",
        xplique("Occlusion", patch_size=4, patch_stride=4),
        "occlusion",
        {"window": 4, "stride": 4, "baseline": "black"},
    ),
    Peer("xplique", "Rise", xplique("Rise", nb_samples=10 * SAMPLES), "rise", {"masks": 10 * SAMPLES}, note=DRAWN),
    Peer("shap", "DeepExplainer", shap_deep, "deep_lift"),
    Peer(
        "lime",
        "LimeImageExplainer",
        lime_image,
        "lime",
        {"samples": 10 * SAMPLES, "regions": "grid", "n_regions": SEGMENTS, "baseline": "black"},
        note=DRAWN,
    ),
)


def ours(on: Setting, peer: Peer) -> Callable[[], Array]:
    """Return our way to the same map; nothing is kept from call to call."""

    def run() -> Array:
        cams._kept.pop(on.clf, None)
        layer = on.layer if peer.through else None
        return attribute(on.clf, on.images, peer.method, target=on.target, layer=layer, **peer.given).values

    return run


def compare(on: Setting, peer: Peer, rounds: int) -> tuple[str, ...]:
    """Return a row of the table."""
    own = ours(on, peer)
    try:
        other = peer.prepare(on)
        theirs = np.asarray(other(), np.float64)
    except ImportError:
        raise
    except Exception as error:  # whatever a library raises on this Keras is what the table tells
        return peer.library, peer.label, peer.method, "fails", "", f"{type(error).__name__}: {str(error)[:80]}"
    values = peer.seen(own()).astype(np.float64)
    if theirs.shape != values.shape:
        return peer.library, peer.label, peer.method, "?", "", f"{theirs.shape} beside our {values.shape}"
    each = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(values, theirs, strict=True)]
    times = interleaved({"theirs": other, "ours": own}, rounds)
    ratio = times["theirs"].ratio(times["ours"])
    return peer.library, peer.label, peer.method, f"{np.min(each):.4f}", f"{ratio:.1f}", peer.note


def main() -> None:
    """Compare, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--libraries", nargs="*", default=[], help="only these")
    parser.add_argument("--methods", nargs="*", default=[], help="only these, by our names")
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    on = setting(given.images)
    rows, missing = [], set()
    for peer in PEERS:
        if (given.libraries and peer.library not in given.libraries) or (
            given.methods and peer.method not in given.methods
        ):
            continue
        try:
            rows.append(compare(on, peer, given.rounds))
            print(*rows[-1], sep=" | ", flush=True)
        except ImportError as error:
            missing.add(f"{peer.library} ({error})")
    columns = ("library", "", "ours", "correlation", "their time by ours", "defined otherwise")
    text = (
        f"VGG-16 at 32 × 32 with random weights and biases, {given.images} images in one call, class {on.target}, the "
        "logit. *Correlation*: the lowest of the images'. *Time*: median CPU time of all threads, everything built and "
        "traced before.\n\n" + table(columns, rows)
    )
    print(text, *(f"not installed: {name}" for name in sorted(missing)), sep="\n")
    if given.write:
        write_section("peers", "Attributions beside other libraries", text)


if __name__ == "__main__":
    main()
