"""What the attacks' proposals share: who needs one, how near it is, and that rounding to 8 bits doesn't undo it.

Invariant: what comes back reaches the goal or is the image as it was; whatever an attack from elsewhere says of itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.attacks.rounding import rounded_within
from nnvis_dash.types import Floats

if TYPE_CHECKING:
    from nnvis_dash.analysis.attacks import Goal
    from nnvis_dash.analysis.classifier import Classifier

# How much longer a change is made so that it outlives rounding.
_STRETCHES = (1.0, 1.02, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0)
_ANY_LENGTH = 1e9  # finite, so that rounding keeps a change as long as it was


def margins(logits: Floats, goal: Goal) -> Floats:
    """Return (n,) how far logits (n, K) are beyond the goal: negative where it isn't reached.

    The target's logit minus the largest other, or the largest other minus the label's.
    """
    classes = (goal.labels if goal.targets is None else goal.targets)[:, None]
    own = np.take_along_axis(logits, classes, axis=1)[:, 0]
    others = logits.copy()
    np.put_along_axis(others, classes, -np.inf, axis=1)
    best = others.max(axis=1)
    return best - own if goal.targets is None else own - best


def for_unreached(clf: Classifier, images: Floats, goal: Goal, propose: Callable[[Floats, Goal], Floats]) -> Floats:
    """Ask for proposals for the images that don't reach the goal as they are; the others come back unchanged.

    Parameters
    ----------
    clf : Classifier
    images : (n, h, w, c) float32, 0..255
    goal : Goal
    propose : function (images, goal) -> proposals
        Of some of the images, at least one.
    """
    rows = np.flatnonzero(~goal.reached(clf.predict(images)))
    result = images.copy()
    if rows.size:
        result[rows] = propose(images[rows], goal.take(rows))
    return result


def outliving_rounding(clf: Classifier, images: Floats, proposed: Floats, goal: Goal) -> Floats:
    """Return the proposals that reach the goal, the images as they were for the others.

    A smallest change ends just behind the boundary, and rounding may push it back, most of all where the image is
    large and each value changes by less than a half. Such a change is rounded so that it stays as long as it is, and
    stretched by the smallest factor, up to 3, after which the image reaches the goal. Where none does, the proposal
    stays as it was, with its fractions.

    Parameters
    ----------
    clf : Classifier
    images, proposed : (n, h, w, c) float32, 0..255
        The images hold whole numbers.
    goal : Goal
    """
    usable = np.isfinite(proposed).all(axis=(1, 2, 3), keepdims=True)
    proposed = np.clip(np.where(usable, proposed, images), 0, 255)
    ahead = goal.reached(clf.predict(proposed))
    result = np.where(ahead[:, None, None, None], proposed, images).astype(np.float32)
    kept = goal.reached(clf.predict(np.rint(result)))
    left = np.flatnonzero(ahead & ~kept)
    for factor in _STRETCHES:
        if not left.size:
            break
        longer = images[left] + factor * (proposed[left] - images[left])
        whole = rounded_within(images[left].astype(np.uint8), longer, _ANY_LENGTH, "l2")
        enough = goal.take(left).reached(clf.predict(whole))
        result[left[enough]] = whole[enough]
        left = left[~enough]
    return result
