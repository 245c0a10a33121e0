"""`quality`: what the deciding measures say of a stored attribution's heatmaps, and their badges.

The work is cut by the heatmap, in blocks that don't depend on how long they take, so that the same seed draws the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nnvis_dash.analysis.quality.thresholds import calibration
from nnvis_dash.engine.chunks import Arrays, gather, in_chunks, looking
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds import KINDS
from nnvis_dash.engine.kinds.attribution import AttributionParameters, asked_of
from nnvis_dash.engine.launch import require

if TYPE_CHECKING:
    from nnvis_dash.analysis.quality import Case
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

BLOCK = 4  # heatmaps that are measured together


@dataclass(frozen=True)
class QualityParameters(AttributionParameters):
    """Of which attribution: its own parameters; and the seed of all that measures draw."""

    batch: ClassVar[bool] = True
    version: ClassVar[int] = calibration()["edition"]  # other thresholds, other badges
    seed: int = 0

    @property
    def attribution(self) -> Request:
        """The request for the attribution that is measured."""
        return Request("attribution", {name: value for name, value in asdict(self).items() if name != "seed"})

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        n = len(self.samples)
        return f"quality of {self.method} on {'an image' if n == 1 else f'{n} images'}"


@KINDS.register("quality", title="Quality of heatmaps", reference="", parameters=QualityParameters)
def quality(job: Job, parameters: QualityParameters) -> None:
    """Measure an attribution's heatmaps.

    Keeps one (n,) float32 array a measure under the measure's name and badge (n,) int8, 0 fails, 1 doubtful, 2 passes;
    the card has the reasons of each sample, worst first, and the measures' names.
    """
    from nnvis_dash.analysis.quality.verdict import verdicts

    n = len(require(job, parameters.attribution, "explaining first").array("target"))
    in_chunks(job, -(-n // BLOCK), blocks_of, "measuring heatmaps", first=1)
    rows = gather(job, -(-n // BLOCK), lambda name, shape, dtype: np.empty(shape, dtype))
    values = {name: row.reshape(-1)[:n] for name, row in rows.items() if name != "none"}
    found = verdicts(values, n)
    job.save(
        {**values, "badge": np.array([one.badge for one in found], np.int8)},
        {
            "measures": list(values),
            "reasons": [one.plain() for one in found],
            "edition": calibration()["edition"],
            "attribution": parameters.attribution.key,
            **asdict(parameters),
        },
    )
    job.parts.clear()


def blocks_of(job: Job, start: int, stop: int) -> Arrays:
    """Measure blocks start..stop-1: one chunk; each array (stop - start, BLOCK), NaN behind the last heatmap."""
    from nnvis_dash.analysis.progress import reporting
    from nnvis_dash.analysis.quality.verdict import deciding, measured

    parameters: QualityParameters = job.request.read
    look = looking(job)
    rows: dict[str, list[Any]] = {"none": []}
    for block in range(start, stop):
        case = case_of(job, parameters, block * BLOCK, (block + 1) * BLOCK)
        with reporting(lambda done, total: look()):
            values = measured(case, deciding(case, parameters.explained is None)).values
        rows["none"].append(np.zeros(BLOCK, np.float32))
        for name, found in values.items():
            row = np.full(BLOCK, np.nan, np.float32)
            row[: len(found)] = found
            rows.setdefault(name, []).append(row)
    return {name: np.stack(row) for name, row in rows.items()}


def case_of(job: Job, parameters: QualityParameters, start: int, stop: int) -> Case:
    """Return heatmaps start..stop-1 of the stored attribution as a case; how they were made is known."""
    from nnvis_dash.analysis.attribution import METHODS, Attribution, attribute
    from nnvis_dash.analysis.quality import Case
    from nnvis_dash.analysis.references import batch_of

    classifier = job.frozen(parameters.model, parameters.frozen)
    card = classifier.card
    dataset = job.dataset(parameters.dataset)
    stored = job.workspace.artifacts.load(parameters.attribution.key)
    samples = parameters.samples[start:stop]
    images = batch_of(samples, dataset, job.workspace.derived, card.input_shape, card.resize)
    targets = np.array(stored.array("target")[start:stop])
    explained = Attribution(
        values=np.array(stored.array("values")[start:stop]),
        method=parameters.method,
        target=targets,
        layer=stored.card["layer"],
        output=parameters.output,
        probability=np.array(stored.array("probability")[start:stop]),
        size=card.input_shape[:2],
    )
    layer, unit, own = asked_of(job, parameters)

    def explain(classifier: Any, images: Any, targets: Any) -> Attribution:
        return attribute(
            classifier, images, parameters.method, targets, layer, unit=unit, output=parameters.output, **own
        )

    heatmaps = np.array(stored.array("heatmap")[start:stop])
    again = None if "images" in METHODS[parameters.method].traits else explain  # minutes each time: never for a badge
    return Case(classifier, images, heatmaps, targets, explained, again, seed=parameters.seed)
