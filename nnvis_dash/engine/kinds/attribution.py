"""`attribution`: which pixels of some samples carry a classifier's decision, by any registered method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds import KINDS, KindParameters
from nnvis_dash.engine.launch import require
from nnvis_dash.errors import ParameterError
from nnvis_dash.types import Unit

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace


@dataclass(frozen=True)
class AttributionParameters(KindParameters):
    """Which images, classifier and method. `layer` and `target` of None stand for the method's own choice.

    `targets`, one class an image, stand in place of the one `target` of all.

    Explained is a class; or, where `explained` names a layer, one of its units, or the mean of them all. An image is
    written as `state.references.Reference.plain`: a sample's number, or text.
    """

    dataset: str = ""  # fingerprint
    samples: list = field(default_factory=list)  # type: ignore[type-arg]  # sample ids
    model: str = ""  # fingerprint
    method: str = "grad_cam"
    layer: str | None = None
    explained: str | None = None
    unit: int | None = None  # channel of `explained`
    target: int | None = None
    targets: list = field(default_factory=list)  # type: ignore[type-arg]  # one a sample; empty: `target`
    output: str = "logits"
    parameters: dict = field(default_factory=dict)  # type: ignore[type-arg]  # the method's own
    frozen: dict = field(default_factory=dict)  # type: ignore[type-arg]  # a layer's name to its frozen units
    alike: bool = False  # without a target: all are explained for the first one's prediction

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job."""
        n = len(self.samples)
        return f"{self.method} of {'an image' if n == 1 else f'{n} images'}"


@KINDS.register("attribution", title="Attribution", reference="", parameters=AttributionParameters)
def attribution(job: Job, parameters: AttributionParameters) -> None:
    """Explain samples.

    Keeps heatmap (n, h, w) float32 in the classifier's input size, values (n, ...) float32 as the method gave them,
    target (n,) int32 and probability (n,) float32; the card says through which layer.
    """
    from nnvis_dash.analysis.attribution import attribute
    from nnvis_dash.analysis.progress import reporting
    from nnvis_dash.analysis.references import batch_of

    dataset = job.dataset(parameters.dataset)
    classifier = job.frozen(parameters.model, parameters.frozen)
    card = classifier.card
    images = batch_of(parameters.samples, dataset, job.workspace.derived, card.input_shape, card.resize)
    target: Any = np.asarray(parameters.targets) if parameters.targets else parameters.target
    if target is None and parameters.alike and parameters.explained is None:
        target = int(classifier.predict(images[:1])[0].argmax())
    layer, unit, own = asked_of(job, parameters)
    with reporting(job.progress):
        explained = attribute(
            classifier,
            images,
            parameters.method,
            target=target,
            layer=layer,
            unit=unit,
            output=parameters.output,
            **own,
        )
    job.save(
        {
            "heatmap": np.asarray(explained.heatmap(), np.float32),
            "values": np.asarray(explained.values, np.float32),
            "target": np.asarray(explained.target, np.int32),
            "probability": np.asarray(explained.probability, np.float32),
        },
        {
            "method": parameters.method,
            "layer": explained.layer,
            "explained": parameters.explained,
            "unit": parameters.unit,
            "output": parameters.output,
            "parameters": dict(parameters.parameters),
            "model": parameters.model,
            "dataset": parameters.dataset,
            "samples": list(parameters.samples),
            "frozen": dict(parameters.frozen),
        },
    )


def asked_of(job: Job, parameters: AttributionParameters) -> tuple[str | None, Unit | None, dict[str, Any]]:
    """Return the layer, the unit and the method's own parameters that `attribute` is asked with."""
    from nnvis_dash.analysis.attribution import METHODS

    layer, unit = _explained(parameters)
    own = dict(parameters.parameters)
    traits = METHODS[parameters.method].traits
    if "patterns" in traits:
        own["patterns"] = _patterns(job, parameters)
    if "images" in traits:
        own["patches"] = job.dataset(parameters.dataset)
    return layer, unit, own


def _patterns(job: Job, parameters: AttributionParameters) -> Any:
    """Return the classifier's patterns on the dataset, learned and kept when they are wanted first."""
    from nnvis_dash.analysis.relevance.patterns import Patterns

    request = Request("patterns", {"model": parameters.model, "dataset": parameters.dataset})
    return Patterns.from_artifact(require(job, request, "learning patterns"))


def _explained(parameters: AttributionParameters) -> tuple[str | None, Unit | None]:
    """Return the layer and the unit that `attribute` is asked for."""
    from nnvis_dash.analysis.attribution import METHODS

    if parameters.explained is None:
        if parameters.unit is not None:
            raise ParameterError(f"The unit {parameters.unit} is of no layer", "Choose its layer as well.")
        return parameters.layer, None
    if parameters.unit is not None:
        return parameters.layer, Unit(parameters.explained, parameters.unit)
    entry = METHODS[parameters.method]
    if "through a layer" in entry.traits:
        raise ParameterError(
            f"{entry.title} was asked for all units of {parameters.explained}", "It explains one: choose its number."
        )
    return parameters.explained, None
