"""FGSM and PGD beside Foolbox's and ART's: the same networks, images and epsilons, how many images flip, and the time.

Nothing of ART is needed by NNVis, and what isn't installed is left out. The others get the Keras network itself, its
last softmax taken off, so that they have nothing from NNVis. The networks for MNIST are read from the folder of real
data that the tests use, and left out where it isn't there.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import vgg16_at_32
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.attacks import ATTACKS, Goal, attack
from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.demo.build import WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT
from nnvis_dash.demo.shapes import draw_shapes
from nnvis_dash.workspace.datasets import load_dataset

Array = np.ndarray[Any, Any]
Contestant = Callable[[Array, Array, float], Array]  # images uint8, labels, epsilon 0..1 -> images 0..255 float
EPSILONS = (2, 4, 8, 16)  # of 255
STEPS, STEP_SIZE = 20, 0.125  # of PGD; a step as a share of epsilon
REAL = Path(os.environ.get("NNVIS_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class Case:
    """A network with images that it knows."""

    name: str
    clf: Classifier
    network: Any  # Keras: pixels 0..1 to logits
    images: Array  # (N, h, w, c) uint8, all of them predicted right
    labels: Array  # (N,) int32


def without_softmax(clf: Classifier) -> Any:
    """Return the Keras network from pixels 0..1 to logits."""
    import keras

    if clf.card.preprocessing.name not in ("unit", "raw"):
        raise ValueError(f"not done for the preprocessing {clf.card.preprocessing.name}")
    twin = keras.models.clone_model(clf.model)
    twin.set_weights(clf.model.get_weights())
    twin.layers[-1].activation = keras.activations.linear
    inputs = keras.Input(clf.card.input_shape)
    scaled = keras.layers.Rescaling(255)(inputs) if clf.card.preprocessing.name == "raw" else inputs
    return keras.Model(inputs, twin(scaled))


def known(name: str, clf: Classifier, images: Array, labels: Array, n: int) -> Case:
    """Return a case of the first n images that the network predicts right."""
    right = np.flatnonzero(clf.predict(images).argmax(axis=1) == labels)[:n]
    return Case(name, clf, without_softmax(clf), images[right], labels[right].astype(np.int32))


def cases(n: int) -> Iterator[Case]:
    """Yield the networks of the demo's shapes, and of MNIST where they are."""
    data = draw_shapes()
    ids = np.flatnonzero((data.extras["split"] == HELD_OUT) & (data.extras["flaw"] == 0))
    for name in ("shapes-small", "shapes-medium", "shapes-vgg13"):
        clf = load_classifier(WEIGHTS / f"{name}.keras", read_cards()[name]["preprocessing"], data.class_names)
        yield known(name, clf, data.images[ids], data.labels[ids], n)
    for name in ("lenet1", "lenet4"):
        file, folder = REAL / "models" / "mnist" / f"{name}.keras", REAL / "mnist"
        if not file.is_file():
            print(f"left out: {name}, which is not in {REAL.name}")
            continue
        digits = load_dataset(next(iter(sorted(folder.glob("*images*")))))
        yield known(f"MNIST {name}", load_classifier(file, "unit"), np.asarray(digits.images), digits.labels, n)


def ours(case: Case, method: str) -> Contestant:
    """Return the bare attack: what it proposes, before rounding and verifying."""
    entry = ATTACKS[method]
    given = {} if method == "fgsm" else {"steps": STEPS, "step_size": STEP_SIZE}
    size = 256

    def run(images: Array, labels: Array, epsilon: float) -> Array:
        parts = []
        for start in range(0, len(images), size):
            here = slice(start, start + size)
            goal = Goal(labels[here], None, 255 * epsilon)
            read = entry.read({**given, "epsilon": epsilon})
            parts.append(entry.function(case.clf, images[here].astype(np.float32), goal, read))
        return np.concatenate(parts)

    return run


def foolbox(case: Case, method: str) -> Contestant:
    """Return Foolbox's."""
    import foolbox
    import tensorflow as tf

    model = foolbox.TensorFlowModel(case.network, bounds=(0, 1))
    chosen = (
        foolbox.attacks.LinfFastGradientAttack()
        if method == "fgsm"
        else foolbox.attacks.LinfPGD(steps=STEPS, rel_stepsize=STEP_SIZE)
    )
    size = 256

    def run(images: Array, labels: Array, epsilon: float) -> Array:
        parts = []
        for start in range(0, len(images), size):
            x = tf.constant(images[start : start + size] / np.float32(255))
            y = tf.constant(labels[start : start + size].astype(np.int64))
            parts.append(255 * chosen.run(model, x, foolbox.Misclassification(y), epsilon=epsilon).numpy())
        return np.concatenate(parts)

    return run


def art(case: Case, method: str) -> Contestant:
    """Return ART's."""
    import tensorflow as tf
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescentTensorFlowV2
    from art.estimators.classification import TensorFlowV2Classifier

    estimator = TensorFlowV2Classifier(
        model=case.network,
        nb_classes=case.clf.card.n_classes,
        input_shape=case.clf.card.input_shape,
        loss_object=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, 1),
    )

    def run(images: Array, labels: Array, epsilon: float) -> Array:
        x = images / np.float32(255)
        given = {"eps": epsilon, "batch_size": 256}
        chosen = (
            FastGradientMethod(estimator, **given)
            if method == "fgsm"
            else ProjectedGradientDescentTensorFlowV2(
                estimator, eps_step=STEP_SIZE * epsilon, max_iter=STEPS, num_random_init=1, verbose=False, **given
            )
        )
        return np.asarray(255 * chosen.generate(x, y=labels))

    return run


CONTESTANTS: dict[str, Callable[[Case, str], Contestant]] = {"ours": ours, "Foolbox": foolbox, "ART": art}


def contestants(case: Case, method: str) -> dict[str, Contestant]:
    """Return those that are installed."""
    found = {}
    for name, make in CONTESTANTS.items():
        try:
            found[name] = make(case, method)
        except ImportError as error:
            print(f"not installed: {name} ({error})")
    return found


def logits(case: Case, images: Array) -> Array:
    """Return (N, K) what the Keras network itself says of images 0..255."""
    parts = [
        np.asarray(case.network(images[start : start + 256].astype(np.float32) / np.float32(255)))
        for start in range(0, len(images), 256)
    ]
    return np.concatenate(parts)


def flipped(case: Case, images: Array) -> Array:
    """Return (N,) whether the Keras network itself takes images 0..255 for another class."""
    return np.asarray(logits(case, images).argmax(axis=1) != case.labels)


def unsure(case: Case) -> Array:
    """Return (N,) whether the class's probability is less than 1 in float32, so that cross entropy has a gradient."""
    z = logits(case, case.images)
    shares = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray((shares / shares.sum(axis=1, keepdims=True)).max(axis=1) < 1)


def rates(case: Case, method: str, epsilons: tuple[int, ...]) -> list[tuple[str, ...]]:
    """Return a row for each epsilon: success before and after rounding, ours beside theirs."""
    rows = []
    every = contestants(case, method)
    open_ = unsure(case)
    for epsilon in epsilons:
        raw = {name: run(case.images, case.labels, epsilon / 255) for name, run in every.items()}
        whole = {name: np.clip(np.rint(values), 0, 255) for name, values in raw.items()}
        stored = attack(
            case.clf,
            case.images,
            case.labels,
            method,
            epsilon=epsilon / 255,
            **({} if method == "fgsm" else {"steps": STEPS, "step_size": STEP_SIZE}),
        )
        if not np.array_equal(stored.success, flipped(case, stored.images)):
            print("our verified success isn't what the Keras network says:", case.name, method, epsilon)
        row = [case.name, method, str(epsilon)]
        after = {name: stored.success if name == "ours" else flipped(case, whole[name]) for name in every}
        for name in CONTESTANTS:
            before = f"{100 * flipped(case, raw[name]).mean():.1f}" if name in every else ""
            row += [before, f"{100 * after[name].mean():.1f}" if name in every else ""]
        others = [name for name in every if name != "ours"]
        ahead = [f"{100 * (after['ours'][open_].mean() - after[name][open_].mean()):+.1f}" for name in others]
        same = [f"{100 * (whole[name] == whole['ours'])[open_].mean():.1f}" for name in others]
        rows.append((*row, f"{open_.sum()} of {len(open_)}", " / ".join(ahead), " / ".join(same)))
        print(*rows[-1], sep=" | ", flush=True)
    return rows


def speed(case: Case, n: int, rounds: int) -> list[tuple[str, ...]]:
    """Return a row for each method and contestant: CPU time by that of a forward pass, and milliseconds."""
    images = np.concatenate([case.images] * (n // len(case.images) + 1))[:n]
    labels = np.concatenate([case.labels] * (n // len(case.labels) + 1))[:n]
    rows = []
    for method, steps in (("fgsm", 1), ("pgd", STEPS)):
        every = contestants(case, method)
        if method == "pgd":
            every.pop("ART", None)  # as slow as Foolbox, and minutes for the large network
        runs: dict[str, Callable[[], object]] = {"forward pass": lambda: case.clf.predict(images)}
        runs |= {name: lambda run=run: run(images, labels, 4 / 255) for name, run in every.items()}
        if method == "fgsm":
            runs["ours, verified"] = lambda: attack(case.clf, images, labels, "fgsm", epsilon=4 / 255)
        times = interleaved(runs, rounds)
        base = times.pop("forward pass")
        for name, own in times.items():
            milliseconds = statistics.median(own.wall) * 1000
            rows.append((case.name, method, name, f"{own.ratio(base) / steps:.2f}", f"{milliseconds:.1f}"))
            print(*rows[-1], sep=" | ", flush=True)
    return rows


def untrained() -> Case:
    """Return a large network with random weights, which takes images for what it takes them for."""
    clf = Classifier.from_keras(vgg16_at_32(), preprocessing="unit")
    images = np.random.default_rng(1).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    return known("VGG-16 at 32 × 32", clf, images, clf.predict(images).argmax(axis=1).astype(np.int32), 64)


def main() -> None:
    """Compare, print, and keep on request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000, help="for the success rates of FGSM; PGD takes a tenth")
    parser.add_argument("--rounds", type=int, default=5, help="of the times")
    parser.add_argument("--batch", type=int, default=32, help="images of the times")
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    fast, iterated, times = [], [], []
    for case in cases(given.images):
        fast += rates(case, "fgsm", EPSILONS)
        few = given.images // 10
        iterated += rates(Case(case.name, case.clf, case.network, case.images[:few], case.labels[:few]), "pgd", (4, 8))
        if case.name in ("shapes-small", "shapes-vgg13", "MNIST lenet1"):
            times += speed(case, given.batch, given.rounds)
    times += speed(untrained(), given.batch, given.rounds)
    columns = [f"{name}, {when}" for name in CONTESTANTS for when in ("fractions", "8 bits")]
    text = (
        f"Success in % of the images that the network predicts right (at most {given.images:,}, for PGD "
        f"{given.images // 10:,}); epsilon in 255ths of the pixels' range; before and after rounding to 8 bits. All "
        "are judged by the Keras network itself. Where the class's probability is 1 in float32, the gradient of cross "
        "entropy, which the others go by, is 0, and ours isn't. *p < 1*: the other images; of them, how many points "
        "our success after rounding is ahead of Foolbox's / ART's, and what share of the pixel values is the same in "
        f"%. PGD: {STEPS} steps of {STEP_SIZE:g} epsilon from one random place each.\n\n"
        + table(
            ["network", "attack", "epsilon", *columns, "p < 1", "ahead there", "same values there"], [*fast, *iterated]
        )
        + f"\n\nTime of one step by that of a forward pass (`predict`) of the same {given.batch} images: CPU time of "
        "all threads; and milliseconds of wall time of the whole attack, longer where the machine was busy with other "
        f"work. *Verified*: with the first prediction, rounding and both verifications. PGD: {STEPS} steps.\n\n"
        + table(["network", "attack", "", "a step / forward pass", "ms"], times)
    )
    if given.write:
        write_section("attacks", "FGSM and PGD beside Foolbox and ART", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
