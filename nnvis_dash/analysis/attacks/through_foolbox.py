"""Foolbox's attacks on a classifier: pixels as 0..1, logits, progress from inside, random numbers of our own.

What Foolbox gives back is no more than a proposal: of attacks that fail, some return a black image.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks.gradients import gradients
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.attacks import Goal
    from nnvis_dash.analysis.classifier import Classifier


class Bounds(NamedTuple):
    """Of the pixels that Foolbox sees."""

    lower: float
    upper: float


EXACT = Bounds(0.0, 1.0)
ROUNDED = Bounds(-0.5 / 255, 255.5 / 255)  # what rounds to 0..255


class LogitModel:
    """A classifier as Foolbox calls a model: EagerPy tensors (n, h, w, c) in 0..1 to logits (n, K).

    Every call tells the progress, and so can be where a job is cancelled.

    Parameters
    ----------
    clf : Classifier
    calls : int
        How many calls are expected at most.
    bounds : Bounds
    """

    def __init__(self, clf: Classifier, calls: int, bounds: Bounds = EXACT) -> None:
        self.bounds = bounds
        self._logits = _logits_of_units(clf)
        self._calls = calls
        self._done = 0

    def __call__(self, x: Any) -> Any:
        self._done += 1
        progress.step(min(self._done, self._calls), self._calls)
        values = self._logits(x.raw)
        return type(x)(values.numpy() if isinstance(x.raw, np.ndarray) else values)


def foolbox() -> Any:
    """Return the module, imported on the first call."""
    # Its zoo of models imports GitPython, which else refuses to load where no git is installed.
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import foolbox as module

    return module


def run(clf: Classifier, images: Floats, goal: Goal, attack: Any, calls: int, bounds: Bounds = EXACT) -> Floats:
    """Run one of Foolbox's attacks that need gradients.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    attack : foolbox.attacks.Attack
    calls : int
        Passes that it makes at most, for the progress.
    bounds : Bounds
        Of what it may propose.

    Returns
    -------
    (n, h, w, c) float32, within 255 times the bounds: proposals.

    Raises
    ------
    ParameterError
        A classifier through which no gradient flows.
    """
    import tensorflow as tf
    from eagerpy.tensor.tensorflow import TensorFlowTensor

    gradients(clf, images[:1], goal.take([0]))  # which says what to use instead
    x = TensorFlowTensor(tf.constant(images / 255, tf.float32))
    found = attack.run(LogitModel(clf, calls, bounds), x, _criterion(goal, tf.constant))
    return np.asarray(255 * found.raw.numpy(), np.float32)


def run_seeded(
    clf: Classifier, images: Floats, starts: Floats, goal: Goal, attack: Any, calls: int, seed: int
) -> Floats:
    """Run one of Foolbox's attacks that need decisions only, from starting points, with random numbers of a seed.

    It runs on NumPy arrays whose random numbers are its own: the global generators that Foolbox draws from elsewhere
    belong to everyone in the process.

    Parameters
    ----------
    clf : Classifier
    images, starts : (n, h, w, c) float32, 0..255
        Starts reach the goal; those that don't (a classifier may answer differently by a rounding error for a batch of
        another size) are left out, and the image comes back as it was.
    goal : Goal
    attack : foolbox.attacks.Attack
    calls, seed : int

    Returns
    -------
    (n, h, w, c) float32, 0..255: proposals.
    """
    tensor = _tensors(seed)
    model = LogitModel(clf, calls)
    result = images.copy()
    rows = np.arange(len(images))
    while rows.size:
        begin = tensor(starts[rows] / np.float32(255))
        reached = goal.take(rows).reached(model(begin).raw)
        if reached.all():
            found = attack.run(
                model,
                tensor(images[rows] / np.float32(255)),
                _criterion(goal.take(rows), tensor),
                starting_points=begin,
            )
            result[rows] = 255 * found.raw
            break
        rows = rows[reached]
    return result


def _criterion(goal: Goal, tensor: Callable[[Any], Any]) -> Any:
    if goal.targets is None:
        return foolbox().Misclassification(tensor(goal.labels.astype(np.int64)))
    return foolbox().TargetedMisclassification(tensor(goal.targets.astype(np.int64)))


def _tensors(seed: int) -> Any:
    """Return a class of EagerPy's NumPy tensors that draw normal numbers float32 from one generator of their own."""
    from eagerpy.tensor.numpy import NumPyTensor

    rng = np.random.default_rng(seed)

    class Seeded(NumPyTensor):
        __slots__ = ()

        def normal(self, shape: Any, mean: float = 0.0, stddev: float = 1.0) -> Any:
            return type(self)((mean + stddev * rng.standard_normal(shape)).astype(np.float32))

    return Seeded


def _logits_of_units(clf: Classifier) -> Callable[[Any], Any]:
    """Return the function from pixels (n, h, w, c) float32 in 0..1 to logits (n, K), traced once for a classifier."""

    def build() -> Callable[[Any], Any]:
        import tensorflow as tf

        def compute(x: Any) -> Any:
            # Cut to what an image can hold, but for the gradient, which would stop at black and white.
            x = x + tf.stop_gradient(tf.clip_by_value(x, 0.0, 1.0) - x)
            return clf.scores(255.0 * x, output="logits")

        return tf.function(compute, autograph=False).get_concrete_function(clf.signature(tf.float32))

    return clf.compiled("logits of pixels 0..1", build)
