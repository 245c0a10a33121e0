"""Attacks: the smallest changes that make a classifier err. One file an attack, found by the registry.

An attack is one function over one prepared batch that proposes images with fractions. What all share is done here,
once: reading parameters, labels and targets, batching, leaving alone what needs no change, rounding to the 8 bits of a
file *within* the allowed distance, and verifying success by what the classifier says of the rounded images. An attack's
own word is never taken for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis import progress
from nnvis_dash.analysis.attacks.rounding import rounded_within
from nnvis_dash.errors import ParameterError
from nnvis_dash.registry import Entry, Parameter, Registry
from nnvis_dash.types import Floats, Ints

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier


@dataclass(frozen=True)
class Goal:
    """What an attack is to reach for each image of a batch.

    Attributes
    ----------
    labels : (n,) int32
        The classes to be left.
    targets : (n,) int32 or None
        The classes to be reached; None: any other than the label.
    epsilon : float
        Largest allowed distance in the attack's norm, in pixel values 0..255: for L∞ of each value, for L2 of the whole
        image. Infinite for attacks that look for the smallest.
    """

    labels: Ints
    targets: Ints | None
    epsilon: float

    def reached(self, probabilities: Floats) -> npt.NDArray[np.bool_]:
        """Return (n,) whether the answers (n, K) are what the attack is after."""
        found = probabilities.argmax(axis=1)
        return found != self.labels if self.targets is None else found == self.targets

    def take(self, rows: Any) -> Goal:
        """Return the goal of some of the images."""
        return Goal(self.labels[rows], None if self.targets is None else self.targets[rows], self.epsilon)


# (classifier, prepared images (n, h, w, c) float32 in 0..255, goal, the attack's parameters) -> images like these
Attack: TypeAlias = Callable[["Classifier", Floats, Goal, Any], Floats]
ATTACKS: Registry[Attack] = Registry("attack", "nnvis_dash.analysis.attacks")

# Traits. Its norm: "linf", "l2", "l0" or "spatial" (no pixel distance). "bounded": keeps within epsilon; else it looks
# for the smallest change, and epsilon is not asked for. "targeted": can be given a target. "gradients", "scores" or
# "decisions": what it needs of the classifier. "slow": more than a few dozen passes.
NORMS = ("linf", "l2", "l0", "spatial")


def epsilon_field(default: float = 8 / 255, high: float = 1.0, help: str = "largest change of a value") -> Any:
    """Return the dataclass field `epsilon` of a bounded attack, in fractions of the pixels' range (pixels 0..1)."""
    return field(default=default, metadata={"help": help, "low": 0.0, "high": high})


@dataclass(frozen=True, eq=False)
class Adversarial:
    """What an attack came to; `images` are what a file would hold, and all that is said is said of them.

    Attributes
    ----------
    images : (N, h, w, c) uint8
        In the classifier's input size; where an attack found nothing, its last proposal, or the image as it was.
    method : str
    labels : (N,) int32
        The classes that were to be left.
    targets : (N,) int32 or None
        The classes that were to be reached.
    success : (N,) bool
        What the classifier says of `images` is what the attack was after.
    success_before_rounding : (N,) bool
        The same of the proposals with fractions.
    probabilities : (N, K) float32
        Of `images`.
    linf : (N,) float32
        Largest change of a pixel value, 0..255.
    l2 : (N,) float32
        Euclidean length of the change, pixel values 0..255.
    changed : (N,) int32
        Pixels of which a value changed.
    """

    images: npt.NDArray[np.uint8]
    method: str
    labels: Ints
    targets: Ints | None
    success: npt.NDArray[np.bool_]
    success_before_rounding: npt.NDArray[np.bool_]
    probabilities: Floats
    linf: Floats
    l2: Floats
    changed: Ints


def attack(
    clf: Classifier,
    images: Any,
    labels: int | npt.ArrayLike | None = None,
    method: str = "fgsm",
    target: int | npt.ArrayLike | None = None,
    **parameters: Any,
) -> Adversarial:
    """Look for small changes of images that make a classifier err.

    An image that the classifier takes for what it should already (another class than the label, or the target) stays as
    it is and counts as a success: nothing had to be changed.

    Parameters
    ----------
    clf : Classifier
    images : (N, H, W, C) array of raw pixels, 0..255
        Fitted to the classifier's input and rounded to 8 bits first: distances count from there.
    labels : int or (N,) int, optional
        The classes to be left; what the classifier predicts where none are given.
    method : str
        One of `attacks()`.
    target : int or (N,) int, optional
        The class to be reached, where the attack can.
    **parameters
        The attack's own, `epsilon` as a fraction of the pixels' range among them (8/255), see `attacks()`.

    Returns
    -------
    Adversarial

    Raises
    ------
    NotFound
        No such attack.
    ParameterError
        A parameter, class or shape that doesn't fit; says what does.
    """
    entry = ATTACKS[method]
    read = entry.read(parameters)
    if not len(images):
        raise ParameterError("There are no images to attack", "Give at least one.")
    if target is not None and "targeted" not in entry.traits:
        able = ", ".join(name for name, known in ATTACKS.items() if "targeted" in known.traits)
        raise ParameterError(f"{entry.title} can't be given a target", f"Use one of: {able}.")
    chosen = None if labels is None else _classes("label", labels, len(images), clf.card.n_classes)
    wanted = None if target is None else _classes("target", target, len(images), clf.card.n_classes)
    epsilon = 255 * float(read.epsilon) if "bounded" in entry.traits else float("inf")
    found: list[Adversarial] = []
    start = 0
    for batch in clf.batches(images):
        stop = start + len(batch)
        clean = np.clip(np.rint(batch), 0, 255).astype(np.uint8)
        said = clf.predict(clean)
        before = said.argmax(axis=1).astype(np.int32) if chosen is None else chosen[start:stop]
        goal = Goal(before, None if wanted is None else wanted[start:stop], epsilon)
        proposed = clean.astype(np.float32)
        rows = np.flatnonzero(~goal.reached(said)) if epsilon > 0 else np.empty(0, np.intp)
        with progress.part(start, len(batch), len(images)):
            if len(rows):
                proposed[rows] = entry.function(clf, proposed[rows], goal.take(rows), read)
            progress.step(1, 1)
        found.append(verified(clf, clean, proposed, goal, entry))
        start = stop
    return _joined(found)


def verified(
    clf: Classifier, clean: npt.NDArray[np.uint8], proposed: Floats, goal: Goal, entry: Entry[Attack]
) -> Adversarial:
    """Round an attack's proposals for the images `clean` and measure what came of them.

    What isn't finite or keeps no shape of an image is a failure of the attack: the image is left as it was.
    """
    usable = np.asarray(np.isfinite(proposed).all(axis=(1, 2, 3)))
    proposed = np.where(usable[:, None, None, None], proposed, clean).astype(np.float32)
    norm = next(norm for norm in NORMS if norm in entry.traits)
    kept = rounded_within(clean, proposed, goal.epsilon, norm)
    probabilities = clf.predict(kept)
    change = kept.astype(np.float32) - clean
    return Adversarial(
        images=kept,
        method=entry.name,
        labels=goal.labels,
        targets=goal.targets,
        success=goal.reached(probabilities),
        success_before_rounding=goal.reached(clf.predict(np.clip(proposed, 0, 255))),
        probabilities=probabilities,
        linf=np.abs(change).max(axis=(1, 2, 3)),
        l2=np.sqrt((change**2).sum(axis=(1, 2, 3))),
        changed=(change != 0).any(axis=3).sum(axis=(1, 2)).astype(np.int32),
    )


@dataclass(frozen=True)
class Description:
    """A registered attack as a user sees it."""

    title: str
    summary: str
    reference: str
    traits: frozenset[str]
    parameters: tuple[Parameter, ...]


def attacks() -> dict[str, Description]:
    """Return the registered attacks by name, with their parameters."""
    return {
        name: Description(entry.title, entry.summary, entry.reference, entry.traits, entry.form())
        for name, entry in ATTACKS.items()
    }


def _joined(parts: list[Adversarial]) -> Adversarial:
    def together(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return values[0] if isinstance(values[0], str) or values[0] is None else np.concatenate(values)

    return Adversarial(**{name: together(name) for name in Adversarial.__dataclass_fields__})


def _classes(what: str, given: int | npt.ArrayLike, n: int, n_classes: int) -> Ints:
    """Return (n,) int32 classes; ParameterError names those that there are."""
    values = np.asarray(given)
    if not np.issubdtype(values.dtype, np.integer) or values.ndim > 1 or (values.ndim == 1 and len(values) != n):
        raise ParameterError(f"The {what} is {given!r}", f"Give one class number for all {n} images, or one for each.")
    values = np.broadcast_to(values, (n,)).astype(np.int32)
    if values.size and (values.min() < 0 or values.max() >= n_classes):
        wrong = int(values[(values < 0) | (values >= n_classes)][0])
        raise ParameterError(f"There is no class {wrong}", f"Give a {what} from 0 to {n_classes - 1}.")
    return values


__all__ = ["ATTACKS", "Adversarial", "Attack", "Goal", "attack", "attacks", "epsilon_field", "verified"]
