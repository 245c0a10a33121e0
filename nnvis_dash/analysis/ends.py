"""The two ends of a classifier inside a graph: raw pixels to the model's input, the model's output to probabilities."""

from __future__ import annotations

from nnvis_dash.analysis.graph import Graph, Tensor, Visit
from nnvis_dash.types import OutputKind, Preprocessing

_SMALLEST = 1e-30  # probability whose logarithm stands for that of 0


def preprocessed(raw: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Turn raw pixels into the model's input inside a graph.

    Parameters
    ----------
    raw : (N, h, w, c) tensor, 0..255, RGB
    preprocessing : Preprocessing

    Returns
    -------
    (N, h, w, c) float32 tensor, (channels × scale − mean) / deviation
    """
    import tensorflow as tf

    x = tf.cast(raw, tf.float32)
    if preprocessing.bgr:
        x = x[..., ::-1]
    if preprocessing.scale != 1.0:
        x = x * preprocessing.scale
    if any(preprocessing.mean):
        x = x - tf.constant(preprocessing.mean, tf.float32)
    if any(value != 1.0 for value in preprocessing.deviation):
        x = x / tf.constant(preprocessing.deviation, tf.float32)
    return x


def outputs(graph: Graph, kind: OutputKind, x: Tensor, visit: Visit | None, output: str) -> Tensor:
    """Run a graph on preprocessed images and bring its outputs to (N, K) probabilities or logits, float32."""
    z = graph.run(x, visit, logits=output == "logits" and removes_ending(graph, kind))
    return ended(graph, kind, z, output)


def removes_ending(graph: Graph, kind: OutputKind) -> bool:
    """Whether a graph's last softmax or sigmoid can be left out to get its logits."""
    return kind != "logits" and graph.ending == kind


def ended(graph: Graph, kind: OutputKind, z: Tensor, output: str) -> Tensor:
    """Bring what a graph put out to (N, K) probabilities or logits, float32.

    For logits, `z` is without the last activation where that `removes_ending`.
    """
    import tensorflow as tf

    removable = removes_ending(graph, kind)
    z = tf.cast(z, tf.float32)
    single = z.shape[-1] == 1
    if output == "logits":
        if kind == "softmax" and not removable:
            z = tf.math.log(tf.maximum(z, _SMALLEST))
        elif kind == "sigmoid" and not removable:
            z = tf.math.log(tf.maximum(z, _SMALLEST)) - tf.math.log(tf.maximum(1.0 - z, _SMALLEST))
        return tf.concat([-z, z], axis=-1) if single else z
    if kind == "logits":
        z = tf.sigmoid(z) if single else tf.nn.softmax(z)
    return tf.concat([1.0 - z, z], axis=-1) if single else z
