"""The strip of selected images, or of all where none are selected, the most ambiguous first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
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
    known = None if primary is None else services.measures(card.fingerprint, primary.fingerprint)
    chosen = services.chosen(selection) if selection.samples else np.arange(card.n_samples)
    rows = chosen[chosen < card.n_samples]
    rows = rows[visible(selection, label[rows], prediction[rows])]
    words = "by number" if known is None else "most ambiguous first"
    first = rows[:SHOWN] if known is None else rows[foremost(known.rank[rows], SHOWN)]
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
    return embedding.strip(pictures, len(rows), words, bool(selection.samples))


def foremost(ranks: npt.NDArray[Any], most: int) -> npt.NDArray[np.int64]:
    """Return the places of the `most` smallest ranks (n,), the smallest first."""
    some = np.argpartition(ranks, most)[:most] if len(ranks) > most else np.arange(len(ranks))
    return some[np.argsort(ranks[some])]


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
