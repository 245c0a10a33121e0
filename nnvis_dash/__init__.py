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
    from nnvis_dash.analysis.activation_area import ActivationArea, activation_area
    from nnvis_dash.analysis.architecture import Architecture, architecture
    from nnvis_dash.analysis.attacks import Adversarial, attack, attacks
    from nnvis_dash.analysis.attacks.minimal import MinimalEpsilon, minimal_epsilon
    from nnvis_dash.analysis.attribution import Attribution, attribute, methods
    from nnvis_dash.analysis.classifier import Classifier, load_classifier
    from nnvis_dash.analysis.compare_inputs import InputComparison, compare_inputs
    from nnvis_dash.analysis.doctor import Diagnosis, doctor
    from nnvis_dash.analysis.feature_visualisation import FeatureVisualisation, feature_visualisation
    from nnvis_dash.analysis.index import Index, index
    from nnvis_dash.analysis.layer_outputs import feature_maps, kernels
    from nnvis_dash.analysis.minimal_evidence import MinimalEvidence, minimal_evidence
    from nnvis_dash.analysis.model_diff.alignment import Alignment, align
    from nnvis_dash.analysis.model_diff.calibration import Calibration, calibration
    from nnvis_dash.analysis.model_diff.confusion import Confusion, confusion
    from nnvis_dash.analysis.model_diff.similarity import LayerSimilarity, MinibatchCKA, cka
    from nnvis_dash.analysis.model_diff.temperature import Temperature, fit_temperature
    from nnvis_dash.analysis.model_diff.transitions import Transitions, mcnemar, transitions
    from nnvis_dash.analysis.mutation import Mutation, mutate
    from nnvis_dash.analysis.mutation.campaign import MutationCampaign, mutation_campaign
    from nnvis_dash.analysis.mutation.effect import MutationEffect, mutation_effect
    from nnvis_dash.analysis.mutation.frozen import frozen_json, read_frozen
    from nnvis_dash.analysis.mutation.frozen_graph import frozen_classifier
    from nnvis_dash.analysis.mutation.smallest import BreakingSet, smallest_breaking_set, smallest_repairing_set
    from nnvis_dash.analysis.neural_patterns import (
        ErrorEnriched,
        NeuralPattern,
        NeuralPatterns,
        Recommended,
        Sequences,
        error_enriched_patterns,
        neural_patterns,
        recommended_patterns,
        unit_sequences,
    )
    from nnvis_dash.analysis.prediction_difference import PredictionDifference, prediction_difference
    from nnvis_dash.analysis.prediction_difference.patch_model import PatchModel
    from nnvis_dash.analysis.projections import Projection, project
    from nnvis_dash.analysis.quality import Quality, quality
    from nnvis_dash.analysis.quality.agreement import Agreement, agreement
    from nnvis_dash.analysis.quality.choice import trust
    from nnvis_dash.analysis.quality.table import Choice
    from nnvis_dash.analysis.quality.verdict import Verdict, verdict
    from nnvis_dash.analysis.receptive_field import ReceptiveField, receptive_field
    from nnvis_dash.analysis.relevance.patterns import Patterns, learn_patterns
    from nnvis_dash.analysis.response import Response, default_degrees, respond, response
    from nnvis_dash.analysis.review.label_errors import Examined, LabelErrors, label_errors
    from nnvis_dash.analysis.review.outliers import OutlierScores, outlier_scores
    from nnvis_dash.analysis.review.reviewing import Review, review
    from nnvis_dash.analysis.review.slices import Slice, slices
    from nnvis_dash.analysis.review.twins import Twins, near_duplicates
    from nnvis_dash.analysis.review.views import examine
    from nnvis_dash.analysis.simulation.breaking import BreakingPoints, breaking_points
    from nnvis_dash.analysis.simulation.change import Change, change
    from nnvis_dash.analysis.simulation.corruption_errors import CorruptionErrors, corruption_errors
    from nnvis_dash.analysis.simulation.curves import Curves, curves, simulate
    from nnvis_dash.analysis.simulation.distribution import Distribution, distribution
    from nnvis_dash.analysis.simulation.epsilon_curve import EpsilonCurve, accuracy_over_epsilon
    from nnvis_dash.analysis.simulation.pairs import PairGrid, pair_grid
    from nnvis_dash.analysis.simulation.queue import PriorityQueue, priority_queue
    from nnvis_dash.analysis.simulation.robustness import Robustness, robustness
    from nnvis_dash.analysis.simulation.sweep import Sweep, sweep
    from nnvis_dash.analysis.suggestion.common_classes import CommonClasses, common_classes
    from nnvis_dash.analysis.suggestion.one import Histogram, histogram, sample_scores
    from nnvis_dash.analysis.suggestion.reasons import heatmap_disagreement
    from nnvis_dash.analysis.suggestion.several import Suggestion, suggest
    from nnvis_dash.analysis.transformations import transform, transformations
    from nnvis_dash.analysis.units import (
        UnitStatistics,
        class_histogram,
        most_activating,
        unit_responses,
        unit_statistics,
    )
    from nnvis_dash.state.edits import Edit
    from nnvis_dash.types import Unit
    from nnvis_dash.workspace.datasets import Dataset, load_dataset
    from nnvis_dash.workspace.store import Workspace

__version__ = "0.1.0"

_PLACES = {
    "ActivationArea": "nnvis_dash.analysis.activation_area",
    "Adversarial": "nnvis_dash.analysis.attacks",
    "Agreement": "nnvis_dash.analysis.quality.agreement",
    "Alignment": "nnvis_dash.analysis.model_diff.alignment",
    "Architecture": "nnvis_dash.analysis.architecture",
    "Attribution": "nnvis_dash.analysis.attribution",
    "BreakingPoints": "nnvis_dash.analysis.simulation.breaking",
    "BreakingSet": "nnvis_dash.analysis.mutation.smallest",
    "Calibration": "nnvis_dash.analysis.model_diff.calibration",
    "Change": "nnvis_dash.analysis.simulation.change",
    "Choice": "nnvis_dash.analysis.quality.table",
    "Classifier": "nnvis_dash.analysis.classifier",
    "CommonClasses": "nnvis_dash.analysis.suggestion.common_classes",
    "Confusion": "nnvis_dash.analysis.model_diff.confusion",
    "CorruptionErrors": "nnvis_dash.analysis.simulation.corruption_errors",
    "Curves": "nnvis_dash.analysis.simulation.curves",
    "Dataset": "nnvis_dash.workspace.datasets",
    "Diagnosis": "nnvis_dash.analysis.doctor",
    "Distribution": "nnvis_dash.analysis.simulation.distribution",
    "Edit": "nnvis_dash.state.edits",
    "EpsilonCurve": "nnvis_dash.analysis.simulation.epsilon_curve",
    "ErrorEnriched": "nnvis_dash.analysis.neural_patterns",
    "Examined": "nnvis_dash.analysis.review.label_errors",
    "FeatureVisualisation": "nnvis_dash.analysis.feature_visualisation",
    "Histogram": "nnvis_dash.analysis.suggestion.one",
    "Index": "nnvis_dash.analysis.index",
    "InputComparison": "nnvis_dash.analysis.compare_inputs",
    "LabelErrors": "nnvis_dash.analysis.review.label_errors",
    "LayerSimilarity": "nnvis_dash.analysis.model_diff.similarity",
    "MinibatchCKA": "nnvis_dash.analysis.model_diff.similarity",
    "MinimalEpsilon": "nnvis_dash.analysis.attacks.minimal",
    "MinimalEvidence": "nnvis_dash.analysis.minimal_evidence",
    "Mutation": "nnvis_dash.analysis.mutation",
    "MutationCampaign": "nnvis_dash.analysis.mutation.campaign",
    "MutationEffect": "nnvis_dash.analysis.mutation.effect",
    "NeuralPattern": "nnvis_dash.analysis.neural_patterns",
    "NeuralPatterns": "nnvis_dash.analysis.neural_patterns",
    "OutlierScores": "nnvis_dash.analysis.review.outliers",
    "PairGrid": "nnvis_dash.analysis.simulation.pairs",
    "PatchModel": "nnvis_dash.analysis.prediction_difference.patch_model",
    "Patterns": "nnvis_dash.analysis.relevance.patterns",
    "PredictionDifference": "nnvis_dash.analysis.prediction_difference",
    "PriorityQueue": "nnvis_dash.analysis.simulation.queue",
    "Projection": "nnvis_dash.analysis.projections",
    "Quality": "nnvis_dash.analysis.quality",
    "ReceptiveField": "nnvis_dash.analysis.receptive_field",
    "Recommended": "nnvis_dash.analysis.neural_patterns",
    "Response": "nnvis_dash.analysis.response",
    "Review": "nnvis_dash.analysis.review.reviewing",
    "Robustness": "nnvis_dash.analysis.simulation.robustness",
    "Sequences": "nnvis_dash.analysis.neural_patterns",
    "Slice": "nnvis_dash.analysis.review.slices",
    "Suggestion": "nnvis_dash.analysis.suggestion.several",
    "Sweep": "nnvis_dash.analysis.simulation.sweep",
    "Temperature": "nnvis_dash.analysis.model_diff.temperature",
    "Transitions": "nnvis_dash.analysis.model_diff.transitions",
    "Twins": "nnvis_dash.analysis.review.twins",
    "Unit": "nnvis_dash.types",
    "UnitStatistics": "nnvis_dash.analysis.units",
    "Verdict": "nnvis_dash.analysis.quality.verdict",
    "Workspace": "nnvis_dash.workspace.store",
    "accuracy_over_epsilon": "nnvis_dash.analysis.simulation.epsilon_curve",
    "activation_area": "nnvis_dash.analysis.activation_area",
    "agreement": "nnvis_dash.analysis.quality.agreement",
    "align": "nnvis_dash.analysis.model_diff.alignment",
    "architecture": "nnvis_dash.analysis.architecture",
    "attack": "nnvis_dash.analysis.attacks",
    "attacks": "nnvis_dash.analysis.attacks",
    "attribute": "nnvis_dash.analysis.attribution",
    "breaking_points": "nnvis_dash.analysis.simulation.breaking",
    "calibration": "nnvis_dash.analysis.model_diff.calibration",
    "change": "nnvis_dash.analysis.simulation.change",
    "cka": "nnvis_dash.analysis.model_diff.similarity",
    "class_histogram": "nnvis_dash.analysis.units",
    "common_classes": "nnvis_dash.analysis.suggestion.common_classes",
    "compare_inputs": "nnvis_dash.analysis.compare_inputs",
    "confusion": "nnvis_dash.analysis.model_diff.confusion",
    "corruption_errors": "nnvis_dash.analysis.simulation.corruption_errors",
    "curves": "nnvis_dash.analysis.simulation.curves",
    "default_degrees": "nnvis_dash.analysis.response",
    "distribution": "nnvis_dash.analysis.simulation.distribution",
    "doctor": "nnvis_dash.analysis.doctor",
    "error_enriched_patterns": "nnvis_dash.analysis.neural_patterns",
    "examine": "nnvis_dash.analysis.review.views",
    "feature_maps": "nnvis_dash.analysis.layer_outputs",
    "feature_visualisation": "nnvis_dash.analysis.feature_visualisation",
    "fit_temperature": "nnvis_dash.analysis.model_diff.temperature",
    "frozen_classifier": "nnvis_dash.analysis.mutation.frozen_graph",
    "frozen_json": "nnvis_dash.analysis.mutation.frozen",
    "heatmap_disagreement": "nnvis_dash.analysis.suggestion.reasons",
    "histogram": "nnvis_dash.analysis.suggestion.one",
    "index": "nnvis_dash.analysis.index",
    "kernels": "nnvis_dash.analysis.layer_outputs",
    "label_errors": "nnvis_dash.analysis.review.label_errors",
    "learn_patterns": "nnvis_dash.analysis.relevance.patterns",
    "load_classifier": "nnvis_dash.analysis.classifier",
    "load_dataset": "nnvis_dash.workspace.datasets",
    "mcnemar": "nnvis_dash.analysis.model_diff.transitions",
    "methods": "nnvis_dash.analysis.attribution",
    "minimal_epsilon": "nnvis_dash.analysis.attacks.minimal",
    "minimal_evidence": "nnvis_dash.analysis.minimal_evidence",
    "most_activating": "nnvis_dash.analysis.units",
    "mutate": "nnvis_dash.analysis.mutation",
    "mutation_campaign": "nnvis_dash.analysis.mutation.campaign",
    "mutation_effect": "nnvis_dash.analysis.mutation.effect",
    "near_duplicates": "nnvis_dash.analysis.review.twins",
    "neural_patterns": "nnvis_dash.analysis.neural_patterns",
    "outlier_scores": "nnvis_dash.analysis.review.outliers",
    "pair_grid": "nnvis_dash.analysis.simulation.pairs",
    "prediction_difference": "nnvis_dash.analysis.prediction_difference",
    "priority_queue": "nnvis_dash.analysis.simulation.queue",
    "project": "nnvis_dash.analysis.projections",
    "quality": "nnvis_dash.analysis.quality",
    "read_frozen": "nnvis_dash.analysis.mutation.frozen",
    "receptive_field": "nnvis_dash.analysis.receptive_field",
    "recommended_patterns": "nnvis_dash.analysis.neural_patterns",
    "respond": "nnvis_dash.analysis.response",
    "response": "nnvis_dash.analysis.response",
    "review": "nnvis_dash.analysis.review.reviewing",
    "robustness": "nnvis_dash.analysis.simulation.robustness",
    "sample_scores": "nnvis_dash.analysis.suggestion.one",
    "simulate": "nnvis_dash.analysis.simulation.curves",
    "slices": "nnvis_dash.analysis.review.slices",
    "smallest_breaking_set": "nnvis_dash.analysis.mutation.smallest",
    "smallest_repairing_set": "nnvis_dash.analysis.mutation.smallest",
    "suggest": "nnvis_dash.analysis.suggestion.several",
    "sweep": "nnvis_dash.analysis.simulation.sweep",
    "transform": "nnvis_dash.analysis.transformations",
    "transformations": "nnvis_dash.analysis.transformations",
    "transitions": "nnvis_dash.analysis.model_diff.transitions",
    "trust": "nnvis_dash.analysis.quality.choice",
    "unit_responses": "nnvis_dash.analysis.units",
    "unit_sequences": "nnvis_dash.analysis.neural_patterns",
    "unit_statistics": "nnvis_dash.analysis.units",
    "verdict": "nnvis_dash.analysis.quality.verdict",
}

__all__ = [
    "ActivationArea",
    "Adversarial",
    "Agreement",
    "Alignment",
    "Architecture",
    "Attribution",
    "BreakingPoints",
    "BreakingSet",
    "Calibration",
    "Change",
    "Choice",
    "Classifier",
    "CommonClasses",
    "Confusion",
    "CorruptionErrors",
    "Curves",
    "Dataset",
    "Diagnosis",
    "Distribution",
    "Edit",
    "EpsilonCurve",
    "ErrorEnriched",
    "Examined",
    "FeatureVisualisation",
    "Histogram",
    "Index",
    "InputComparison",
    "LabelErrors",
    "LayerSimilarity",
    "MinibatchCKA",
    "MinimalEpsilon",
    "MinimalEvidence",
    "Mutation",
    "MutationCampaign",
    "MutationEffect",
    "NeuralPattern",
    "NeuralPatterns",
    "OutlierScores",
    "PairGrid",
    "PatchModel",
    "Patterns",
    "PredictionDifference",
    "PriorityQueue",
    "Projection",
    "Quality",
    "ReceptiveField",
    "Recommended",
    "Response",
    "Review",
    "Robustness",
    "Sequences",
    "Slice",
    "Suggestion",
    "Sweep",
    "Temperature",
    "Transitions",
    "Twins",
    "Unit",
    "UnitStatistics",
    "Verdict",
    "Workspace",
    "accuracy_over_epsilon",
    "activation_area",
    "agreement",
    "align",
    "architecture",
    "attack",
    "attacks",
    "attribute",
    "breaking_points",
    "calibration",
    "change",
    "cka",
    "class_histogram",
    "common_classes",
    "compare_inputs",
    "confusion",
    "corruption_errors",
    "curves",
    "default_degrees",
    "distribution",
    "doctor",
    "error_enriched_patterns",
    "examine",
    "feature_maps",
    "feature_visualisation",
    "fit_temperature",
    "frozen_classifier",
    "frozen_json",
    "heatmap_disagreement",
    "histogram",
    "index",
    "kernels",
    "label_errors",
    "learn_patterns",
    "load_classifier",
    "load_dataset",
    "mcnemar",
    "methods",
    "minimal_epsilon",
    "minimal_evidence",
    "most_activating",
    "mutate",
    "mutation_campaign",
    "mutation_effect",
    "near_duplicates",
    "neural_patterns",
    "outlier_scores",
    "pair_grid",
    "prediction_difference",
    "priority_queue",
    "project",
    "quality",
    "read_frozen",
    "receptive_field",
    "recommended_patterns",
    "respond",
    "response",
    "review",
    "robustness",
    "sample_scores",
    "simulate",
    "slices",
    "smallest_breaking_set",
    "smallest_repairing_set",
    "suggest",
    "sweep",
    "transform",
    "transformations",
    "transitions",
    "trust",
    "unit_responses",
    "unit_sequences",
    "unit_statistics",
    "verdict",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'nnvis_dash' has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
