"""`response`: what a classifier says of images over the degree of one change, after the edits that they have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

MOST = 64  # images of one response
WHOLE = 32  # images of which every curve is kept; of more only mean and band


@dataclass(frozen=True)
class ResponseParameters(KindParameters):
    """Which images, classifier and change. An image is written as `state.references.Reference.plain`.

    Where the stack of an image's edits has the transformation already, its degree there is what changes, and the edits
    behind it are made after it; else it comes behind them all.
    """

    dataset: str = ""  # fingerprint
    samples: list = field(default_factory=list)  # type: ignore[type-arg]
    model: str = ""  # fingerprint
    name: str = "rotation"  # a transformation, or "adversarial"
    count: int = field(default=41, metadata={"low": 2, "high": 401})  # degrees
    parameters: dict = field(default_factory=dict)  # type: ignore[type-arg]  # the transformation's others

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        n = len(self.samples)
        return f"response to {self.name} of {'an image' if n == 1 else f'{n} images'}"


@KINDS.register("response", title="Response", reference="", parameters=ResponseParameters)
def response(job: Job, parameters: ResponseParameters) -> None:
    """Compute response curves.

    Keeps degrees (D,) float64, identity () float64, prediction (n, D) int32, first_flip (n,) float64 and probabilities
    (n, D, K) float32; of more than `WHOLE` images mean, low and high (D, K) float32 in their place: the mean and the
    quantiles 0.1 and 0.9. Of "adversarial" also the first image as the classifier sees it, clean (1, h, w, c) uint8,
    and direction (1, h, w, c) int8, along which its values go.
    """
    from nnvis_dash.analysis.progress import reporting
    from nnvis_dash.analysis.references import image_of, working
    from nnvis_dash.analysis.response import ADVERSARIAL, adversarial_direction, default_degrees, respond
    from nnvis_dash.analysis.transformations import edited
    from nnvis_dash.state.edits import place_of
    from nnvis_dash.state.references import Reference

    n = len(parameters.samples)
    if not 1 <= n <= MOST:
        raise ParameterError(f"The response of {n} images is wanted", f"Give 1 to {MOST}.")
    clf = job.classifier(parameters.model)
    dataset = job.dataset(parameters.dataset)
    read = [Reference.read(sample) for sample in parameters.samples]
    edits = read[0].edits
    if any(reference.edits != edits for reference in read):
        raise ParameterError("The images have different edits", "Ask for those with the same ones together.")
    adversarial = parameters.name == ADVERSARIAL
    place = len(edits) if adversarial else place_of(edits, parameters.name)
    own = {**dict(edits[place].parameters if place < len(edits) else ()), **parameters.parameters}
    own.pop("degree", None)
    before = [Reference(reference.sample, reference.derived, edits[:place]) for reference in read]

    def image(reference: Reference) -> Any:
        return image_of(reference, dataset, job.workspace.derived)

    def other(sample: int) -> Any:
        return image(Reference(sample))

    images = [working(image(reference)) for reference in before]
    with reporting(job.progress):
        found = respond(
            clf,
            images,
            parameters.name,
            default_degrees(parameters.name, parameters.count),
            then=lambda changed: edited(changed, edits[place + 1 :], other),
            lookup=other,
            **own,
        )
    arrays: dict[str, Any] = {
        "degrees": found.degrees,
        "identity": np.asarray(found.identity),
        "prediction": found.prediction,
        "first_flip": found.first_flip,
    }
    if n <= WHOLE:
        arrays["probabilities"] = found.probabilities
    else:
        low, high = found.band()
        arrays |= {"mean": found.mean(), "low": low, "high": high}
    if adversarial:
        clean, direction = adversarial_direction(clf, images[:1])
        arrays |= {"clean": clean, "direction": direction}
    job.save(
        arrays,
        {
            "name": parameters.name,
            "parameters": dict(parameters.parameters),
            "model": parameters.model,
            "dataset": parameters.dataset,
            "samples": list(parameters.samples),
        },
    )
