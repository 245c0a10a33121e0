"""SavedModels for the tests: honest ones of several makers, and ones that try to do more than calculate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (8, 8, 3)
N_CLASSES = 4


def keras_model() -> Any:
    """Return a small classifier with every kind of state: batch normalisation, dropout, a nested model."""
    import keras

    keras.utils.set_random_seed(3)
    stem = keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(4, 3, padding="same")], name="stem")
    inputs = keras.Input(SHAPE)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.BatchNormalization()(stem(x))
    x = keras.layers.Dropout(0.5)(keras.layers.ReLU()(x))
    x = keras.layers.SeparableConv2D(5, 3)(keras.layers.MaxPooling2D()(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(N_CLASSES, activation="softmax")(x), name="small")
    rng = np.random.default_rng(5)
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(weight.numpy() + rng.uniform(0.05, 0.3, weight.shape))
    return model


def save_function(
    folder: Path,
    compute: Callable[..., Any],
    spec: Any = (None, *SHAPE),
    keep: Callable[[Any], None] | None = None,
    **signatures: Any,
) -> Path:
    """Save a module whose signature is `compute(module, images)`; `keep` may add to the module."""
    import tensorflow as tf

    module = tf.Module()
    rng = np.random.default_rng(1)
    module.kernel = tf.Variable(rng.normal(0, 0.1, (192, N_CLASSES)).astype("float32"))
    module.bias = tf.Variable(np.arange(N_CLASSES, dtype="float32"))
    if keep is not None:
        keep(module)
    specs = spec if isinstance(spec, list) else [spec]
    specs = [entry if isinstance(entry, tf.TensorSpec) else tf.TensorSpec(entry, tf.float32) for entry in specs]
    names = ["images", "other"]
    specs = [tf.TensorSpec(entry.shape, entry.dtype, name) for entry, name in zip(specs, names, strict=False)]
    function = tf.function(lambda *images: compute(module, *images)).get_concrete_function(*specs)
    tf.saved_model.save(module, folder, signatures=signatures or function)
    return folder


def linear(module: Any, images: Any) -> Any:
    """Logits of a linear classifier."""
    import tensorflow as tf

    return tf.reshape(images, (-1, 192)) @ module.kernel + module.bias


def save_version_1(folder: Path) -> Path:
    """Save as TensorFlow 1 did: a session, reference variables, no functions."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tf.float32, (None, *SHAPE), "images")
        kernel = v1.get_variable("kernel", initializer=np.eye(192, N_CLASSES, dtype="float32"), use_resource=False)
        scores = tf.sigmoid(tf.reshape(images, (-1, 192)) @ kernel)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"images": images}, {"scores": scores})
    return folder


def hostile(canary: Path, target: Path) -> dict[str, tuple[Callable[..., Any], Callable[[Any], None] | None]]:
    """Return modules that read `canary` or write `target`, by the operation that they need to do so."""
    import tensorflow as tf

    def leak(text: Any) -> Any:
        return tf.cast(tf.strings.length(text), tf.float32)

    def write(module: Any, images: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(target), "written")]):
            return tf.identity(linear(module, images))

    def python(module: Any, images: Any) -> Any:
        def run() -> Any:
            target.write_text("written")
            return np.float32(0)

        return linear(module, images) + tf.py_function(run, [], tf.float32)

    @tf.function
    def inner() -> Any:
        return leak(tf.io.read_file(str(canary)))

    def branch(module: Any, images: Any) -> Any:
        extra = tf.cond(tf.reduce_max(images) > 1e9, lambda: inner(), lambda: 0.0)
        return linear(module, images) + extra

    def table(module: Any) -> None:
        source = tf.lookup.TextFileInitializer(
            str(canary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        module.table = tf.lookup.StaticHashTable(source, -1)

    def look_up(module: Any, images: Any) -> Any:
        return linear(module, images) + tf.cast(module.table.lookup(tf.constant("x")), tf.float32)

    def asset(module: Any) -> None:
        module.names = tf.saved_model.Asset(str(canary))

    def beside(module: Any) -> None:
        def run() -> Any:
            with tf.control_dependencies([tf.io.write_file(str(target), "written")]):
                return tf.constant(0.0)

        module.other = tf.function(run)
        module.other.get_concrete_function()

    def save(module: Any, images: Any) -> Any:
        done = tf.raw_ops.SaveV2(
            prefix=str(target), tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)]
        )
        with tf.control_dependencies([done]):
            return tf.identity(linear(module, images))

    def restore(module: Any, images: Any) -> Any:
        (value,) = tf.raw_ops.RestoreV2(
            prefix=str(canary), tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )
        return linear(module, images) + tf.reshape(value, ())

    def count(module: Any, images: Any) -> Any:
        module.bias.assign_add(tf.ones((N_CLASSES,)))
        return linear(module, images)

    def speak(module: Any, images: Any) -> Any:
        tf.print("written", output_stream=f"file://{target}")
        return linear(module, images)

    def loop(module: Any, images: Any) -> Any:
        (total,) = tf.while_loop(lambda x: x < tf.reduce_max(images), lambda x: (x + 1.0,), (0.0,))
        return linear(module, images) + total

    return {
        "ReadFile": (lambda module, images: linear(module, images) + leak(tf.io.read_file(str(canary))), None),
        "WriteFile": (write, None),
        "EagerPyFunc": (python, None),
        "ReadFile in a branch": (branch, None),
        "HashTableV2": (look_up, table),
        "of its own": (linear, asset),  # reads files ...
        "WriteFile beside": (linear, beside),
        "SaveV2": (save, None),
        "RestoreV2": (restore, None),
        "AssignAddVariableOp": (count, None),
        "PrintV2": (speak, None),
        "While": (loop, None),
        "RandomUniform": (
            lambda module, images: linear(module, images) * tf.random.uniform((), 0.5, 1.0),
            None,
        ),
        "DecodePng": (
            lambda module, images: (
                linear(module, images)
                + tf.cast(tf.reduce_sum(tf.io.decode_png(tf.io.encode_png(tf.zeros((2, 2, 3), tf.uint8)))), tf.float32)
            ),
            None,
        ),
    }
