"""What FGSM's family shares: which way to go, and walks that go there step by step within epsilon.

All of it goes by the *log-odds* of one class: ln p(class) − ln(1 − p(class)), from the logits. Cross entropy is a
function of it alone, so the gradients of both have the same direction, and only the direction counts here; but cross
entropy's own vanishes in float32 where a classifier is sure of itself (p = 1), and an attack would seem to fail. With
several sigmoids, too, p is the softmax of their log-odds: the prediction is the greatest, so all others compete for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import ATTACKS, Goal
from nnvis_dash.analysis.card import chunk_size
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier

_TINY = 1e-30  # what a length is at least, so that nothing is divided by 0
_PASSES = 3  # a step's cost in forward passes: there, and about twice as much back


@dataclass(frozen=True)
class Walk:
    """How a walk goes.

    Attributes
    ----------
    norm : {"linf", "l2"}
        Of the distance that is kept; each step has the steepest direction of that norm.
    steps : int
    step_size : float
        Length of a step as a share of epsilon.
    decay : float
        Share of the earlier directions that is kept (Dong et al., arXiv:1710.06081, eq. 6-7); 0: none.
    """

    norm: str
    steps: int
    step_size: float
    decay: float = 0.0


def gradients(clf: Classifier, images: Floats, goal: Goal) -> Floats:
    """Return which way the goal lies: the gradient of its log-odds by the raw pixels.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32
        Prepared, pixel values 0..255.
    goal : Goal
        Of these images.

    Returns
    -------
    (n, h, w, c) float32
        Rising towards the target, or away from the label.

    Raises
    ------
    ParameterError
        A classifier through which no gradient flows.
    """

    def build() -> Any:
        import tensorflow as tf

        def compute(raw: Tensor, classes: Tensor, sense: Tensor) -> Tensor:
            return _uphill(clf, raw, classes, sense)[0]

        function = tf.function(compute, autograph=False)
        return _traced(clf, function, clf.signature(tf.float32), *_question_specs())

    return np.asarray(clf.compiled(("attack", "gradients"), build)(*_tensors(images, *_question(goal))))


def walk(clf: Classifier, images: Floats, start: Floats, goal: Goal, how: Walk) -> tuple[Floats, Floats]:
    """Walk from `start` towards the goal, never further than epsilon from `images`, and return the best place seen.

    Parameters
    ----------
    clf : Classifier
    images, start : (n, h, w, c) float32
        Prepared, pixel values 0..255; `start` within epsilon of `images`.
    goal : Goal
        Of these images.
    how : Walk

    Returns
    -------
    (n, h, w, c) float32
        Of the start and of what follows it the place with the greatest margin, so that no success is lost on the way.
    (n,) float32
        Its margin: the target's logit above the greatest other, or the greatest other's above the label's. Positive
        where the goal is reached.

    Raises
    ------
    ParameterError
        As `gradients`.
    """
    import tensorflow as tf

    function = clf.compiled(("attack", "walk", how.norm), lambda: _walking(clf, how.norm))
    question = _tensors(images, *_question(goal), np.float32(goal.epsilon))
    pace = _tensors(np.float32(how.step_size * goal.epsilon), np.float32(how.decay))
    x = tf.convert_to_tensor(start)
    state = (x, tf.zeros_like(x), x, tf.fill((len(images),), -np.inf))
    at_once = max(1, chunk_size(clf.card) // (_PASSES * len(images)))
    for done in range(0, how.steps, at_once):
        now = min(at_once, how.steps - done)
        state = function(*question, *pace, tf.constant(now), *state)
        progress.step(done + now, how.steps)
    x, _, best, margin = state
    best, margin = clf.compiled(("attack", "better"), lambda: _comparing(clf))(*question[1:3], x, best, margin)
    return best.numpy(), margin.numpy()


def walks(clf: Classifier, images: Floats, starts: list[Floats], goal: Goal, how: Walk) -> Floats:
    """Walk from several starts and return the best place for each image; those that made it don't walk again.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32
    starts : list of (h, w, c) float32
        Changes to begin with, within epsilon; the same for all images, so that none depends on its neighbours.
    goal : Goal
    how : Walk

    Returns
    -------
    (n, h, w, c) float32
    """
    best = images.copy()
    margins = np.full(len(images), -np.inf, np.float32)
    for number, change in enumerate(starts):
        rows = np.flatnonzero(~(margins > 0))
        if not len(rows):
            break
        with progress.part(number, 1, len(starts)):
            found, margin = walk(clf, images[rows], np.clip(images[rows] + change, 0, 255), goal.take(rows), how)
        better = margin > margins[rows]
        best[rows[better]], margins[rows[better]] = found[better], margin[better]
    return best


def _question(goal: Goal) -> tuple[Any, Any]:
    """Return the classes whose log-odds count, and 1 where they are to rise, −1 where they are to fall."""
    return (goal.labels, np.float32(-1)) if goal.targets is None else (goal.targets, np.float32(1))


def _question_specs() -> tuple[Any, Any]:
    import tensorflow as tf

    return tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.float32)


def _tensors(*values: Any) -> tuple[Tensor, ...]:
    import tensorflow as tf

    return tuple(tf.convert_to_tensor(value) for value in values)


def _margins(logits: Tensor, classes: Tensor, sense: Tensor) -> tuple[Tensor, Tensor]:
    """Return (n,) how far the goal's log-odds and its margin are above 0, of logits (n, K)."""
    import tensorflow as tf

    own = tf.gather(logits, classes, axis=1, batch_dims=1)
    others = tf.where(tf.one_hot(classes, logits.shape[1], True, False, dtype=tf.bool), -np.inf, logits)
    log_odds = own - tf.reduce_logsumexp(others, axis=1)
    return sense * log_odds, sense * (own - tf.reduce_max(others, axis=1))


def _uphill(clf: Classifier, x: Tensor, classes: Tensor, sense: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient (n, h, w, c) of the goal's log-odds and the margin (n,) at x, inside a graph."""
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        log_odds, margin = _margins(clf.scores(x, output="logits"), classes, sense)
    found = tape.gradient(log_odds, x)
    if found is None:
        raise LookupError("none of the operations lets a gradient through")
    return found, margin


def _walking(clf: Classifier, norm: str) -> Any:
    """Return the compiled function that takes some steps; a place is judged when the next step begins there."""
    import tensorflow as tf

    images = clf.signature(tf.float32)
    number = tf.TensorSpec((), tf.float32)

    def steps(
        clean: Tensor,
        classes: Tensor,
        sense: Tensor,
        epsilon: Tensor,
        step_size: Tensor,
        decay: Tensor,
        n_steps: Tensor,
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        def step(done: Tensor, x: Tensor, velocity: Tensor, best: Tensor, greatest: Tensor) -> tuple[Tensor, ...]:
            gradient, margin = _uphill(clf, x, classes, sense)
            best, greatest = _better(x, margin, best, greatest)
            size = tf.reduce_sum(tf.abs(gradient), axis=(1, 2, 3), keepdims=True)
            velocity = decay * velocity + gradient / tf.maximum(size, _TINY)
            change = x - clean
            if norm == "linf":
                change = tf.clip_by_value(change + step_size * tf.sign(velocity), -epsilon, epsilon)
            else:
                change += step_size * velocity / tf.maximum(_length(velocity), _TINY)
                change *= tf.minimum(1.0, epsilon / tf.maximum(_length(change), _TINY))
            x = tf.ensure_shape(tf.clip_by_value(clean + change, 0.0, 255.0), images.shape)
            return done + 1, x, velocity, best, greatest

        return tf.while_loop(lambda done, *_: done < n_steps, step, (tf.constant(0), *state), parallel_iterations=1)[1:]

    margins = tf.TensorSpec((None,), tf.float32)
    specs = (images, *_question_specs(), number, number, number, tf.TensorSpec((), tf.int32))
    return _traced(clf, tf.function(steps, autograph=False), *specs, images, images, images, margins)


def _comparing(clf: Classifier) -> Any:
    """Return the compiled function that judges a walk's last place."""
    import tensorflow as tf

    def compare(classes: Tensor, sense: Tensor, x: Tensor, best: Tensor, greatest: Tensor) -> tuple[Tensor, Tensor]:
        _, margin = _margins(clf.scores(x, output="logits"), classes, sense)
        return _better(x, margin, best, greatest)

    images = clf.signature(tf.float32)
    function = tf.function(compare, autograph=False)
    return _traced(clf, function, *_question_specs(), images, images, tf.TensorSpec((None,), tf.float32))


def _better(x: Tensor, margin: Tensor, best: Tensor, greatest: Tensor) -> tuple[Tensor, Tensor]:
    """Return the better of two places each, with its margin; what isn't a number is never better."""
    import tensorflow as tf

    better = margin > greatest
    return tf.where(better[:, None, None, None], x, best), tf.where(better, margin, greatest)


def _length(change: Tensor) -> Tensor:
    import tensorflow as tf

    return tf.sqrt(tf.reduce_sum(change * change, axis=(1, 2, 3), keepdims=True))


def _traced(clf: Classifier, function: Any, *specs: Any) -> Any:
    """Trace a function; where an operation has no gradient, say which attacks need none."""
    try:
        return function.get_concrete_function(*specs)
    except LookupError as error:
        able = [name for name, entry in ATTACKS.items() if "gradients" not in entry.traits]
        raise ParameterError(
            f"No gradient flows through the classifier {clf.card.name!r}, and the attack goes by gradients",
            f"Use one that needs only scores or decisions: {', '.join(able)}."
            if able
            else "Add the Keras model that the graph was made of.",
        ) from error
