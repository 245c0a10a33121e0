"""`mutation_campaign`: every unit of some layers frozen by itself over a dataset.

A chunk is an interval of (layer, sample) pairs, layer after layer: late layers take little time for a sample, early
ones much. What a chunk keeps are counts, which add up; so chunks that overlap must not both be counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from nnvis_dash.analysis.mutation.campaign import campaign_arrays, campaign_of, chosen_layers
from nnvis_dash.analysis.mutation.tally import Counts, layer_counts, merged
from nnvis_dash.analysis.mutation.truth import sample_ids, truth
from nnvis_dash.engine.chunks import Arrays, in_chunks, looking, part_interval, part_name
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nnvis_dash.engine.desk import Desk
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.datasets import Dataset
    from nnvis_dash.workspace.store import Workspace

FIRST = 2  # pairs of the first chunk: an early layer's may take seconds
TRIES = 2  # runs whose chunks may turn out not to fit together


@dataclass(frozen=True)
class MutationCampaignParameters(KindParameters):
    """Which classifier over which samples, and the layers whose units are frozen."""

    batch: ClassVar[bool] = True
    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    layers: list = field(default_factory=list)  # type: ignore[type-arg]  # empty: all but the last with units
    samples: str = ""  # as `state.ids.encode_ids` writes them; empty: all

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        card = workspace.model(self.model)
        layers = chosen_layers(card, self.layers or None)
        where = layers[0] if len(layers) == 1 else f"{len(layers)} layers"
        return f"each unit of {where} of {card.name} frozen, over {workspace.dataset(self.dataset).card.name}"


@KINDS.register("mutation_campaign", title="Mutation campaign", reference="", parameters=MutationCampaignParameters)
def mutation_campaign(job: Job, parameters: MutationCampaignParameters) -> None:
    """Freeze every unit of some layers, one at a time, and count what that does to each class.

    Keeps what `analysis.mutation.campaign.load_campaign` reads.
    """
    card = job.workspace.model(parameters.model)
    layers = chosen_layers(card, parameters.layers or None)
    dataset = job.dataset(parameters.dataset)
    ids = chosen(job, parameters, dataset)
    right = truth(card, dataset)
    total = len(layers) * len(ids)
    for _ in range(TRIES):
        in_chunks(job, total, counts_of, "freezing one unit at a time", first=FIRST)
        cover = exact_cover(filter(None, map(part_interval, job.parts.names())), total)
        if cover is not None:
            break
        job.parts.clear()
    else:
        raise EngineError("The campaign's parts don't fit together", "Start it again.")
    found: dict[str, Counts] = {}
    for interval in cover:
        part = job.parts.load(part_name(*interval))
        for number, layer in enumerate(layers):
            counts = {name[len(own) :]: array for name, array in part.items() if name.startswith(own := f"{number}-")}
            if counts:
                found[layer] = merged((found[layer], counts), card.n_classes) if layer in found else counts
    arrays, plain = campaign_arrays(campaign_of(card, found, len(ids), right.against, right.note))
    job.save(arrays, {"model": parameters.model, "dataset": parameters.dataset, "samples": parameters.samples, **plain})
    job.parts.clear()


def counts_of(job: Job, start: int, stop: int) -> Arrays:
    """Count over pairs start..stop-1: one chunk; arrays as `layer_counts` names them behind the layer's number."""
    parameters: MutationCampaignParameters = job.request.read
    classifier = job.classifier(parameters.model)
    card = classifier.card
    dataset = job.dataset(parameters.dataset)
    layers = chosen_layers(card, parameters.layers or None)
    ids = chosen(job, parameters, dataset)
    labels = truth(card, dataset).labels
    look = looking(job)
    found: dict[str, npt.NDArray[np.generic]] = {}
    for number in range(start // len(ids), -(-stop // len(ids))):
        first = number * len(ids)
        some = ids[max(start - first, 0) : stop - first]
        images = dataset.batch(some, card.input_shape, card.resize)
        counts = layer_counts(
            classifier, images, None if labels is None else labels[some], layers[number], lambda pairs: look()
        )
        found |= {f"{number}-{name}": array for name, array in counts.items()}
    return found


def chosen(desk: Desk, parameters: MutationCampaignParameters, dataset: Dataset) -> npt.NDArray[np.int64]:
    """Return the ids of the samples that are used."""
    return sample_ids(dataset, desk.workspace.selections.ids(parameters.samples) if parameters.samples else None)


def exact_cover(intervals: Iterable[tuple[int, int]], total: int) -> list[tuple[int, int]] | None:
    """Return intervals that follow one another from 0 to `total`, None where no choice of them does.

    >>> exact_cover([(0, 2), (0, 3), (2, 5), (4, 5)], 5)
    [(0, 2), (2, 5)]
    """
    reached: dict[int, list[tuple[int, int]]] = {0: []}
    for start, stop in sorted(intervals):
        if start in reached:
            reached.setdefault(stop, [*reached[start], (start, stop)])
    return reached.get(total)
