"""Which attribution method, or which layer, to believe for a classifier and a dataset.

Every method explains the same images and is held to the same measures; what comes out is a `Choice`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.analysis.quality import MEASURES, applicable, case_of
from nnvis_dash.analysis.quality.table import FUSION, Choice, Measurements, Row, choice_of, fusion_of
from nnvis_dash.analysis.quality.thresholds import DECIDING
from nnvis_dash.analysis.quality.verdict import measured
from nnvis_dash.analysis.stratified import choose_samples
from nnvis_dash.errors import ModelError, NotFound, ParameterError
from nnvis_dash.types import ModelCard

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.datasets import Dataset

N_SAMPLES = 32
BLOCK = 8  # images that are explained and measured together
MASKS = "masks"  # the extra of a dataset that says where the object is
# The parameters of measures that don't decide, where they aren't the defaults: a table asks often.
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "deletion": {"steps": 32},
    "insertion": {"steps": 32},
    "max_sensitivity": DECIDING["average_sensitivity"],  # the same changes: nothing is explained twice
}
NOT_BY_DEFAULT = frozenset({"slow", "images", "patterns"})  # traits of methods that are measured when they are named


def trust(
    clf: Classifier,
    dataset: Dataset,
    methods: Sequence[str] = (),
    layers: Sequence[str] = (),
    n_samples: int = N_SAMPLES,
    seed: int = 0,
    *,
    samples: Sequence[int] | None = None,
    measures: Sequence[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """Find out which attribution methods deserve belief for a classifier and a dataset.

    Parameters
    ----------
    clf : Classifier
    dataset : Dataset
        Where it has an extra "masks", localisation is measured as well.
    methods : sequence of str, optional
        Of `methods()`; empty: all that suit the classifier and aren't slow. Where two or more pass, their fusion
        is one more line.
    layers : sequence of str, optional
        With one method that looks through a layer: the table compares these layers.
    n_samples : int
        Images, each class in proportion to its number.
    seed : int
        Of the choice of images and of all that measures draw.
    samples : sequence of int, optional
        The images, in place of a choice.
    measures : sequence of str, optional
        Of `MEASURES`, besides those that decide; None for all.
    on_progress : callable, optional
        Called with done and total.

    Returns
    -------
    Choice

    Raises
    ------
    NotFound
        No such method, layer, measure or sample.
    ParameterError
        What doesn't fit together, with what does.
    """
    ids = chosen_samples(dataset, n_samples, seed, samples)
    first = dataset.batch(ids[:1], clf.card.input_shape, clf.card.resize)
    rows, left_out = suitable(clf, first, chosen_rows(clf.card, methods, layers))
    wanted = table_measures(masks_of(dataset, ids[:1], clf.card) is not None, measures)
    blocks = [ids[start : start + BLOCK] for start in range(0, len(ids), BLOCK)]
    found: list[list[Measurements]] = []

    def add(row: Row, total: int) -> None:
        found.append([])
        for some in blocks:
            images = dataset.batch(some, clf.card.input_shape, clf.card.resize)
            found[-1].append(measured_block(clf, images, row, wanted, masks_of(dataset, some, clf.card), seed))
            if on_progress is not None:
                on_progress((len(found) - 1) * len(blocks) + len(found[-1]), total * len(blocks))

    def table() -> Choice:
        return choice_of(clf.card.name, dataset.card.name, rows, tuple(wanted), ids, found, left_out, seed)

    for row in rows:
        add(row, len(rows))
    fusion = fusion_of(table())
    if fusion is not None:
        rows = (*rows, fusion)
        add(fusion, len(rows))
    return table()


def chosen_samples(
    dataset: Dataset, n_samples: int, seed: int, samples: Sequence[int] | None = None
) -> npt.NDArray[np.int64]:
    """Return the images that stand for a dataset, (n,) ascending."""
    if samples is not None and len(samples):
        ids = np.unique(np.asarray(samples, np.int64))
        if ids[0] < 0 or ids[-1] >= len(dataset):
            raise NotFound(f"There is no sample {ids[-1]}", f"It has the numbers 0 to {len(dataset) - 1}.")
        return ids
    if n_samples < 1:
        raise ParameterError(f"{n_samples} images are to be measured", "Give 1 or more.")
    return choose_samples(dataset.labels, len(dataset), n_samples, seed)


def chosen_rows(card: ModelCard, methods: Sequence[str], layers: Sequence[str]) -> tuple[Row, ...]:
    """Return the lines of the table that are asked for; the errors of `trust`."""
    for name in methods:
        METHODS[name]
    if not layers:
        names = methods or [
            name for name, entry in METHODS.items() if name != FUSION and not entry.traits & NOT_BY_DEFAULT
        ]
        return tuple(Row(name) for name in dict.fromkeys(names))
    if len(methods) != 1 or "through a layer" not in METHODS[methods[0]].traits:
        through = ", ".join(name for name, entry in METHODS.items() if "through a layer" in entry.traits)
        raise ParameterError("Layers are compared for one method that looks through them", f"Give one of: {through}.")
    for layer in layers:
        if card.layer(layer) is None:
            raise NotFound.among("layer", layer, [entry.name for entry in card.layers if entry.is_map])
    return tuple(Row(methods[0], layer) for layer in dict.fromkeys(layers))


def candidate_layers(card: ModelCard, most: int = 8) -> tuple[str, ...]:
    """Return the layers worth comparing for a method that looks through one: the last of each size of map.

    From the first layer with units on, the deepest last; of more than `most` the deepest ones.
    """
    first = next((place for place, layer in enumerate(card.layers) if layer.n_units), 0)
    last = {layer.output_shape[:2]: layer.name for layer in card.layers[first:] if layer.is_map}
    return tuple(layer.name for layer in card.layers if layer.name in last.values())[-most:]


def suitable(
    clf: Classifier, images: Any, rows: Sequence[Row], own: Callable[[Row], Mapping[str, Any]] = lambda row: {}
) -> tuple[tuple[Row, ...], dict[str, str]]:
    """Return the lines that a classifier can be explained with, and why the others can't, by trying one image."""
    from nnvis_dash.analysis.attribution import attribute

    fitting, left_out = [], {}
    for row in rows:
        try:
            attribute(clf, images[:1], row.method, layer=row.layer, **{**row.parameters, **own(row)})
            fitting.append(row)
        except (ModelError, ParameterError) as error:
            left_out[row.layer or row.method] = str(error)
    if not fitting:
        raise ParameterError(f"{clf.card.name} can be explained by none of them", next(iter(left_out.values()), ""))
    return tuple(fitting), left_out


def table_measures(masks: bool, measures: Sequence[str] | None = None) -> dict[str, Mapping[str, Any]]:
    """Return the measures of a table with their parameters: those that decide first, then the others by name."""
    names = sorted(MEASURES) if measures is None else [name for name in measures if MEASURES[name]]
    others = [name for name in names if name not in DECIDING and (masks or "needs masks" not in MEASURES[name].traits)]
    return {
        **{name: given for name, given in DECIDING.items() if name in MEASURES},
        **{name: OTHERS.get(name, {}) for name in others},
    }


def masks_of(dataset: Dataset, ids: Sequence[int] | npt.NDArray[np.int64], card: ModelCard) -> Any:
    """Return where the objects of images are (n, H, W) bool in a classifier's input size; None where it isn't known."""
    held = dataset.extra(MASKS)
    if held is None or held.ndim != 3 or card.resize != "squash":
        return None
    masks = np.asarray(held[np.asarray(ids)], bool)
    across = (
        np.arange(wanted) * size // wanted for size, wanted in zip(masks.shape[1:], card.input_shape, strict=False)
    )
    down, right = across
    return masks[:, down][:, :, right]


def measured_block(
    clf: Classifier,
    images: Any,
    row: Row,
    measures: Mapping[str, Mapping[str, Any]],
    masks: Any = None,
    seed: int = 0,
    own: Mapping[str, Any] | None = None,
) -> Measurements:
    """Explain images and measure their heatmaps.

    Parameters
    ----------
    clf : Classifier
    images : (n, H, W, C)
    row : Row
    measures : mapping of str to parameters
        M of them.
    masks : (n, H, W) bool, optional
    seed : int
    own : mapping, optional
        Of the method's parameters, besides the row's.
    """
    began = time.perf_counter()
    clf.predict(images)
    forward = time.perf_counter() - began
    parameters = {**row.parameters, **(own or {})}
    began = time.perf_counter()
    case = case_of(clf, images, row.method, layer=row.layer, masks=masks, seed=seed, **parameters)
    seconds = time.perf_counter() - began
    known = applicable(case)
    found = measured(case, {name: given for name, given in measures.items() if name in known})
    values = np.full((len(measures), len(images)), np.nan, np.float32)
    for number, name in enumerate(measures):
        values[number] = found.values.get(name, values[number])
    return Measurements(values, seconds / len(images), forward / len(images))
