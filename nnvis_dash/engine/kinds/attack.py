"""`attack`: changes of images, as small as can be, that make a classifier err; verified from what was saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.engine.job import Job
    from nnvis_dash.types import Ints
    from nnvis_dash.workspace.datasets import Dataset
    from nnvis_dash.workspace.store import Workspace

MOST = 64  # images of one attack
SEARCHED = 64 / 255  # largest epsilon of the search for the smallest, of the pixels' range: a quarter of it


@dataclass(frozen=True)
class AttackParameters(KindParameters):
    """Which images, classifier and attack. An image is written as `state.references.Reference.plain`."""

    dataset: str = ""  # fingerprint
    samples: list = field(default_factory=list)  # type: ignore[type-arg]
    model: str = ""  # fingerprint
    method: str = "fgsm"
    parameters: dict = field(default_factory=dict)  # type: ignore[type-arg]  # the attack's own
    target: int | None = None  # the class to be reached; None: any other
    labels: str = field(default="prediction", metadata={"choices": ("prediction", "label")})  # the classes to be left
    minimal: bool = False  # search the smallest epsilon that flips, in place of a given one

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        n = len(self.samples)
        return f"{self.method} on {'an image' if n == 1 else f'{n} images'}"


@KINDS.register("attack", title="Attack", reference="", parameters=AttackParameters)
def attack(job: Job, parameters: AttackParameters) -> None:
    """Attack images.

    Keeps images and clean (n, h, w, c) uint8 in the classifier's input size, success, success_before_rounding (n,)
    bool, probabilities and clean_probabilities (n, K) float32, linf, l2 (n,) float32 in pixel values 0..255, changed
    (n,) int32 pixels, labels and predictions (n,) int32: the classes that were to be left and what is said of `images`;
    of a search for the smallest also epsilon (n,) float32, of the pixels' range, NaN where none was found. The card
    says how it was made, and under `tried` in words.
    """
    from nnvis_dash.analysis.progress import reporting
    from nnvis_dash.analysis.references import batch_of

    n = len(parameters.samples)
    if not 1 <= n <= MOST:
        raise ParameterError(f"{n} images are to be attacked", f"Give 1 to {MOST}.")
    clf = job.classifier(parameters.model)
    dataset = job.dataset(parameters.dataset)
    clean = batch_of(parameters.samples, dataset, job.workspace.derived, clf.card.input_shape, clf.card.resize)
    before = clf.predict(clean)
    labels = _labels(job, clf, dataset, parameters, before)
    with reporting(job.progress):
        found = (_smallest if parameters.minimal else _bounded)(clf, clean, labels, parameters)
    change = found["images"].astype(np.float32) - clean
    after = clf.predict(found["images"])
    job.save(
        {
            "clean": clean,
            "clean_probabilities": before,
            "probabilities": after,
            "predictions": after.argmax(axis=1).astype(np.int32),
            "labels": labels,
            "linf": np.abs(change).max(axis=(1, 2, 3)),
            "l2": np.sqrt((change**2).sum(axis=(1, 2, 3))),
            "changed": (change != 0).any(axis=3).sum(axis=(1, 2)).astype(np.int32),
            **found,
        },
        {
            "method": parameters.method,
            "parameters": dict(parameters.parameters),
            "model": parameters.model,
            "dataset": parameters.dataset,
            "samples": list(parameters.samples),
            "target": parameters.target,
            "left": parameters.labels,
            "minimal": parameters.minimal,
            "tried": tried(parameters, clf.card.class_names),
        },
    )


def _bounded(clf: Classifier, clean: Any, labels: Ints, parameters: AttackParameters) -> dict[str, Any]:
    from nnvis_dash.analysis.attacks import attack as attacked

    found = attacked(clf, clean, labels, parameters.method, parameters.target, **parameters.parameters)
    return {name: getattr(found, name) for name in ("images", "success", "success_before_rounding")}


def _smallest(clf: Classifier, clean: Any, labels: Ints, parameters: AttackParameters) -> dict[str, Any]:
    from nnvis_dash.analysis.attacks.minimal import minimal_epsilon

    own = {name: value for name, value in parameters.parameters.items() if name != "epsilon"}
    found = minimal_epsilon(clf, clean, labels, parameters.method, parameters.target, high=SEARCHED, **own)
    # Every trial was verified after rounding, and nothing else counts as found.
    return {
        "images": found.images,
        "success": found.found,
        "success_before_rounding": found.found,
        "epsilon": found.epsilon,
    }


def _labels(job: Job, clf: Classifier, dataset: Dataset, parameters: AttackParameters, before: Any) -> Ints:
    """Return the classes to be left (n,): what the classifier says, or where it is asked for and known the label."""
    from nnvis_dash.analysis.classes import as_outputs
    from nnvis_dash.state.references import Reference

    said = before.argmax(axis=1).astype(np.int32)
    if parameters.labels == "prediction":
        return said
    known = dataset.labels
    own = []
    for sample in parameters.samples:
        reference = Reference.read(sample)
        if reference.derived:
            label = job.workspace.derived.get(reference.derived).label
            own.append(-1 if label is None else label)
        else:
            own.append(-1 if known is None else int(known[reference.sample]))
    outputs = as_outputs(np.asarray(own, np.int32), dataset.card.class_names, clf.card.class_names)
    return np.where(outputs >= 0, outputs, said).astype(np.int32)


def tried(parameters: AttackParameters, class_names: tuple[str, ...] = ()) -> str:
    """Say in words what an attack tried."""
    from nnvis_dash.analysis.attacks import ATTACKS

    entry = ATTACKS[parameters.method]
    read = entry.read({name: value for name, value in parameters.parameters.items() if value is not None})
    words = [entry.title]
    if "bounded" in entry.traits:
        if parameters.minimal:
            words.append(f"every ε up to {SEARCHED * 255:g}/255")
        else:
            words.append(f"ε = {read.epsilon:g}" if "l2" in entry.traits else f"ε = {read.epsilon * 255:g}/255")
    words += [
        f"{value:g} {name.replace('_', ' ')}"
        for name, value in vars(read).items()
        if name in ("steps", "restarts", "queries", "pixels", "generations", "population")
    ]
    if parameters.target is None:
        words.append("towards any other class")
    else:
        known = parameters.target < len(class_names)
        words.append(f"towards {class_names[parameters.target] if known else f'class {parameters.target}'}")
    return ", ".join(words)
