"""How it is drawn and explained: which projection, which colours, which attribution, how strong an overlay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Colour: TypeAlias = Literal["label", "prediction", "confidence", "correct", "entropy", "trustworthiness", "continuity"]
COLOURS: tuple[str, ...] = get_args(Colour)
Output: TypeAlias = Literal["logits", "probabilities"]
OUTPUTS: tuple[str, ...] = get_args(Output)
Lens: TypeAlias = Literal["attribution", "difference", "whatif", "compare"]
LENSES: tuple[str, ...] = get_args(Lens)
Beside: TypeAlias = Literal["map", "samplers", "classifiers", "images"]
BESIDES: tuple[str, ...] = get_args(Beside)
Overview: TypeAlias = Literal["map", "suggestion", "models", "review", "table", "trust"]
OVERVIEWS: tuple[str, ...] = get_args(Overview)
Readout: TypeAlias = Literal["evidence", "logit"]
READOUTS: tuple[str, ...] = get_args(Readout)
# The analysis's parameters that can be set.
DIFFERENCES = (
    "laplace",
    "live",
    "numbers",
    "outer",
    "precision",
    "reduce",
    "sampler",
    "samples",
    "seconds",
    "seed",
    "stride",
    "window",
)
Tab: TypeAlias = Literal["units", "patterns", "layers", "maps", "space", "pair", "freeze"]
TABS: tuple[str, ...] = get_args(Tab)
# What can be set in the network view.
NETWORK = (
    "by",
    "class_a",
    "class_b",
    "colour",
    "gaps",
    "length",
    "of",
    "order",
    "shared",
    "sort",
    "standardised",
    "support",
)
# What can be set in the simulation view.
SIMULATION = (
    "by",
    "change",
    "class",
    "degree",
    "high",
    "low",
    "other",
    "precision",
    "split",
    "steps",
    "tab",
)
# What can be set in the suggestion view.
SUGGESTION = ("channel", "colour", "confident", "layer", "score")
# What can be set where two classifiers are held against each other.
MODELS = ("a", "b", "matrix", "method", "part", "samples")
# What can be set in the review of labels, twins, outliers and slices.
REVIEW = ("by", "other", "part")
# What can be set in the table of samples.
TABLE = ("by",)
# What can be set in the grid of samples by classifiers and methods.
COMPARISON = ("drawn", "layer", "page", "top")
# What can be set where attribution methods, or layers to explain through, are held against each other.
TRUST = ("method", "over", "part", "samples", "seed", "sort")
# The response curves that are shown where no others were chosen.
RESPONSES = ("blur", "brightness", "hue", "rotation", "adversarial")
Scalar: TypeAlias = str | int | float | bool


@dataclass(frozen=True)
class View:
    """What is drawn but not selected.

    Parameters
    ----------
    features : str
        What is projected: ``features`` (the layer before the last), ``pixels`` or ``layer:<name>``.
    method : str
        Name of a projection.
    n_samples : int
        How many samples are projected; 0: all.
    seed : int
    parameters : tuple of (name, value)
        The method's parameters that were changed, ascending by name; the others have their defaults.
    colour : "label", "prediction", "confidence", "correct", "entropy", "trustworthiness" or "continuity"
        What a point's colour says; the last two of the point's place on the map, see docs/projection.md.
    opacity : float
        Of the heatmap over the image, 0..1.
    attribution : str
        Name of the attribution method.
    attribution_parameters : tuple of (name, value)
        Its parameters that were changed, ascending by name.
    output : "logits" or "probabilities"
        What is explained of a class.
    explained : str or None
        Layer whose units are explained instead of a class.
    unit : int or None
        Channel of that layer; None: the mean of them all.
    clip : float
        Percentile of a heatmap's absolute values that gets the strongest colour, 50..100.
    smooth : bool
        Whether a heatmap is drawn smoothly; else in its own pixels.
    grid : tuple of str
        Attribution methods that are shown side by side; empty: only the one above.
    judged : tuple of str
        Attribution methods that the trust view holds against each other; empty: all that suit the classifier.
    grey : bool
        Whether heatmaps that fail their checks are greyed.
    lens : "attribution", "difference", "whatif" or "compare"
        What the testing view shows of a decision: an attribution, a prediction difference analysis, what becomes of it
        when the image is changed, or samples by classifiers and methods.
    difference : tuple of (name, value)
        The analysis's parameters that were changed, ascending by name.
    beside : "map", "samplers", "classifiers" or "images"
        What stands beside its map: more of the same, other samplers, the other classifiers, other images.
    readout : "evidence" or "logit"
        Whether its map shows the weight of evidence (bits) or the difference of logits.
    common : bool
        Whether maps that stand side by side share one scale of colours.
    responses : tuple of str
        Transformations whose response curves are shown, in this order; "adversarial" stands for an attack's strength.
    attack : tuple of (name, value)
        What was set in the attack's form, ascending by name: ``method``, ``leave``, ``target`` and the method's own
        parameters; the others have their defaults. An epsilon in L∞ is in pixel values 0..255, as the form shows it.
    tab : str
        What the network view shows: its ``units`` as dots, neural ``patterns``, the graph of its ``layers``, feature
        ``maps``, the maps in ``space``, a ``pair`` of inputs, or what becomes of it when units ``freeze``.
    network : tuple of (name, value)
        What was set in the network view, ascending by name; the others have their defaults.
    simulation : tuple of (name, value)
        What was set in the simulation view, ascending by name; the others have their defaults.
    suggestion : tuple of (name, value)
        What was set in the suggestion view, ascending by name; the others have their defaults.
    overview : "map", "suggestion", "models", "review", "table" or "trust"
        What the overview shows of all samples: their map, those worth a look, what changed between two classifiers,
        what is to be reviewed, a table, or which explanations can be believed.
    models, review, table, comparison, trust : tuple of (name, value)
        What was set where classifiers are held against each other, in the review, in the table, in the grid of
        samples by classifiers and methods, and where methods are held against each other; ascending by name; the
        others have their defaults.
    start : str
        Key of the map that the projection continues from; empty: it starts anew.
    """

    features: str = "features"
    method: str = "tsne"
    n_samples: int = 1000
    seed: int = 0
    parameters: tuple[tuple[str, Scalar], ...] = ()
    colour: Colour = "label"
    opacity: float = 0.5
    attribution: str = "grad_cam"
    attribution_parameters: tuple[tuple[str, Scalar], ...] = ()
    output: Output = "logits"
    explained: str | None = None
    unit: int | None = None
    clip: float = 100.0
    smooth: bool = True
    grid: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    grey: bool = False
    lens: Lens = "attribution"
    difference: tuple[tuple[str, Scalar], ...] = ()
    beside: Beside = "map"
    readout: Readout = "evidence"
    common: bool = False
    responses: tuple[str, ...] = RESPONSES
    attack: tuple[tuple[str, Scalar], ...] = ()
    tab: Tab = "units"
    network: tuple[tuple[str, Scalar], ...] = ()
    simulation: tuple[tuple[str, Scalar], ...] = ()
    suggestion: tuple[tuple[str, Scalar], ...] = ()
    overview: Overview = "map"
    models: tuple[tuple[str, Scalar], ...] = ()
    review: tuple[tuple[str, Scalar], ...] = ()
    table: tuple[tuple[str, Scalar], ...] = ()
    comparison: tuple[tuple[str, Scalar], ...] = ()
    trust: tuple[tuple[str, Scalar], ...] = ()
    start: str = ""
