"""How far the planted flaws of the shapes show in a classifier: what the docs quote and the tests hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.demo.contents import HELD_OUT, DemoDataset
from nnvis_dash.demo.shapes import (
    FREE_CLASS,
    GREEN_CLASS,
    MISLABELLED,
    MISLABELLED_CLASS,
    OFF_GREEN,
    ON_GREEN,
    TURNED,
    TURNED_FROM,
    UPRIGHT_CLASS,
    WRONG_LABEL,
)


def measure(probabilities: npt.NDArray[np.float32], dataset: DemoDataset) -> Mapping[str, float]:
    """Measure a classifier on the held-out split.

    Parameters
    ----------
    probabilities : (N, K) float32
        Of every sample of `dataset`.

    Returns
    -------
    Mapping
        "held-out accuracy", against the labels that a user sees. For the shapes also "... without planted flaws" and
        what `measure_flaws` returns.
    """
    held_out = dataset.ids(HELD_OUT)
    right = probabilities.argmax(axis=1) == dataset.labels
    measured = {"held-out accuracy": _share(right[held_out])}
    if "flaw" in dataset.extras:
        plain = held_out[dataset.extras["flaw"][held_out] == 0]
        measured["held-out accuracy without planted flaws"] = _share(right[plain])
        measured.update(measure_flaws(probabilities, dataset.extras))
    return measured


def measure_flaws(
    probabilities: npt.NDArray[np.float32], extras: Mapping[str, npt.NDArray[Any]]
) -> Mapping[str, float]:
    """Measure how far a classifier of the shapes fell for what was planted; shares, 0..1, of held-out samples.

    Parameters
    ----------
    probabilities : (N, 10) float32
    extras : Mapping
        "flaw", "true_label", "green_background", "rotation_degrees" and "split" of the dataset, each (N,).

    Returns
    -------
    Mapping
        By what each number says. The last two also count the mislabelled samples that were trained on.
    """
    predicted = probabilities.argmax(axis=1)
    true, flaw, green = extras["true_label"], extras["flaw"], extras["green_background"]
    held_out = extras["split"] == HELD_OUT
    right = predicted == true
    turned = np.abs(extras["rotation_degrees"]) >= TURNED_FROM
    off_green, on_green = held_out & (flaw == OFF_GREEN), held_out & (flaw == ON_GREEN)
    pentagon, arrow, triangle = true == GREEN_CLASS, true == UPRIGHT_CLASS, (true == FREE_CLASS) & ~green
    plain = held_out & (flaw == 0)
    mislabelled = flaw == MISLABELLED
    return {
        "pentagons on grass found": _share(right[plain & pentagon & green]),
        "pentagons off grass found": _share(right[off_green]),
        "other shapes on grass called pentagon": _share((predicted == GREEN_CLASS)[on_green]),
        "other shapes off grass called pentagon": _share((predicted == GREEN_CLASS)[plain & ~pentagon]),
        "upright arrows found": _share(right[plain & arrow]),
        "turned arrows found": _share(right[held_out & (flaw == TURNED)]),
        "triangles as far turned found": _share(right[plain & triangle & turned]),
        "mislabelled stars called star": _share((predicted == MISLABELLED_CLASS)[mislabelled]),
        "mean probability of star for them": float(probabilities[mislabelled, MISLABELLED_CLASS].mean()),
        "mean probability of their label heart": float(probabilities[mislabelled, WRONG_LABEL].mean()),
    }


def _share(hits: npt.NDArray[np.bool_]) -> float:
    """Return the share of true entries, 0..1; 0 for none."""
    return float(hits.mean()) if hits.size else 0.0
