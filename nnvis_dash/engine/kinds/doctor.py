"""`doctor`: which preprocessing a classifier wants, and whether its classes stand in the right order, on a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnvis_dash.engine.chunks import Arrays, gather, in_chunks
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.state.ids import content_key

if TYPE_CHECKING:
    import numpy.typing as npt

    from nnvis_dash.analysis.doctor import Plan
    from nnvis_dash.engine.job import Job
    from nnvis_dash.types import ModelCard
    from nnvis_dash.workspace.store import Workspace

FIRST = 4  # samples of the first chunk: each is tried some sixteen times
_LEFT = "left"  # the part that says which candidates are still tried after the first samples


@dataclass(frozen=True)
class DoctorParameters(KindParameters):
    """Which classifier on which dataset, by their fingerprints; how many samples, drawn with which seed."""

    batch: ClassVar[bool] = True
    model: str = ""
    dataset: str = ""
    samples: int = 500
    seed: int = 0
    names: str = ""  # stands for the classifier's class names, which its fingerprint doesn't know

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"Doctor: {workspace.model(self.model).name} on {workspace.dataset(self.dataset).card.name}"


def request(model: ModelCard, dataset: str, samples: int = 500, seed: int = 0) -> Request:
    """Return the request for a diagnosis of a classifier as its card is now.

    Parameters
    ----------
    model : ModelCard
    dataset : str
        Fingerprint.
    samples, seed : int
        See `analysis.doctor.doctor`.
    """
    names = content_key(list(model.class_names)) if model.class_names else ""
    given = {"model": model.fingerprint, "dataset": dataset, "samples": samples, "seed": seed, "names": names}
    return Request("doctor", given)


@KINDS.register("doctor", title="Doctor", reference="", parameters=DoctorParameters)
def doctor(job: Job, parameters: DoctorParameters) -> None:
    """Find the preprocessing with which a classifier is right; the artifact's card holds the diagnosis."""
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.doctor import judge, worth_going_on

    plan = _plan(job)
    n, n_screen = len(plan.ids), plan.n_screen
    if _LEFT not in job.parts.names():
        in_chunks(job, n_screen, rows_of, "trying preprocessings", first=FIRST)
        seen = gather(job, n_screen, _room)
        left = worth_going_on(dict(seen), plan.part(0, n_screen)[1])
        job.parts.save(_LEFT, {"candidates": np.array(left, np.int32)})
    in_chunks(job, n, rows_of, "comparing the best", first=FIRST)
    rows = dict(gather(job, n, _room))
    classifier = job.classifier(parameters.model)
    card = job.workspace.model(parameters.model)  # a warm classifier may have the class names of before
    found = judge(Classifier(classifier.model, card), job.dataset(parameters.dataset), plan, rows, parameters.seed)
    job.save({"sample_ids": plan.ids}, {"diagnosis": found.to_json()})
    job.parts.clear()


def rows_of(job: Job, start: int, stop: int) -> Arrays:
    """Try the candidates on the samples start..stop-1 of the plan: one chunk."""
    from nnvis_dash.analysis.doctor.trials import try_candidates

    parameters: DoctorParameters = job.request.read
    plan = _plan(job)
    chosen = None
    if start >= plan.n_screen:
        chosen = [int(number) for number in job.parts.load(_LEFT)["candidates"]]
    ids, labels = plan.part(start, stop)
    classifier, dataset = job.classifier(parameters.model), job.dataset(parameters.dataset)
    return try_candidates(classifier, dataset, ids, plan.candidates, labels, chosen, job.wanted)


def _plan(job: Job) -> Plan:
    from nnvis_dash.analysis.doctor import Plan

    parameters: DoctorParameters = job.request.read
    dataset = job.dataset(parameters.dataset)
    return Plan.of(job.workspace.model(parameters.model), dataset, parameters.samples, parameters.seed)


def _room(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    return np.empty(shape, dtype)
