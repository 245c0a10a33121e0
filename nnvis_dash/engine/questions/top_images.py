"""`top_images`: the images of a dataset that a unit answers to most, where in them, and of which classes they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.engine.questions import QUESTIONS

if TYPE_CHECKING:
    from nnvis_dash.analysis.index import Index
    from nnvis_dash.engine.desk import Desk
    from nnvis_dash.types import ModelCard, Unit

FINE = 0.7  # pixels of the classifier's input that an outline may be off by, so that it takes few points


@dataclass(frozen=True)
class TopImagesParameters:
    """Of which unit, and how many."""

    dataset: str = ""  # fingerprint
    model: str = ""  # fingerprint
    layer: str = ""
    channel: int = 0
    n: int = field(default=9, metadata={"low": 1, "high": 64})  # that are listed
    most: int = field(default=100, metadata={"low": 1, "high": 10_000})  # whose classes are counted
    by: str = field(default="max", metadata={"choices": ("max", "mean")})
    areas: bool = False  # where in the listed images


@QUESTIONS.register("top_images", title="Most activating images", reference="", parameters=TopImagesParameters)
def top_images(desk: Desk, parameters: TopImagesParameters) -> dict[str, Any]:
    """Return what a unit answers to most.

    Returns
    -------
    dict
        ids of at most `most` images, the strongest first; images, a record for each of the first `n` with id, value,
        label and prediction as numbers of the classifier's outputs (-1: none) and, where asked for, `_area`; active,
        the share of all images that the unit is not 0 on; classes, how many of the ids have each label, None without
        labels.
    """
    from nnvis_dash.analysis.classes import as_outputs
    from nnvis_dash.analysis.units import class_histogram, most_activating
    from nnvis_dash.engine.indexes import finished_index
    from nnvis_dash.types import Unit

    index = finished_index(desk, parameters.model, parameters.dataset)
    dataset = desk.dataset(parameters.dataset)
    unit = Unit(parameters.layer, parameters.channel)
    ids, values = most_activating(index, unit, max(parameters.n, parameters.most), parameters.by)
    counted, listed = ids[: parameters.most], ids[: parameters.n]
    card = desk.workspace.model(parameters.model)
    labels = None if dataset.labels is None else as_outputs(dataset.labels, dataset.card.class_names, card.class_names)
    n_classes = max(card.n_classes, 0 if labels is None else int(labels.max(initial=-1)) + 1)
    histogram = class_histogram(counted, labels, n_classes)
    images: list[dict[str, Any]] = [
        {
            "id": int(sample),
            "value": float(value),
            "label": -1 if labels is None else int(labels[sample]),
            "prediction": int(np.argmax(index.probabilities[sample])),
        }
        for sample, value in zip(listed, values, strict=False)
    ]
    if parameters.areas:
        for record, area in zip(images, _areas(desk, card, unit, listed, parameters.dataset), strict=True):
            record |= area
    return {
        "ids": counted.tolist(),
        "images": images,
        "active": _active(index, unit, parameters.by),
        "classes": None if histogram is None else histogram.tolist(),
    }


def _active(index: Index, unit: Unit, by: str) -> float:
    """Return the share of all images on which a unit is not 0."""
    from nnvis_dash.analysis.units import BY, column_of

    column = getattr(index, BY[by])[:, column_of(index, unit)]
    return float(np.count_nonzero(column) / max(1, len(column)))


def _areas(desk: Desk, card: ModelCard, unit: Unit, ids: npt.NDArray[np.int64], dataset: str) -> list[dict[str, Any]]:
    from nnvis_dash.analysis.activation_area import activation_area

    if not len(ids):
        return []
    images = desk.dataset(dataset).batch(ids.tolist(), card.input_shape, card.resize)
    found = activation_area(desk.classifier(card.fingerprint), images, unit)
    return [_area(mask, box) for mask, box in zip(found.mask, found.boxes, strict=True)]


def _area(mask: npt.NDArray[np.bool_], box: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return where a unit is active in one image, in fractions of the classifier's input.

    Returns
    -------
    dict
        box, [left, top, width, height] of what its strongest position sees, None where it is silent or sees everything;
        outline, the border of the area as an SVG path, empty where that is nothing or everything.
    """
    height, width = mask.shape
    top, left, bottom, right = (int(edge) for edge in box)
    whole = (top, left, bottom, right) == (0, 0, height, width)
    silent = bottom <= top or right <= left
    return {
        "box": None
        if whole or silent
        else [
            round(place, 4) for place in (left / width, top / height, (right - left) / width, (bottom - top) / height)
        ],
        "outline": "" if mask.all() or not mask.any() else outline(mask),
    }


def outline(mask: npt.NDArray[np.bool_]) -> str:
    """Return the borders of an area (h, w) as an SVG path in fractions of its width and height; holes are borders too.

    References
    ----------
    Lorensen and Cline, "Marching cubes", SIGGRAPH 1987 (in two dimensions, as scikit-image finds contours).
    """
    from skimage import measure

    trace: Any = measure  # its functions have no types
    height, width = mask.shape
    framed = np.pad(mask, 1).astype(np.float32)  # so that what touches the edge is closed
    parts = []
    for line in trace.find_contours(framed, 0.5):
        corners = trace.approximate_polygon(line, FINE if max(height, width) > 32 else 0.01)
        places = np.clip((corners - 0.5) / (height, width), 0, 1)  # a pixel's middle is 0.5 from its edge
        steps = [f"{column:.4g} {row:.4g}" for row, column in places[:-1]]
        parts.append(f"M{'L'.join(steps)}Z")
    return "".join(parts)
