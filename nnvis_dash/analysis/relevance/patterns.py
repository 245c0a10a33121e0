"""Patterns: for each neuron the direction in its inputs that carries its signal, learned from images.

A neuron's weights also have to cancel what distracts, so they don't show what it looks for; the pattern does. It is the
covariance of inputs and output over the images, divided so that the weights read 1 from it. Behind a rectifier only the
images (and positions) count where the neuron is on: there is no signal elsewhere.

All moments are sums over images, and for a convolution over positions too: the sum of patch × output is what the
gradient of the kernel computes, so no patch is ever cut out.

Source: Kindermans et al., "Learning how to explain neural networks: PatternNet and PatternAttribution", ICLR 2018,
arXiv:1705.05598, eq. 6 (linear) and 9 (two-component, its positive part; all means are taken where the neuron is on).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attribution import scores
from nnvis_dash.analysis.attribution.scores import Subject
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.graph import Step, Tensor, call
from nnvis_dash.analysis.relevance.parts import Elementwise, Linear, Sum
from nnvis_dash.analysis.relevance.rules import divide, pulled
from nnvis_dash.analysis.relevance.walk import Walk, forward
from nnvis_dash.analysis.relevance.ways import Place
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats
from nnvis_dash.workspace.datasets import Dataset, load_dataset

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

N_SAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Patterns:
    """Patterns of a classifier's linear layers.

    Attributes
    ----------
    kernels : mapping of layer -> array shaped as the layer's kernel, float32
    model : str
        Fingerprint of the classifier.
    source : str
        Which images they were learned from: the dataset's fingerprint, their number and the seed.
    """

    kernels: Mapping[str, Floats]
    model: str
    source: str

    def arrays(self) -> dict[str, Floats]:
        """Return the kernels under names that an artifact can have, in order."""
        return {f"pattern_{place}": kernel for place, kernel in enumerate(self.kernels.values())}

    def card(self) -> dict[str, Any]:
        """Return what an artifact's card keeps besides."""
        return {"layers": list(self.kernels), "model": self.model, "source": self.source}

    @classmethod
    def from_artifact(cls, artifact: Any) -> Patterns:
        """Return the patterns that an artifact of `arrays` and `card` keeps."""
        names = artifact.card["layers"]
        kernels = {name: np.asarray(artifact.array(f"pattern_{place}")) for place, name in enumerate(names)}
        return cls(kernels, artifact.card["model"], artifact.card["source"])


def learn_patterns(clf: Classifier, data: Dataset | Any, n_samples: int = N_SAMPLES, seed: int = 0) -> Patterns:
    """Learn the pattern of every neuron and filter from images.

    Parameters
    ----------
    clf : Classifier
    data : Dataset, path or (N, H, W, C) array of raw pixels
    n_samples : int
        Images drawn at random; 0: all. Too few, and what distracts isn't told from the signal.
    seed : int

    Returns
    -------
    Patterns

    Raises
    ------
    ParameterError
        A classifier without layers, a layer without a rule (names it), or fewer than two images.
    """
    scores.need_layers(clf.card, "PatternNet")
    dataset = data if isinstance(data, Dataset) else load_dataset(data)
    ids = np.arange(len(dataset))
    if n_samples and n_samples < len(ids):
        ids = np.sort(np.random.default_rng(seed).choice(ids, n_samples, replace=False))
    if len(ids) < 2:
        raise ParameterError(f"There are {len(ids)} images to learn patterns from", "Give hundreds, two at least.")
    walk = Walk.of(clf, Subject())
    sums: list[list[np.ndarray]] = []
    step = batch_size(clf.card)
    for start in range(0, len(ids), step):
        batch = dataset.batch(ids[start : start + step].tolist(), clf.card.input_shape, clf.card.resize)
        found = _moments(clf, walk, batch)
        moments = [found[place : place + 4] for place in range(0, len(found), 4)]
        if not sums:
            sums = [[np.zeros_like(moment, np.float64) for moment in layer] for layer in moments]
        for kept, layer in zip(sums, moments, strict=True):
            for total, moment in zip(kept, layer, strict=True):
                total += moment
        progress.step(min(start + step, len(ids)), len(ids))
    kernels = _kernels(clf, walk, sums)
    return Patterns(kernels, clf.card.fingerprint, f"{dataset.card.fingerprint} {len(ids)} {seed}")


def _moments(clf: Classifier, walk: Walk, batch: Any) -> tuple[Any, ...]:
    """Return, layer by layer, the sums of input × output, of input, of output, and how often each neuron counts."""
    import tensorflow as tf

    def explain(raw: Tensor) -> Any:
        values, _, _ = forward(clf, walk, scores.prepared(clf, raw), tf.fill((tf.shape(raw)[0],), -1), "logits")
        found: list[Tensor] = []
        for name, linear, x in walk.linears(values):
            y = linear.run(x)
            counts = tf.cast(y > 0, y.dtype) if walk.rectified(name) else tf.ones_like(y)
            axes = list(range(len(y.shape) - 1))
            found += [_to_kernel(linear, x, y * counts), _to_kernel(linear, x, counts)]
            found += [tf.reduce_sum(y * counts, axes), tf.reduce_sum(counts, axes)]
        return tuple(found)

    return scores.traced(clf, ("moments", batch.dtype.name), explain, clf.signature(batch.dtype))(batch)


def _to_kernel(linear: Linear, x: Tensor, upstream: Tensor) -> Tensor:
    """Return the sum over images and positions of inputs × `upstream`, shaped as the kernel."""
    return pulled(lambda kernel: linear.apply(x, kernel), linear.kernel, upstream)


def _kernels(clf: Classifier, walk: Walk, sums: list[list[np.ndarray]]) -> dict[str, Floats]:
    import tensorflow as tf

    blank = tf.zeros((1, *clf.card.input_shape))
    values, _, _ = forward(clf, walk, blank, tf.zeros((1,), tf.int32), "logits")
    found: dict[str, Floats] = {}
    for (name, linear, _), layer in zip(walk.linears(values), sums, strict=True):
        products, inputs, outputs, counts = (tf.constant(total, tf.float64) for total in layer)
        times = tf.maximum(counts, 1)
        mean = linear.to_outputs(divide(outputs, times))
        covariance = products / linear.to_outputs(times) - inputs / linear.to_outputs(times) * mean
        read = linear.over_inputs(tf.cast(linear.kernel, tf.float64) * covariance)  # what the weights read from it
        found[name] = divide(covariance, linear.to_outputs(read)).numpy().astype(np.float32)
    return found


class WithPatterns:
    """The way back of PatternNet and PatternAttribution: a gradient with patterns in the place of weights."""

    def __init__(self, patterns: Patterns, times_weights: bool) -> None:
        self.patterns = patterns
        self.times_weights = times_weights

    def linear(self, place: Place, linear: Linear, x: Tensor, relevance: Tensor) -> Tensor:
        """Go back with the pattern, or with pattern × weights."""
        import tensorflow as tf

        kernel = linear.kernel
        if kernel is not None:
            pattern = tf.constant(self.patterns.kernels[place.name])
            kernel = kernel * pattern if self.times_weights else pattern
        return pulled(lambda given: linear.apply(given, kernel), x, relevance)

    def elementwise(self, part: Elementwise, x: Tensor, relevance: Tensor) -> Tensor:
        """Go back with the activation's gradient."""
        return pulled(part.run, x, relevance)

    def sum(self, part: Sum, xs: list[Tensor], relevance: Tensor) -> list[Tensor]:
        """Give each term the whole."""
        return [sign * relevance for sign in part.signs]

    def normalisation(self, step: Step, x: Tensor, relevance: Tensor) -> Tensor:
        """Go back with its gradient."""
        return pulled(lambda given: call(step, {step.inputs[0]: given}), x, relevance)
