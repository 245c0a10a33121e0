"""Cases of heatmaps whose worth is known: planted methods that ignore the classifier, or the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnvis_dash.analysis.attribution import Attribution
from nnvis_dash.analysis.quality import MEASURES, Case


def edges(images: Any) -> np.ndarray:
    """Return how much pixels (N, H, W, C) differ from their neighbours: what an edge detector sees."""
    down, right = np.gradient(np.asarray(images, np.float32).mean(axis=3), axis=(1, 2))
    return np.hypot(down, right).astype(np.float32)


def noise(images: Any) -> np.ndarray:
    """Return maps that any other pixel makes wholly other ones."""
    flat = np.asarray(images).reshape(len(images), -1).sum(axis=1)
    return np.stack([np.random.default_rng(int(s)).normal(size=np.shape(images)[1:3]) for s in flat]).astype(np.float32)


def planted(clf: Any, images: Any, draw: Any, masks: Any = None, seed: int = 0) -> Case:
    """Return the case of a "method" that draws maps of images alone, whatever the classifier and the class."""

    def explain(classifier: Any, images: Any, targets: Any) -> Attribution:
        probability = np.ones(len(images), np.float32)
        return Attribution(draw(images), "gradient", targets, None, "logits", probability, images.shape[1:3])

    targets = clf.predict(images).argmax(axis=1).astype(np.int32)
    found = explain(clf, images, targets)
    return Case(clf, images, found.heatmap(), targets, found, explain, masks, seed)


def given(heatmaps: Any, masks: Any = None) -> Case:
    """Return the case of heatmaps from elsewhere, for measures that need no classifier."""
    heatmaps = np.asarray(heatmaps, np.float32)
    blank = np.zeros((*heatmaps.shape, 1), np.uint8)
    return Case(None, blank, heatmaps, np.zeros(len(heatmaps), np.int32), masks=masks)  # type: ignore[arg-type]


def ask(name: str, case: Case, **parameters: Any) -> np.ndarray:
    """Return what a measure says of a case, as the registry holds it."""
    entry = MEASURES[name]
    return entry.function(case, entry.read(parameters))
