"""NNVis: test and understand image classifiers.

The public API. `import nnvis_dash as nnvis` is cheap: a name is loaded when it is first used, and TensorFlow when the
first function is called that needs it.

>>> import nnvis_dash as nnvis
>>> clf = nnvis.load_classifier("model.keras")  # doctest: +SKIP
>>> data = nnvis.load_dataset("images.npz")  # doctest: +SKIP
>>> nnvis.index(clf, data).probabilities  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnvis_dash.analysis.attacks import Adversarial, attack, attacks
    from nnvis_dash.analysis.attacks.minimal import MinimalEpsilon, minimal_epsilon
    from nnvis_dash.analysis.attribution import Attribution, attribute, methods
    from nnvis_dash.analysis.classifier import Classifier, load_classifier
    from nnvis_dash.analysis.doctor import Diagnosis, doctor
    from nnvis_dash.analysis.index import Index, index
    from nnvis_dash.analysis.minimal_evidence import MinimalEvidence, minimal_evidence
    from nnvis_dash.analysis.prediction_difference import PredictionDifference, prediction_difference
    from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
    from nnvis_dash.analysis.projections import Projection, project
    from nnvis_dash.analysis.relevance.patterns import Patterns, learn_patterns
    from nnvis_dash.analysis.response import Response, default_degrees, respond, response
    from nnvis_dash.analysis.transformations import transform, transformations
    from nnvis_dash.state.edits import Edit
    from nnvis_dash.workspace.datasets import Dataset, load_dataset
    from nnvis_dash.workspace.store import Workspace

__version__ = "0.1.0"

_PLACES = {
    "Adversarial": "nnvis_dash.analysis.attacks",
    "Attribution": "nnvis_dash.analysis.attribution",
    "Classifier": "nnvis_dash.analysis.classifier",
    "Dataset": "nnvis_dash.workspace.datasets",
    "Diagnosis": "nnvis_dash.analysis.doctor",
    "Edit": "nnvis_dash.state.edits",
    "Index": "nnvis_dash.analysis.index",
    "MinimalEpsilon": "nnvis_dash.analysis.attacks.minimal",
    "MinimalEvidence": "nnvis_dash.analysis.minimal_evidence",
    "PatchModel": "nnvis_dash.analysis.prediction_difference.patch_model",
    "Patterns": "nnvis_dash.analysis.relevance.patterns",
    "PredictionDifference": "nnvis_dash.analysis.prediction_difference",
    "Projection": "nnvis_dash.analysis.projections",
    "Response": "nnvis_dash.analysis.response",
    "Workspace": "nnvis_dash.workspace.store",
    "attack": "nnvis_dash.analysis.attacks",
    "attacks": "nnvis_dash.analysis.attacks",
    "attribute": "nnvis_dash.analysis.attribution",
    "default_degrees": "nnvis_dash.analysis.response",
    "doctor": "nnvis_dash.analysis.doctor",
    "index": "nnvis_dash.analysis.index",
    "learn_patterns": "nnvis_dash.analysis.relevance.patterns",
    "load_classifier": "nnvis_dash.analysis.classifier",
    "load_dataset": "nnvis_dash.workspace.datasets",
    "methods": "nnvis_dash.analysis.attribution",
    "minimal_epsilon": "nnvis_dash.analysis.attacks.minimal",
    "minimal_evidence": "nnvis_dash.analysis.minimal_evidence",
    "prediction_difference": "nnvis_dash.analysis.prediction_difference",
    "project": "nnvis_dash.analysis.projections",
    "respond": "nnvis_dash.analysis.response",
    "response": "nnvis_dash.analysis.response",
    "transform": "nnvis_dash.analysis.transformations",
    "transformations": "nnvis_dash.analysis.transformations",
}

__all__ = [
    "Adversarial",
    "Attribution",
    "Classifier",
    "Dataset",
    "Diagnosis",
    "Edit",
    "Index",
    "MinimalEpsilon",
    "MinimalEvidence",
    "PatchModel",
    "Patterns",
    "PredictionDifference",
    "Projection",
    "Response",
    "Workspace",
    "attack",
    "attacks",
    "attribute",
    "default_degrees",
    "doctor",
    "index",
    "learn_patterns",
    "load_classifier",
    "load_dataset",
    "methods",
    "minimal_epsilon",
    "minimal_evidence",
    "prediction_difference",
    "project",
    "respond",
    "response",
    "transform",
    "transformations",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'nnvis_dash' has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
