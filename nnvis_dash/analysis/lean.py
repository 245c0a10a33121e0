"""The same graph with fewer passes over memory, for the one analysis that runs over whole datasets: the index.

On a CPU a network of small convolutions spends half its time in passes that only touch each number once. Keras computes
batch normalisation as two such passes and the ReLU behind it as a third; a depthwise 1 × 1 convolution with a bias is
the same arithmetic, which oneDNN does together with the ReLU in one. `in_bfloat16` halves the bytes as well.

Invariant: the user's model isn't touched; in float32 only the rounding differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnvis_dash.analysis.graph import Graph, Step, Tensor

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


class ScaleAndShift:
    """A batch normalisation in inference mode as one depthwise convolution; reads the layer's own weights."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def __call__(self, x: Tensor, **_: Any) -> Tensor:
        import tensorflow as tf

        layer = self._layer
        scale = tf.math.rsqrt(tf.convert_to_tensor(layer.moving_variance) + layer.epsilon)
        if layer.scale:
            scale = scale * layer.gamma
        shift = -layer.moving_mean * scale
        if layer.center:
            shift = shift + layer.beta
        kernel = tf.cast(scale, x.dtype)[None, None, :, None]
        return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME"), tf.cast(shift, x.dtype))


def lean(graph: Graph) -> Graph:
    """Return the graph with every batch normalisation of a map as a `ScaleAndShift`."""
    operations = {id(step.operation): ScaleAndShift(step.operation) for step in graph.steps if _is_map_scaling(step)}
    return graph.replaced(operations)


def in_bfloat16(clf: Classifier) -> Graph:
    """Return a classifier's graph with copies of its layers that compute in bfloat16.

    What comes before the first layer with units (scaling) and the last one (the head) stay in float32. The copies have
    float32 weights of their own; the user's model isn't touched.
    """
    import keras
    import tensorflow as tf

    steps = clf.graph.steps
    heavy = [number for number, step in enumerate(steps) if step.n_units]
    between = steps[heavy[0] : heavy[-1]]
    head = {id(step.operation) for step in steps[heavy[-1] :]}
    copies = {
        id(step.operation): type(step.operation).from_config({**step.operation.get_config(), "dtype": "mixed_bfloat16"})
        for step in between
        if isinstance(step.operation, keras.layers.Layer) and id(step.operation) not in head
    }
    graph = clf.graph.replaced(copies)
    graph.run(tf.zeros((1, *clf.card.input_shape), graph.input_dtype))  # builds the copies
    for step in between:
        if id(step.operation) in copies and step.operation.weights:
            copies[id(step.operation)].set_weights(step.operation.get_weights())
    return graph


def greatest_and_mean(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Reduce a layer's output over all positions, inside a graph.

    Parameters
    ----------
    tensor : (N, C), (N, h, w, C) or (N, ..., C) tensor

    Returns
    -------
    tuple of two (N, C) float32 tensors
        Maximum and mean over all axes between the first and the last.
    """
    import tensorflow as tf

    channels = tensor.shape[-1]
    positions = tuple(range(1, len(tensor.shape) - 1))
    if not positions:
        vector = tf.cast(tensor, tf.float32)
        return vector, vector
    if len(positions) == 2 and None not in tensor.shape[1:3] and not tf.config.list_physical_devices("GPU"):
        # On a CPU pooling over everything takes half the time of a reduction.
        window = tensor.shape[1:3]
        greatest = tf.nn.max_pool2d(tensor, window, 1, "VALID")
        mean = tf.nn.avg_pool2d(tensor, window, 1, "VALID")
        return (
            tf.cast(tf.reshape(greatest, (-1, channels)), tf.float32),
            tf.cast(tf.reshape(mean, (-1, channels)), tf.float32),
        )
    tensor = tf.cast(tensor, tf.float32)
    return tf.reduce_max(tensor, axis=positions), tf.reduce_mean(tensor, axis=positions)


def _is_map_scaling(step: Step) -> bool:
    """Whether a step is a batch normalisation over the channels of a map."""
    if step.kind != "BatchNormalization" or len(step.shapes[0]) != 3:
        return False
    return step.operation.axis in (-1, 3)
