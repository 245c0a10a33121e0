"""JSMA: few values, changed a lot, two at a time, as the Jacobian's saliency map says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks import ATTACKS, Goal, proposals
from nnvis_dash.analysis.attacks.gradients import gradients
from nnvis_dash.analysis.graph import Tensor
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Floats, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class JSMA:
    """Parameters of JSMA."""

    theta: float = field(
        default=1.0,
        metadata={"help": "change of a value per step, of the range; below 0 darkens", "low": -1.0, "high": 1.0},
    )
    gamma: float = field(
        default=0.145, metadata={"help": "share of the values that may change", "low": 0.0, "high": 1.0}
    )
    others: str = field(
        default="weighted",
        metadata={"help": "the other classes: weighted by probability, or all alike", "choices": ("weighted", "all")},
    )
    steps: int = field(default=300, metadata={"help": "of two values each, at most", "low": 0, "high": 100_000})


@ATTACKS.register(
    "jsma",
    title="JSMA",
    reference='Papernot et al., "The limitations of deep learning in adversarial settings", EuroS&P 2016, '
    "arXiv:1511.07528, algorithm 3",
    parameters=JSMA,
    traits=("l0", "targeted", "gradients", "slow"),
)
def jsma(clf: Classifier, images: Floats, goal: Goal, parameters: JSMA) -> Floats:
    """Change the two values that most raise the target's logit and lower the others', and then the next two.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
        Without targets: towards the class with the greatest logit besides the label.
    parameters : JSMA

    Returns
    -------
    (n, h, w, c) float32, whole numbers 0..255
        The steps are of whole pixel values, one at least, so that rounding changes nothing. Where the goal isn't
        reached: the image with the greatest margin on the way.

    Raises
    ------
    ParameterError
        theta is 0, or a classifier through which no gradient flows.

    References
    ----------
    Papernot et al., "The limitations of deep learning in adversarial settings", EuroS&P 2016, arXiv:1511.07528,
    algorithm 3 and eq. 10 (theta above 0), eq. 11 (below). The forward derivative is that of the logits. With `others`
    "all" the other classes' derivatives are added up as in the paper, hopeless ones and all; "weighted" adds them by
    the probability that each has among the others, and so lowers what is in the way (on a LeNet of MNIST towards given
    classes that took half as many pixels).
    """
    if parameters.theta == 0:
        raise ParameterError("JSMA: theta is 0, so nothing would change", "Give a number from -1 to 1, but 0.")
    step = np.sign(parameters.theta) * max(1.0, np.rint(255 * abs(parameters.theta)))
    steps = min(parameters.steps, int(parameters.gamma * images[0].size / 2))
    gradients(clf, images[:1], goal.take([0]))  # which says what to use instead where none flows

    def propose(images: Floats, goal: Goal) -> Floats:
        x = images.reshape(len(images), -1).copy()
        best, greatest = x.copy(), np.full(len(x), -np.inf, np.float32)
        targets = _runners_up(clf, images, goal)
        left = np.arange(len(x))
        for done in range(steps + 1):
            now = x[left].reshape(-1, *images.shape[1:])
            margin = proposals.margins(clf.logits(now), goal.take(left))
            better = margin > greatest[left]
            best[left[better]], greatest[left[better]] = x[left[better]], margin[better]
            left = left[~(margin > 0)]
            if done == steps or not left.size:
                break
            now = x[left].reshape(-1, *images.shape[1:])
            towards, away = (
                part.reshape(len(left), -1) for part in _slopes(clf, now, targets[left], parameters.others)
            )
            going = np.zeros(len(left), np.bool_)
            for number, row in enumerate(left):
                open_ = np.flatnonzero(x[row] < 255 if step > 0 else x[row] > 0)
                sign = np.float32(np.sign(step))
                pair = best_pair(sign * towards[number, open_], -sign * away[number, open_])
                if pair is not None:
                    chosen = open_[list(pair)]
                    x[row, chosen] = np.clip(x[row, chosen] + step, 0, 255)
                    going[number] = True
            left = left[going]
            progress.step(done + 1, steps)
        return best.reshape(images.shape)

    return proposals.for_unreached(clf, images, goal, propose)


def best_pair(rises: Floats, falls: Floats) -> tuple[int, int] | None:
    """Return the two numbers p, q with the greatest (a_p + a_q)(b_p + b_q), both factors positive; None: no such two.

    Parameters
    ----------
    rises, falls : (d,) float32
        How much each value raises the target's logit and lowers the others'.

    Notes
    -----
    All d² pairs needn't be looked at: with q kept, a p that is above another in both a and b gives a greater product.
    So p is behind none but q, and both are on the first two Pareto fronts, of a few dozen values. Exact.
    """
    d = len(rises)
    if d < 2:
        return None
    order = np.lexsort((-falls, -rises))
    first = _front(falls[order])
    behind = order[~first]
    few = np.concatenate([order[first], behind[_front(falls[behind])]])
    a = np.add.outer(rises[few], rises[few])
    b = np.add.outer(falls[few], falls[few])
    product = np.where((a > 0) & (b > 0), a * b, -np.inf)
    np.fill_diagonal(product, -np.inf)
    p, q = np.unravel_index(product.argmax(), product.shape)
    return (int(few[p]), int(few[q])) if product[p, q] > -np.inf else None


def _front(falls: Floats) -> npt.NDArray[np.bool_]:
    """Return which values, in the order of falling rises, no earlier one is at least as great as."""
    before = np.concatenate([np.full(1, -np.inf, np.float32), np.maximum.accumulate(falls)[:-1]])
    return np.asarray(falls > before)


def _runners_up(clf: Classifier, images: Floats, goal: Goal) -> Ints:
    """Return the classes (n,) to go to: the targets, or the likeliest besides the labels."""
    if goal.targets is not None:
        return goal.targets
    logits = clf.logits(images)
    np.put_along_axis(logits, goal.labels[:, None], -np.inf, axis=1)
    return logits.argmax(axis=1).astype(np.int32)


def _slopes(clf: Classifier, images: Floats, targets: Ints, weighing: str) -> tuple[Floats, Floats]:
    """Return by raw pixels the gradients (n, h, w, c) of the target's logit, and of the others together."""

    def build() -> Any:
        import tensorflow as tf

        def compute(raw: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                tape.watch(raw)
                logits = clf.scores(raw, output="logits")
                own = tf.gather(logits, targets, axis=1, batch_dims=1)
                if weighing == "all":
                    others = tf.reduce_sum(logits, axis=1) - own
                else:  # whose derivative is the others' own, weighted by softmax
                    left_out = tf.one_hot(targets, logits.shape[1], -np.inf, 0.0)
                    others = tf.reduce_logsumexp(logits + left_out, axis=1)
            return tape.gradient(own, raw), tape.gradient(others, raw)

        function = tf.function(compute, autograph=False)
        return function.get_concrete_function(clf.signature(tf.float32), tf.TensorSpec((None,), tf.int32))

    import tensorflow as tf

    own, others = clf.compiled(("attack", "slopes", weighing), build)(tf.constant(images), tf.constant(targets))
    return own.numpy(), others.numpy()
