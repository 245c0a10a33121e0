"""What is read of every image: classes as probability, its complement and logit, or channels of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nnvis_dash.analysis.ends import ended
from nnvis_dash.analysis.graph import Graph, Tensor

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class Readout:
    """What is wanted of a classifier; which classes or channels is said later.

    `layer` of None stands for the classes: three columns each, p, 1 − p and the logit, where 1 − p is exact also for p
    that float32 can't tell from 1. A layer's channel is its mean or maximum over all positions.
    """

    layer: str | None = None
    reduce: Literal["mean", "max"] = "mean"

    @property
    def per_choice(self) -> int:
        """Columns for each chosen class or channel."""
        return 3 if self.layer is None else 1

    def of(self, clf: Classifier, graph: Graph, values: Tensor, chosen: Tensor) -> Tensor:
        """Return (N, 3 T) columns of T classes (all p, all 1 − p, all logits), or (N, U) of U channels, float32.

        Parameters
        ----------
        values : tensor
            The graph's output without a last activation that can be left out, or the layer's.
        chosen : (T,) or (U,) int32 tensor
        """
        import tensorflow as tf

        if self.layer is not None:
            some = tf.cast(tf.gather(values, chosen, axis=-1), tf.float32)
            some = tf.reshape(some, (tf.shape(some)[0], -1, tf.shape(chosen)[0]))
            return tf.reduce_mean(some, axis=1) if self.reduce == "mean" else tf.reduce_max(some, axis=1)
        z = ended(graph, clf.card.output, values, "logits")
        logits = tf.gather(z, chosen, axis=1)
        if clf.card.output == "sigmoid" or graph.output_shape[-1] == 1:
            return tf.concat([tf.sigmoid(logits), tf.sigmoid(-logits), logits], axis=1)
        total = tf.reduce_logsumexp(z, axis=1, keepdims=True)
        others = tf.where(tf.one_hot(chosen, tf.shape(z)[1], on_value=True, off_value=False, dtype=tf.bool), -1e30, 0.0)
        others = tf.reduce_logsumexp(z[:, None] + others[None], axis=2)
        return tf.concat([tf.exp(logits - total), tf.exp(others - total), logits], axis=1)
