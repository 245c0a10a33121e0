"""`erased_region`: what a classifier says of a sample of which a drawn region isn't known."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.kinds.prediction_difference import image_title, patches_of, sample_of
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

SHOWN = 3  # samples that are kept as pictures


@dataclass(frozen=True)
class RegionParameters(KindParameters):
    """Which region of which sample; `runs` are [row, first column, one past the last], in the classifier's input."""

    dataset: str = ""  # fingerprint
    sample: int | str = 0  # as `state.references.Reference.plain` writes it
    model: str = ""  # fingerprint
    targets: list = field(default_factory=list)  # type: ignore[type-arg]  # classes; none: the most probable ones
    runs: list = field(default_factory=list)  # type: ignore[type-arg]
    samples: int = 20
    outer: int = 8
    sampler: str = "conditional"
    seed: int = 0
    laplace: int = 100_000

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        return f"a region of {image_title(self.sample)}"


@KINDS.register("erased_region", title="Region", reference="", parameters=RegionParameters)
def erased_region(job: Job, parameters: RegionParameters) -> None:
    """Marginalise a region; keeps evidence, error, probability, without, targets (T,) and three filled images."""
    from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
    from nnvis_dash.analysis.prediction_difference.question import Question, pool
    from nnvis_dash.analysis.prediction_difference.region import erase

    clf = job.classifier(parameters.model)
    question = Question(
        1, parameters.outer, parameters.samples, parameters.sampler, 1, parameters.seed, parameters.laplace
    )
    question.check(clf.card)
    image = sample_of(job, parameters.model, parameters.dataset, parameters.sample)
    mask = _mask(parameters.runs, clf.card.input_shape[:2])
    patches = patches_of(job, parameters.model, parameters.dataset, question)
    if patches is None:
        source: Any = pool(clf, job.dataset(parameters.dataset))
    else:
        source = PatchModel.from_artifact(job.workspace.artifacts.load(patches))
    found = erase(clf, image, mask, source, parameters.targets, question)
    job.save(
        {
            "evidence": found.evidence,
            "error": found.error,
            "probability": found.probability,
            "without": found.without,
            "targets": found.targets,
            "filled": np.clip(np.rint(found.filled[:SHOWN]), 0, 255).astype(np.uint8),
        },
        asdict(parameters),
    )


def _mask(runs: Any, size: tuple[int, int]) -> Any:
    """Return the region (height, width) bool; ParameterError for runs that don't lie inside."""
    mask = np.zeros(size, bool)
    for run in runs:
        whole = isinstance(run, (list, tuple)) and len(run) == 3 and all(type(entry) is int for entry in run)
        if not whole or not (0 <= run[0] < size[0] and 0 <= run[1] < run[2] <= size[1]):
            raise ParameterError(
                f"A part of the region is {run!r}",
                f"Give [row, first column, one past the last], inside {size[1]} × {size[0]} pixels.",
            )
        mask[run[0], run[1] : run[2]] = True
    return mask
