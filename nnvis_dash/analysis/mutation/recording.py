"""One pass that records what layers put out, with units frozen or without.

All layers are recorded by one compiled function where the images are few, so that another layer or another set of
frozen units is answered without tracing a graph again: the masks are an argument of it. For many images it is traced
for the layers that are asked for, so that no others are held.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nnvis_dash.analysis.mutation.frozen import freezing, mask
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import Floats, ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.graph import Tensor

ROOM = 2**28  # bytes of layers' outputs that are held at a time
MOST = 2**32  # bytes of outputs that are given back


class Recorded(NamedTuple):
    """Of some images."""

    outputs: dict[str, Floats]  # layer -> (N, ..., C), its own output, before it is masked
    probabilities: Floats  # (N, K)


def record(
    clf: Classifier, images: Any, layers: Sequence[str], frozen: Mapping[str, Iterable[int]] | None = None
) -> Recorded:
    """Run a classifier and keep what layers put out.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255, or a sequence of images
    layers : sequence of str
        Names of the card's layers, as `known_layers` gives them.
    frozen : mapping of a layer's name to the numbers of its units, optional

    Returns
    -------
    Recorded

    Raises
    ------
    NotFound, ParameterError
        Units that can't be frozen, images that don't fit, outputs of more than `MOST` bytes.
    ModelError
        Probabilities that are NaN or infinite.
    """
    size = _size(clf.card, layers) * len(images)
    if size > MOST:
        raise ParameterError(
            f"The outputs of {len(layers)} layers for {len(images)} images take {size / 2**30:.1f} GB",
            f"Ask for fewer images or layers: {MOST / 2**30:g} GB at most.",
        )
    shapes = {layer.name: layer.output_shape for layer in clf.card.layers}
    empty = {name: np.empty((0, *(size or 0 for size in shapes[name])), np.float32) for name in layers}
    parts = list(recorded(clf, images, layers, frozen)) or [Recorded(empty, np.empty((0, clf.card.n_classes), "f4"))]
    return Recorded(
        {name: _joined([part.outputs[name] for part in parts]) for name in layers},
        _joined([part.probabilities for part in parts]),
    )


def recorded(
    clf: Classifier, images: Any, layers: Sequence[str], frozen: Mapping[str, Iterable[int]] | None = None
) -> Iterator[Recorded]:
    """Yield what `record` gives, batch by batch; nothing for no images."""
    masks = mask(clf.card, frozen or {})
    watched = tuple(layer.name for layer in clf.card.layers)
    if _size(clf.card, watched) * len(images) > ROOM:
        watched = tuple(name for name in watched if name in layers)
    step = max(1, ROOM // max(1, _size(clf.card, watched)))
    for batch in clf.batches(images):
        function = _function(clf, watched, bool(masks), batch.dtype)
        for start in range(0, len(batch), step):
            part = batch[start : start + step]
            outputs, probabilities = function(part, masks)
            clf.check_finite(probabilities.numpy(), part)
            seen = dict(zip(watched, outputs, strict=True))
            yield Recorded({name: seen[name].numpy() for name in layers}, probabilities.numpy())


def known_layers(card: ModelCard, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of layers, each once, in the given order; None: all with units, in the classifier's order.

    Raises
    ------
    NotFound
        No such layer; names those there are.
    ParameterError
        A TensorFlow graph without layers.
    """
    if not card.layers:
        raise ParameterError(
            f"The classifier {card.name!r} is a TensorFlow graph without layers, so nothing is known of what lies "
            "between its pixels and its answer",
            "Add the Keras model itself.",
        )
    if layers is None:
        return tuple(layer.name for layer in card.layers if layer.n_units)
    names = tuple(dict.fromkeys([layers] if isinstance(layers, str) else layers))
    for name in names:
        if card.layer(name) is None:
            raise NotFound.among("layer", name, [layer.name for layer in card.layers])
    return names


def _joined(parts: list[Floats]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _size(card: ModelCard, layers: Sequence[str]) -> int:
    """Return the bytes of layers' outputs for one image."""
    return sum(4 * math.prod(size or 1 for size in layer.output_shape) for layer in card.layers if layer.name in layers)


def _function(
    clf: Classifier, watched: tuple[str, ...], masked: bool, dtype: np.dtype[Any]
) -> Callable[[Any, Mapping[str, Floats]], tuple[Any, Any]]:
    """Return (images, masks) -> (outputs in the order of `watched`, probabilities), traced once.

    Masked, it takes one mask for every layer with units, so that whatever is frozen it is the same function.
    """
    n_units = {layer.name: layer.n_units for layer in clf.card.layers if layer.n_units} if masked else {}
    all_pass = {name: np.ones(count, np.float32) for name, count in n_units.items()}

    def build() -> Callable[..., tuple[Any, Any]]:
        import tensorflow as tf

        def forward(raw: Tensor, *masks: Tensor) -> tuple[list[Tensor], Tensor]:
            seen: dict[str, Tensor] = {}

            def visit(name: str, tensor: Tensor) -> Tensor:
                if name in watched:
                    seen[name] = tf.cast(tensor, tf.float32)
                return tensor

            probabilities = clf.scores(raw, freezing(dict(zip(n_units, masks, strict=True)), visit))
            return [seen[name] for name in watched], probabilities

        given = [tf.TensorSpec((count,), tf.float32) for count in n_units.values()]
        return tf.function(forward, autograph=False).get_concrete_function(clf.signature(dtype), *given)

    function = clf.compiled(("recording", watched, masked, dtype.name), build)

    def run(images: Any, masks: Mapping[str, Floats]) -> tuple[Any, Any]:
        import tensorflow as tf

        given = {**all_pass, **masks}
        return function(tf.constant(images), *(tf.constant(given[name]) for name in n_units))

    return run
