"""The strip of selected images, or of all where none are selected, the most ambiguous first."""

from __future__ import annotations

from typing import Any

import numpy as np
from dash import Dash, Input, Output

from callbacks.reading import selection_of, session_of
from layouts import controls, embedding, ids
from nnvis_dash.errors import NNVisError
from nnvis_dash.services import Services
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session

SHOWN = 60
SIDE = 96  # pixels


def register(app: Dash, services: Services) -> None:
    """Register the strip."""

    @app.callback(
        Output(ids.STRIP_REGION, "data"),
        Input(ids.STRIP_REQUEST, "data"),
        Input(ids.INDEXED, "data"),
        prevent_initial_call=True,
    )
    def strip(wanted: Any, indexed: Any) -> Any:
        if not wanted:
            return []
        filtered = {name: wanted[name] for name in ("samples", "classes", "correctness")}
        try:
            return _strip(services, session_of(wanted["session"]), selection_of(filtered))
        except NNVisError as error:
            return controls.failure(str(error))


def _strip(services: Services, session: Session, selection: Selection) -> Any:
    card = services.dataset_card(session)
    if card is None:
        return []
    models = services.models(session)
    primary = models[0] if models else None
    label, prediction, _, _ = services.attributes(card, primary)
    shown = visible(selection, label, prediction)
    if selection.samples:
        chosen = services.chosen(selection)
        lit = np.zeros(card.n_samples, dtype=bool)
        lit[chosen[chosen < card.n_samples]] = True
        shown &= lit
    order = services.ambiguity(card, primary)
    words = "by number" if order is None else "most ambiguous first"
    first = (np.flatnonzero(shown) if order is None else order[shown[order]])[:SHOWN]
    names = services.class_names(card, primary)

    def name(number: int) -> str:
        return names[number] if 0 <= number < len(names) else "none"

    pictures = [
        (
            int(sample),
            f"/image/{card.fingerprint}/{sample}.png?side={SIDE}",
            f"#{sample}: label {name(label[sample])}, prediction {name(prediction[sample])}",
            bool(label[sample] >= 0 and prediction[sample] >= 0 and label[sample] != prediction[sample]),
        )
        for sample in first
    ]
    return embedding.strip(pictures, int(shown.sum()), words, bool(selection.samples))


def visible(selection: Selection, label: Any, prediction: Any) -> Any:
    """Return which samples pass the filters, (n,) bool; a sample without a label goes by its prediction."""
    shown = np.ones(len(label), dtype=bool)
    if selection.classes:
        shown &= np.isin(np.where(label >= 0, label, prediction), selection.classes)
    known = (label >= 0) & (prediction >= 0)
    if selection.correctness == "wrong":
        shown &= known & (label != prediction)
    elif selection.correctness == "right":
        shown &= known & (label == prediction)
    return shown
