"""Flask routes for neural patterns: those to look at first, in words, and all images of one.

These answers don't go through a background job: a slider asks again as soon as it has an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.neural_patterns.wording import NOTABLE, said
from nnvis_dash.posting import answers, body
from nnvis_dash.services import Services

SLICES = 8  # classes of a pie that have a slice of their own
ASKED = ("by", "support", "length", "gaps", "order", "of", "units", "classes", "correctness", "label")


def network_patterns_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("network_patterns", __name__)

    @routes.post("/network/patterns")
    @answers
    def patterns() -> dict[str, Any]:
        """The neural patterns to look at first.

        Takes ``{"dataset", "model"}`` and any of `ASKED`, of `samples` (selected ids) and `pattern` (one that is told
        of, too); see `engine.questions.neural_patterns`.
        """
        wanted = body()
        dataset, model = _cards(services, wanted)
        record = {name: wanted[name] for name in ASKED if wanted.get(name) is not None}
        texts = {name: str(wanted.get(name) or "") for name in ("samples", "pattern")}
        found = services.engine.ask(
            "neural_patterns", {"dataset": dataset.fingerprint, "model": model.fingerprint, **record, **texts}
        )
        names = services.class_names(dataset, model)

        def words(one: dict[str, Any]) -> dict[str, Any]:
            return _in_words(one, found, names)

        return {
            **{name: found[name] for name in ("found", "fitting", "images", "selected", "counted", "errors", "layers")},
            "patterns": [words(one) for one in found["patterns"]],
            "chosen": None if found["chosen"] is None else words(found["chosen"]),
        }

    @routes.post("/network/pattern/samples")
    @answers
    def samples() -> dict[str, Any]:
        """All images of a ``pattern``, as the state holds them; many are kept on the server, under a key."""
        wanted = body()
        dataset, model = _cards(services, wanted)
        record = {"dataset": dataset.fingerprint, "model": model.fingerprint, "pattern": str(wanted.get("pattern"))}
        if wanted.get("by") is not None:
            record["by"] = wanted["by"]
        return services.engine.ask("pattern_samples", record)

    return routes


def _cards(services: Services, wanted: dict[str, Any]) -> tuple[Any, Any]:
    dataset = services.workspace.dataset(str(wanted.get("dataset"))).card
    return dataset, services.workspace.model(str(wanted.get("model")))


def _in_words(one: dict[str, Any], found: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return a pattern as the page draws it.

    Its `units` have the layers' names; `kind` says in one word whom it belongs to and `said` in a sentence, whose part
    before the colon is `whose`; `pie` has classes and their images, the most frequent first; `more` is how much more
    often than all images its own are misclassified, where that isn't chance.
    """
    counts = one["counts"]
    totals = np.zeros(len(names), np.int32) if found["totals"] is None else found["totals"]
    sentence = said(one["support"], counts, totals, names) if one["support"] else "no image goes through all of them"
    whose = sentence.rpartition(": ")[0]
    told = {name: one[name] for name in ("text", "support", "inside", "samples", "wrong", "errors", "counted", "q")}
    told |= {
        "units": [[found["layers"][layer], channel] for layer, channel in one["units"]],
        "columns": [layer for layer, _ in one["units"]],
        "said": sentence,
        "whose": whose,
        "kind": whose.split(" ")[0],
        "pie": _pie(counts),
        "lift": None if one["lift"] is None else _lift(one, names),
        "more": None,
    }
    if one["q"] is not None:
        told["more"] = one["errors"] / max(1, one["counted"]) / (found["errors"] / max(1, found["counted"]))
    return told


def _lift(one: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    label, times = one["label"], one["lift"]
    name = names[label] if label < len(names) else f"class {label}"
    return {"label": label, "name": name, "times": times, "notable": times >= NOTABLE}


def _pie(counts: Any) -> list[list[int]]:
    """Return pairs of a class and its images, the most frequent first; -1 stands for all that have no slice."""
    if counts is None:
        return []
    order = np.argsort(-counts, kind="stable")
    pairs = [[int(label), int(counts[label])] for label in order[:SLICES] if counts[label]]
    rest = int(counts[order[SLICES:]].sum())
    return [*pairs, [-1, rest]] if rest else pairs
