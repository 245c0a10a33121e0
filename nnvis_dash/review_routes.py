"""Flask routes for the review: what was found, decisions about samples, named slices, and the list as CSV."""

from __future__ import annotations

from typing import Any

import flask
import numpy as np

from callbacks.review import review_request, twins_request
from nnvis_dash.analysis.review.outliers import SCORES
from nnvis_dash.analysis.review.reviewing import load_review
from nnvis_dash.analysis.review.slices import clopper_pearson
from nnvis_dash.analysis.review.twins import load_twins
from nnvis_dash.engine.jobs import Request
from nnvis_dash.envelope import envelope
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.posting import answers, body
from nnvis_dash.routes import answers_or_404, download
from nnvis_dash.services import Services
from nnvis_dash.state.ids import decode_ids, encode_ids
from nnvis_dash.types import DatasetCard
from nnvis_dash.workspace.artifacts import Artifact
from nnvis_dash.workspace.labels import plain_text
from nnvis_dash.workspace.reviews import Decision, as_csv

LONGEST_REASON = 200


def review_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("review", __name__, url_prefix="/review")
    reviews = services.workspace.reviews

    def asked() -> tuple[dict[str, Any], DatasetCard]:
        record = body()
        return record, services.workspace.dataset(str(record.get("dataset"))).card

    @routes.post("/found")
    @answers
    def found() -> flask.Response:
        """What the review of ``{"dataset", "models"}`` found, once it is done.

        An envelope: order (R,) int32 of the labelled samples, the most suspicious first, with score and likely (N,) and
        flagged (N,) uint8, where the dataset has labels; `outlier-<score>` (N,) float32; slice_ids, the samples of all
        slices one after the other. The header has the class `names`, how many labels are `estimated` to be wrong, the
        number of `forms` in which doubtful samples were asked for, what the `outliers` are, and the `slices`.
        """
        record, card = asked()
        one = load_review(_done(services, review_request(services, record)))
        arrays: dict[str, Any] = {f"outlier-{name}": values for name, values in one.outliers.items()}
        if one.labels is not None:
            arrays |= {"order": one.labels.order, "score": one.labels.score, "likely": one.labels.likely}
            arrays["flagged"] = one.labels.flagged.astype(np.uint8)
        arrays["slice_ids"] = np.concatenate([np.zeros(0, np.int32), *(cut.ids for cut in one.slices)])
        header = {
            "names": list(card.class_names),
            "estimated": None if one.labels is None else one.labels.n_estimated,
            "examined": 0 if one.labels is None else len(one.labels.examined),
            "forms": len(one.forms),
            "outliers": [[name, SCORES[name]] for name in one.outliers],
            "slices": [
                {
                    **{"n": len(cut.ids), "wrong": cut.wrong, "low": cut.low, "high": cut.high, "q": cut.q},
                    "said": words,
                    "units": [[unit.layer, unit.channel] for unit in units],
                }
                for cut, words, units in zip(one.slices, one.said, one.units, strict=True)
            ],
        }
        return envelope(header, **arrays)

    @routes.post("/twins")
    @answers
    def twins() -> flask.Response:
        """Groups of near duplicates of ``{"dataset", "other"}``, once they are found.

        An envelope: samples, other, group (T,), labels (T,) int32 (-1 for none), exact and alike by group. The header
        has the class names of both datasets, by `other`, and whether the list is `complete`.
        """
        record, card = asked()
        request = twins_request(services, record)
        one = load_twins(_done(services, request))
        other = services.workspace.dataset(request.parameters["other"]) if request.parameters["other"] else None
        labels = np.full(len(one.samples), -1, np.int32)
        for number, data in enumerate([services.dataset(card.fingerprint), other]):
            if data is not None and data.labels is not None:
                mine = np.asarray(one.other) == number
                labels[mine] = data.labels[np.asarray(one.samples)[mine]]
        return envelope(
            {"names": [card.class_names, other.class_names if other else ()], "complete": one.complete},
            samples=one.samples,
            other=one.other,
            group=one.group,
            labels=labels,
            exact=one.exact.astype(np.uint8),
            alike=one.alike,
        )

    @routes.post("/decisions")
    @answers
    def decisions() -> dict[str, Any]:
        """What was decided about the samples of ``{"dataset"}``, and which other `datasets` there are to compare."""
        _, card = asked()
        others = [one for one in services.workspace.datasets() if one.fingerprint != card.fingerprint]
        return {
            "decisions": {sample: vars(one) for sample, one in reviews.read(card.fingerprint).decisions.items()},
            "datasets": [[one.fingerprint, one.name] for one in others],
        }

    @routes.post("/decide")
    @answers
    def decide() -> dict[str, Any]:
        """Note ``{"dataset", "samples": [...], "decision", "label", "reason", "score"}``; null takes back."""
        record, card = asked()
        samples = record.get("samples")
        good = isinstance(samples, list) and all(type(one) is int and 0 <= one < card.n_samples for one in samples)
        if not good or not isinstance(samples, list) or not samples:
            raise ParameterError("There are no such samples", f"Give numbers from 0 to {card.n_samples - 1}.")
        label, score = record.get("label") or "", record.get("score")
        if label and label not in card.class_names:
            raise NotFound.among("class", str(label), card.class_names)
        one = None
        if record.get("decision") is not None:
            number = float(score) if isinstance(score, int | float) and np.isfinite(score) else None
            reason = plain_text(str(record.get("reason") or ""))[:LONGEST_REASON]
            one = Decision(str(record["decision"]), label, reason, number)
        reviews.decide(card.fingerprint, samples, one)
        return {"samples": samples, "decision": None if one is None else vars(one)}

    @routes.get("/<dataset>.csv")
    @answers_or_404
    def exported(dataset: str) -> flask.Response:
        """The decisions about a dataset as CSV."""
        data = services.dataset(dataset)
        names, labels = data.file_names, data.labels

        def label_of(sample: int) -> str:
            label = -1 if labels is None else int(labels[sample])
            return data.class_names[label] if label >= 0 else ""

        text = as_csv(reviews.read(data.fingerprint).decisions, lambda sample: names[sample] if names else "", label_of)
        plain = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in data.card.name)
        return download(text.encode(), "text/csv", f"review-{plain}.csv", keep=False)

    @routes.post("/slice")
    @answers
    def keep_slice() -> dict[str, Any]:
        """Name a slice, ``{"dataset", "name", "samples"}`` (ids as text), or forget it, ``{"remove": true}``."""
        record, card = asked()
        name = str(record.get("name") or "")
        if record.get("remove"):
            reviews.remove_slice(card.fingerprint, name)
            return {}
        text = str(record.get("samples") or "")
        chosen = services.workspace.selections.ids(text)
        if len(chosen) and chosen[-1] >= card.n_samples:
            raise ParameterError("The selection is of another dataset", "Select samples of this one.")
        reviews.keep_slice(card.fingerprint, name, encode_ids(chosen.tolist()))
        return {}

    @routes.post("/named")
    @answers
    def named() -> dict[str, Any]:
        """The named slices of ``{"dataset", "models"}``: of each its size, and what each classifier does on it."""
        record, card = asked()
        models = record.get("models")
        models = models if isinstance(models, list) else []
        cut = [(name, np.array(decode_ids(ids))) for name, ids in reviews.read(card.fingerprint).slices.items()]
        everything = ("all samples", np.arange(card.n_samples))
        return {
            "models": [services.workspace.model(str(model)).name for model in models],
            "slices": [
                {
                    "name": name,
                    "whole": place == 0,
                    "n": len(ids),
                    "samples": encode_ids(ids.tolist()) if place else "",
                    "models": [_measured(services, card, str(model), ids) for model in models],
                }
                for place, (name, ids) in enumerate([everything, *cut])
            ],
        }

    return routes


def _done(services: Services, request: Request) -> Artifact:
    """Return what a job kept; NotFound while it isn't there."""
    if not services.workspace.artifacts.has(request.key):
        raise NotFound("This is not computed yet", "Wait until the job in the tray has ended.")
    return services.workspace.artifacts.load(request.key)


def _measured(services: Services, card: DatasetCard, model: str, ids: Any) -> dict[str, Any] | None:
    """Return accuracy with its 95 % interval and mean confidence of a classifier on samples; None without an index."""
    known = services.workspace.model(model)
    found, labels = services.measures(card.fingerprint, known.fingerprint), services.labels(card, known)
    if found is None or not len(ids):
        return None
    confidence = float(found.confidence[ids].mean())
    labelled = ids[:0] if labels is None else ids[labels[ids] >= 0]
    if labels is None or not len(labelled):
        return {"confidence": confidence, "accuracy": None}
    right = int((found.prediction[labelled] == labels[labelled]).sum())
    low, high = clopper_pearson(right, len(labelled))
    return {"confidence": confidence, "accuracy": right / len(labelled), "low": low, "high": high}
