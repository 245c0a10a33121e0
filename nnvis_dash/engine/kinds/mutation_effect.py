"""`mutation_effect`: what freezing units does to a dataset, image by image and class by class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnvis_dash.analysis.card import chunk_size
from nnvis_dash.analysis.mutation.effect import effect_arrays, effect_of, effect_rows, units_said
from nnvis_dash.analysis.mutation.frozen import frozen_units
from nnvis_dash.analysis.mutation.truth import truth
from nnvis_dash.engine.chunks import Arrays, gather, in_chunks
from nnvis_dash.engine.kinds import KINDS, KindParameters

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class MutationEffectParameters(KindParameters):
    """Which classifier over which dataset, and its frozen units: {layer: [numbers]}."""

    batch: ClassVar[bool] = True
    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    frozen: dict = field(default_factory=dict)  # type: ignore[type-arg]

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        card = workspace.model(self.model)
        units = units_said(frozen_units(card, self.frozen))
        return f"{units} of {card.name} frozen, over {workspace.dataset(self.dataset).card.name}"


@KINDS.register("mutation_effect", title="Effect of freezing", reference="", parameters=MutationEffectParameters)
def mutation_effect(job: Job, parameters: MutationEffectParameters) -> None:
    """Measure accuracy and probabilities of a dataset with units frozen, against without.

    Keeps what `analysis.mutation.effect.load_effect` reads.
    """
    card = job.workspace.model(parameters.model)
    dataset = job.dataset(parameters.dataset)
    frozen = frozen_units(card, parameters.frozen)
    right = truth(card, dataset)
    in_chunks(job, len(dataset), rows_of, "freezing", first=chunk_size(card))

    def room(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        return np.empty(shape, dtype)

    rows = gather(job, len(dataset), room)
    arrays, plain = effect_arrays(effect_of(card, frozen, rows, right.against, right.note))
    job.save(arrays, {"model": parameters.model, "dataset": parameters.dataset, **plain})
    job.parts.clear()


def rows_of(job: Job, start: int, stop: int) -> Arrays:
    """Measure samples start..stop-1: one chunk."""
    parameters: MutationEffectParameters = job.request.read
    classifier = job.classifier(parameters.model)
    dataset = job.dataset(parameters.dataset)
    card = classifier.card
    images = dataset.batch(range(start, stop), card.input_shape, card.resize)
    labels = truth(card, dataset).labels
    frozen = frozen_units(card, parameters.frozen)
    return effect_rows(classifier, images, frozen, None if labels is None else labels[start:stop])
