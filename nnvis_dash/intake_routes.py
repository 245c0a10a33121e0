"""Flask routes for what comes in from a browser: uploads in pieces, the jobs that add them, what the workspace holds.

A piece goes from the socket to the disk, so memory stays flat whatever the size.
"""

from __future__ import annotations

import hashlib
from typing import Any

import flask

from nnvis_dash.analysis.card import with_preprocessing
from nnvis_dash.analysis.doctor import Diagnosis
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.kinds.doctor import request as doctor_request
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.person import current_person
from nnvis_dash.posting import answers, body
from nnvis_dash.services import Services
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.labels import plain_text
from nnvis_dash.workspace.uploads import PIECE, Uploads

KINDS = {"model": "add_model", "dataset": "add_dataset"}
_LONGEST_NAME = 200


def intake_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("intake", __name__)
    uploads = Uploads(
        services.workspace.path / "cache" / "uploads", services.settings.max_upload_mb << 20, current_person
    )

    @routes.post("/uploads")
    @answers
    def begin() -> dict[str, Any]:
        """Announce files, ``{"files": [[path, size], ...]}``; answers with the upload's id and the size of a piece."""
        person, quota = current_person(), services.settings.quota_mb << 20
        kept = services.workspace.sharing.used_by(person) if person.verified and quota else 0
        upload = uploads.begin(body().get("files"), kept, quota)
        return {"id": upload.id, "piece": PIECE, "total": upload.total}

    @routes.put("/uploads/<upload_id>")
    @answers
    def piece(upload_id: str) -> dict[str, Any]:
        """Take the piece that begins at ``?offset=``; answers with how much is here."""
        length = flask.request.content_length
        if length is None or length > PIECE:
            raise ParameterError(f"The piece has {length} bytes", f"Send {PIECE:,} at most, and say how many.")
        offset = flask.request.args.get("offset", -1, type=int)
        return {"received": uploads.write(upload_id, offset, flask.request.stream, length).received}

    @routes.get("/uploads/<upload_id>")
    @answers
    def stands(upload_id: str) -> dict[str, Any]:
        """How far an upload is."""
        upload = uploads.get(upload_id)
        return {"received": upload.received, "total": upload.total}

    @routes.delete("/uploads/<upload_id>")
    @answers
    def drop(upload_id: str) -> dict[str, Any]:
        """Remove an upload."""
        uploads.remove(upload_id)
        return {}

    @routes.post("/uploads/<upload_id>/add")
    @answers
    def add(upload_id: str) -> dict[str, Any]:
        """Start to add what was uploaded, ``{"kind", "name", "options"}``; answers with the job's key."""
        record = body()
        kind, name, options = record.get("kind"), record.get("name", ""), record.get("options", {})
        if not isinstance(kind, str) or kind not in KINDS or not isinstance(name, str) or not isinstance(options, dict):
            raise ParameterError("The request can't be read", "Reload the page.")
        uploads.source(upload_id)
        uploads.touch(upload_id)
        parameters = {"upload": upload_id, "name": plain_text(name)[:_LONGEST_NAME], "options": options}
        return {"job": services.engine.submit(Request(KINDS[kind], parameters))}

    @routes.get("/jobs/<key>")
    @answers
    def job(key: str) -> dict[str, Any]:
        """How a job stands, and what it came to."""
        row = services.engine.row(key)
        if row is None:
            raise NotFound("There is no such job", "Start it again.")
        if row.stale:  # its worker is gone, or the whole engine: another takes it up
            services.engine.submit(row.request)
        result = None
        if row.state == "done" and services.workspace.artifacts.has(key):
            result = services.workspace.artifacts.load(key).card
        return {
            "state": row.state,
            "done": row.done,
            "total": row.total,
            "message": row.message,
            "problem": row.reason or ("Cancelled." if row.state == "cancelled" else ""),
            "result": result,
        }

    @routes.delete("/jobs/<key>")
    @answers
    def cancel(key: str) -> dict[str, Any]:
        """Cancel a job, as far as this person waits for it."""
        services.engine.cancel(key)
        return {}

    @routes.get("/workspace")
    @answers
    def workspace() -> dict[str, Any]:
        """What is in the workspace, with a version that changes when that does."""
        datasets = services.workspace.datasets()
        models = services.workspace.models()
        cards: list[DatasetCard | ModelCard] = [*datasets, *models]
        names = [(card.fingerprint, card.name, services.standing(card)) for card in cards]
        version = hashlib.sha256(repr(names).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        if flask.request.args.get("known") == version:
            return {"version": version}
        return {
            "version": version,
            "datasets": [
                {
                    "fingerprint": card.fingerprint,
                    "name": card.name,
                    "n_samples": card.n_samples,
                    "image_shape": card.image_shape,
                    "labelled": card.labelled,
                    "n_classes": len(card.class_names),
                    "notes": card.notes,
                    "standing": services.standing(card),
                }
                for card in datasets
            ],
            "models": [
                {
                    "fingerprint": card.fingerprint,
                    "name": card.name,
                    "n_classes": card.n_classes,
                    "input_shape": card.input_shape,
                    "output": card.output,
                    "parameters": card.parameters,
                    "preprocessing": card.preprocessing.name,
                    "notes": card.notes,
                    "standing": services.standing(card),
                }
                for card in models
            ],
        }

    def named(kind: Any, fingerprint: str) -> DatasetCard | ModelCard:
        if not isinstance(kind, str) or kind not in KINDS:
            raise ParameterError(f"There is no kind {str(kind)[:40]!r}", "Say dataset or model.")
        return (services.workspace.dataset_card if kind == "dataset" else services.workspace.model)(fingerprint)

    @routes.post("/share")
    @answers
    def share() -> dict[str, Any]:
        """Share what is one's own with everyone, or keep it private: ``{"kind", "fingerprint", "shared"}``."""
        record = body()
        card, shared = named(record.get("kind"), str(record.get("fingerprint"))), record.get("shared")
        if not isinstance(shared, bool):
            raise ParameterError("The request can't be read", "Reload the page.")
        return {"standing": services.workspace.sharing.share(card, shared).standing(current_person())}

    @routes.delete("/<any(datasets, models):shelf>/<fingerprint>")
    @answers
    def remove(shelf: str, fingerprint: str) -> dict[str, Any]:
        """Remove what is one's own; who owns it as well keeps it."""
        card = named(shelf.removesuffix("s"), fingerprint)
        if isinstance(card, DatasetCard):
            services.workspace.remove_dataset(card.fingerprint)
        else:
            services.workspace.remove_model(card.fingerprint)
        return {}

    @routes.post("/doctor")
    @answers
    def doctor() -> dict[str, Any]:
        """Start the doctor for ``{"model", "dataset"}``; answers with the job's key."""
        record = body()
        model = services.workspace.model(str(record.get("model")))
        dataset = services.workspace.dataset(str(record.get("dataset"))).card
        return {"job": services.engine.submit(doctor_request(model, dataset.fingerprint))}

    @routes.post("/models/<fingerprint>")
    @answers
    def change(fingerprint: str) -> dict[str, Any]:
        """Keep what a diagnosis proposed: ``{"job", "candidate", "class_order"}``; answers with the new fingerprint.

        Only what the doctor found is taken, by its number, so that a card never holds what nobody measured.
        """
        record = body()
        artifact = services.workspace.artifacts.load(str(record.get("job")))
        diagnosis = Diagnosis.from_json(artifact.card["diagnosis"])
        number = record.get("candidate")
        if diagnosis.model != fingerprint or not isinstance(number, int) or not 0 <= number < len(diagnosis.candidates):
            raise ParameterError("That choice isn't the doctor's of this classifier", "Run the doctor again.")
        chosen = diagnosis.candidates[number]
        names = diagnosis.class_order.class_names if record.get("class_order") and diagnosis.class_order else None
        note = f"chosen with the doctor on {diagnosis.dataset_name}"
        card = with_preprocessing(
            services.workspace.model(fingerprint), chosen.preprocessing, chosen.resize, names, note=note
        )
        return {"fingerprint": services.workspace.replace_model(fingerprint, card).fingerprint}

    return routes
