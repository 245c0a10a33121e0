"""What a classifier's answers on a dataset say of a broken classifier, or of one that was made for other images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnvis_dash.analysis.doctor.diagnosis import ClassOrder
from nnvis_dash.analysis.doctor.plan import Plan
from nnvis_dash.analysis.doctor.statistics import wilson
from nnvis_dash.analysis.doctor.trials import NOT_FINITE, Rows

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.datasets import Dataset

_FEW = 10  # images from which on one class for all of them is worth a word


def found_problems(
    clf: Classifier,
    data: Dataset,
    plan: Plan,
    rows: Rows,
    number: int,
    order: ClassOrder | None,
    names: Sequence[str],
) -> tuple[str, ...]:
    """Return what is wrong with the answers under the proposed candidate, the `number`-th of the plan."""
    candidate, ids, labels = plan.candidates[number], plan.ids, plan.labels
    predicted = rows["predicted"][:, number]
    found = []
    bad = np.flatnonzero(predicted == NOT_FINITE)
    if len(bad):
        tried = clf.with_preprocessing(candidate.preprocessing, candidate.resize)
        image = data.batch(ids[bad[:1]], clf.card.input_shape, candidate.resize)
        layer = tried.first_not_finite(image)
        where = f", first in the layer {layer!r}" if layer else ""
        found.append(f"It gives NaN or infinity for {len(bad):,} of {len(ids):,} images{where}.")
    fine = predicted[predicted >= 0]
    one_label = labels is not None and len(np.unique(labels)) == 1
    if len(fine) >= _FEW and len(np.unique(fine)) == 1 and not one_label:
        confidence = rows["confidence"][predicted >= 0, number]
        same = float(np.ptp(confidence)) == 0.0
        what = "gives the same answer" if same else "predicts the same class"
        found.append(
            f"It {what}, {names[int(fine[0])]!r}, for all {len(fine):,} images: its training may have failed, or its "
            f"input may be scaled in a way that isn't among the candidates."
        )
    if labels is not None and order is None and len(labels) >= _FEW and not one_label:
        commonest = float(np.bincount(labels).max()) / len(labels)
        n_right = int((predicted == labels).sum())
        if wilson(n_right, len(labels))[0] <= commonest and len(np.unique(fine)) > 1:
            found.append(
                f"No candidate is clearly better than always answering the commonest class ({commonest:.3f}): the "
                f"classes or the images may not be those that it was trained for."
            )
    return tuple(found)
