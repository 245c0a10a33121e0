"""`similarity`: how alike the layers of two classifiers see the same samples, by linear CKA from minibatches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

MINIBATCH = 128
FEWEST = 4  # samples of a minibatch: for fewer the estimate isn't defined
MOST_LAYERS = 64  # of each classifier
MOST_SAMPLES = 10_000
NUMBERS = 2**15  # of a layer and a sample; larger maps are averaged over blocks


@dataclass(frozen=True)
class SimilarityParameters(KindParameters):
    """Two classifiers over samples of a dataset, chosen at random in proportion to the labels."""

    batch: ClassVar[bool] = True
    dataset: str = ""  # fingerprint
    models: list = field(default_factory=list)  # type: ignore[type-arg]  # fingerprints: rows, columns
    n_samples: int = field(default=512, metadata={"low": FEWEST, "high": MOST_SAMPLES})
    seed: int = 0

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return "layers of " + " and ".join(workspace.model(model).name for model in self.models)


@KINDS.register(
    "similarity",
    title="Layer similarity",
    reference="Nguyen, Raghu, Kornblith, ICLR 2021, arXiv:2010.15327",
    parameters=SimilarityParameters,
)
def similarity(job: Job, parameters: SimilarityParameters) -> None:
    """Compare each layer with units of one classifier with each of the other.

    Keeps values (R, C) float64; the card has the layers of the rows and columns, n and batches.
    """
    from nnvis_dash.analysis.model_diff.similarity import MinibatchCKA
    from nnvis_dash.analysis.stratified import choose_samples

    if len(parameters.models) != 2:
        raise ParameterError(f"The layers of {len(parameters.models)} classifiers are to be compared", "Give two.")
    data = job.dataset(parameters.dataset)
    ids = choose_samples(data.labels, len(data), parameters.n_samples, parameters.seed)
    ids = np.random.default_rng(parameters.seed).permutation(ids)  # minibatches of all classes
    parts = [part for part in np.split(ids, range(MINIBATCH, len(ids), MINIBATCH)) if len(part) >= FEWEST]
    if not parts:
        raise ParameterError(f"The dataset has {len(data)} images", f"Layers are compared over {FEWEST} or more.")
    classifiers = [job.classifier(model) for model in parameters.models]
    layers = [_layers(clf) for clf in classifiers]
    sums = MinibatchCKA()
    for number, part in enumerate(parts):
        job.progress(number, len(parts), "comparing layers")
        first, second = (
            _outputs(job, clf, data.batch(part.tolist(), clf.card.input_shape, clf.card.resize), names)
            for clf, names in zip(classifiers, layers, strict=True)
        )
        sums.add(first, second)
    job.progress(len(parts), len(parts), "comparing layers")
    found = sums.result()
    card = {"rows": list(found.rows), "columns": list(found.columns), "n": found.n, "batches": found.batches}
    job.save({"values": found.values}, {"dataset": parameters.dataset, "models": list(parameters.models), **card})


def _layers(clf: Classifier) -> tuple[str, ...]:
    """Return the layers with units; of more than `MOST_LAYERS` so many, evenly spread, the last one among them."""
    from nnvis_dash.analysis.mutation.recording import known_layers

    names = known_layers(clf.card, None)
    if len(names) <= MOST_LAYERS:
        return names
    return tuple(names[place] for place in np.linspace(0, len(names) - 1, MOST_LAYERS).round().astype(int))


def _outputs(job: Job, clf: Classifier, images: Any, layers: tuple[str, ...]) -> dict[str, Any]:
    """Return the layers' outputs for a minibatch, large maps averaged over blocks."""
    from nnvis_dash.analysis.model_diff.pooling import pooled
    from nnvis_dash.analysis.mutation.recording import recorded

    held: dict[str, list[Any]] = {name: [] for name in layers}
    for part in recorded(clf, images, layers):
        job.check()
        for name in layers:
            held[name].append(pooled(part.outputs[name], NUMBERS))
    return {name: np.concatenate(outputs) for name, outputs in held.items()}
