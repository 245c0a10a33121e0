"""Flask routes for the sample tray: a person's uploaded, drawn, edited and adversarial images.

The tray of a person who is signed in is theirs in every browser. Whose tray another is stands in a signed cookie that
holds nothing but a random name, made with the first image that is put in. Names and everything else that people give
are text, in JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import flask
import numpy as np

from nnvis_dash.analysis.recipes import edits_in_words, in_words
from nnvis_dash.analysis.references import working
from nnvis_dash.errors import DatasetError, NNVisError, NotFound, ParameterError
from nnvis_dash.person import current_person
from nnvis_dash.posting import answers, body
from nnvis_dash.routes import FOREVER, LARGEST_SIDE, answers_or_404
from nnvis_dash.services import Recent, Services
from nnvis_dash.sketchpad_routes import drawn
from nnvis_dash.state.references import Reference
from nnvis_dash.types import DatasetCard
from nnvis_dash.workspace.derived import DerivedSample, Tray
from nnvis_dash.workspace.disk import disk_errors
from nnvis_dash.workspace.labels import plain_text
from nnvis_dash.workspace.pixels import decode, encode_png
from nnvis_dash.workspace.temporaries import temporary_folder

LARGEST = 25 * 2**20  # bytes of an image file
LONGEST_NAME = 120
AT_ONCE = 64  # images of one question, which holds them all in memory
COOKIE = "tray"  # the entry of the signed session that holds the owner's name


def tray_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services; the server must have a secret key, which signs the cookie."""
    routes = flask.Blueprint("tray", __name__)
    folder = services.workspace.path / "trays"
    derived = services.workspace.derived
    predicted = Recent(4096)  # (class, probability) by classifier and sample

    def tray() -> Tray:
        """Return this person's tray, a new one where there is none."""
        person = current_person()
        if person.verified:  # the same in every browser
            return Tray(folder, f"person-{hashlib.sha256(person.id.encode()).hexdigest()[:40]}")
        if COOKIE not in flask.session:
            flask.session[COOKIE] = secrets.token_urlsafe(24)
            flask.session.permanent = True
        return Tray(folder, str(flask.session[COOKIE]))

    def begun() -> bool:
        return current_person().verified or COOKIE in flask.session

    def listed() -> list[DerivedSample]:
        """Return what is in the tray and still there, the last one first."""
        found = []
        for name in tray().names() if begun() else []:
            with contextlib.suppress(NotFound):
                found.append(derived.get(name))
        return found

    def put(sample: DerivedSample) -> dict[str, Any]:
        tray().add(sample.fingerprint)
        return {"fingerprint": sample.fingerprint, "name": sample.name}

    @routes.get("/tray")
    @answers
    def entries() -> dict[str, Any]:
        """The tray, the last one first; with `?dataset=&model=` also what that classifier says of each."""
        samples = listed()
        said = _predictions(services, predicted, samples) if samples else {}
        models = {card.fingerprint: card.name for card in services.workspace.models()}
        datasets = {card.fingerprint: card for card in services.workspace.datasets()}
        return {"entries": [_entry(sample, models, datasets, said.get(sample.fingerprint)) for sample in samples]}

    @routes.get("/tray/<fingerprint>.png")
    @answers_or_404
    def picture(fingerprint: str) -> flask.Response:
        """The image of a derived sample; `?side=` limits the longer side, in pixels."""
        side = min(flask.request.args.get("side", LARGEST_SIDE, type=int), LARGEST_SIDE)
        response = flask.Response(encode_png(derived.image(fingerprint), side), mimetype="image/png")
        response.headers["Cache-Control"] = FOREVER
        return response

    @routes.post("/tray/image")
    @answers
    def uploaded() -> dict[str, Any]:
        """Take the image file that is the request's body; `?dataset=&name=`."""
        length = flask.request.content_length
        if length is None or not 0 < length <= LARGEST:
            raise ParameterError(
                f"The image has {length or 0:,} bytes",
                f"Give a file of at most {LARGEST // 2**20} MB, or a smaller copy.",
            )
        name = _name("image")
        try:
            whole = decode(flask.request.get_data(), services.settings.max_pixels, name)
        except DatasetError as error:
            mend = "Choose another PNG, JPEG, WebP, BMP, GIF or TIFF, or a smaller copy of it."
            raise DatasetError(error.what, mend) from None
        image = working(whole)
        recipe = {} if image is whole else {"original_size": list(whole.shape[:2])}
        return put(derived.save(image, "uploaded", name, dataset=_dataset(services), recipe=recipe))

    @routes.post("/tray/drawing")
    @answers
    def sketch() -> dict[str, Any]:
        """Take a drawing of the sketchpad, as `sketchpad_routes.drawn` reads it."""
        image = drawn(services)
        centred = flask.request.args.get("centre") == "1"
        name = _name(f"drawing {1 + sum(sample.kind == 'drawn' for sample in listed())}")
        return put(derived.save(image, "drawn", name, dataset=_dataset(services), recipe={"centred": centred}))

    @routes.post("/tray/edited")
    @answers
    def edited() -> dict[str, Any]:
        """Keep an image as its edits leave it: ``{"dataset", "sample" | "derived", "edits"}``."""
        record = body()
        reference = Reference.wanted(record)
        if reference is None or not reference.edits:
            raise ParameterError("The image is as it was", "Change it first.")
        dataset = str(record.get("dataset"))
        image = services.picture(dataset, reference)
        base = derived.get(reference.derived).name if reference.derived else f"#{reference.sample}"
        sample = derived.save(
            image,
            "edited",
            plain_text(f"{base}, {edits_in_words(reference.edits)}")[:LONGEST_NAME],
            dataset=dataset,
            parent=reference.unedited.plain,
            recipe={"edits": [edit.to_json() for edit in reference.edits]},
            label=services.label_of(dataset, reference),
        )
        return put(sample)

    @routes.post("/tray/adversarial")
    @answers
    def adversarial() -> dict[str, Any]:
        """Keep one image of an attack that succeeded: ``{"job", "row"}``."""
        record = body()
        artifact = services.workspace.artifacts.load(str(record.get("job")))
        row, card = record.get("row"), artifact.card
        if not {"images", "success"} <= set(artifact.names) or "method" not in card:
            raise ParameterError("That job is not an attack", "Run the attack again.")
        success = artifact.array("success")
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(success):
            raise ParameterError(f"The attack has no image {str(row)[:40]!r}", f"It has 0 to {len(success) - 1}.")
        if not success[row]:
            raise ParameterError(
                "The attack didn't change what is predicted", "Try a larger epsilon, or another attack."
            )
        reference = Reference.read(card["samples"][row])
        base = derived.get(reference.derived).name if reference.derived else f"#{reference.sample}"
        recipe = {key: card.get(key) for key in ("parameters", "model", "target", "minimal", "tried")}
        if "epsilon" in artifact.names:
            recipe["epsilon"] = float(artifact.array("epsilon")[row])
        sample = derived.save(
            np.array(artifact.array("images")[row]),
            "adversarial",
            plain_text(f"{base}, {card['method']}")[:LONGEST_NAME],
            dataset=str(card["dataset"]),
            parent=reference.plain,
            recipe={"attack": card["method"], **recipe},
            label=services.label_of(str(card["dataset"]), reference),
        )
        return put(sample)

    @routes.delete("/tray/<fingerprint>")
    @answers
    def removed(fingerprint: str) -> dict[str, Any]:
        """Take a sample out of the tray; links that name it go on showing it."""
        if begun():
            tray().remove(fingerprint)
        return {}

    @routes.post("/tray/save")
    @answers
    def saved() -> dict[str, Any]:
        """Make a dataset of samples of the tray: ``{"name", "fingerprints", "dataset"}``.

        Labels are by the class names of the dataset that is named; of one that has none of them a sample is unlabelled.
        """
        record = body()
        chosen = record.get("fingerprints")
        there = {sample.fingerprint: sample for sample in listed()}
        known = isinstance(chosen, list) and all(isinstance(name, str) and name in there for name in chosen)
        if not known or not chosen:
            raise ParameterError("These samples are not in your tray", "Choose some that are.")
        samples = [there[name] for name in dict.fromkeys(chosen)]
        card, new = _as_dataset(services, str(record.get("name", "")), samples, str(record.get("dataset")))
        return {"fingerprint": card.fingerprint, "name": card.name, "n_samples": card.n_samples, "new": new}

    return routes


def _name(otherwise: str) -> str:
    return plain_text(flask.request.args.get("name", ""))[:LONGEST_NAME] or otherwise


def _dataset(services: Services) -> str:
    """Return the fingerprint of the dataset that the request names; empty where there is none."""
    name = flask.request.args.get("dataset", "")
    return services.dataset(name).fingerprint if name else ""


def _entry(
    sample: DerivedSample, models: dict[str, str], datasets: dict[str, DatasetCard], prediction: Any
) -> dict[str, Any]:
    """Return a sample as the page lists it."""
    card = datasets.get(sample.dataset)
    known = card is not None and sample.label is not None and sample.label < len(card.class_names)
    return {
        "fingerprint": sample.fingerprint,
        "kind": sample.kind,
        "name": sample.name,
        "parent": sample.parent,
        "recipe": in_words(sample, models),
        "label": card.class_names[sample.label] if known and card and sample.label is not None else None,
        "shape": list(sample.shape),
        "prediction": prediction,
    }


def _predictions(services: Services, remembered: Recent, samples: Sequence[DerivedSample]) -> dict[str, Any]:
    """Return what the classifier that the request names says of each sample; nothing where nobody answers."""
    model, dataset = flask.request.args.get("model", ""), flask.request.args.get("dataset", "")
    if not model or not dataset:
        return {}

    def unknown() -> Any:
        raise NotFound("This was not asked yet", "Ask.")

    found: dict[str, tuple[int, float]] = {}
    for sample in samples:
        with contextlib.suppress(NotFound):
            found[sample.fingerprint] = remembered.get((model, sample.fingerprint), unknown)
    asked = [sample.fingerprint for sample in samples if sample.fingerprint not in found]
    try:
        card, shown = services.workspace.model(model), services.dataset(dataset).card
        for start in range(0, len(asked), AT_ONCE):
            part = asked[start : start + AT_ONCE]
            [(rows, _)] = services.predict(dataset, [Reference(None, name) for name in part], [model])
            for name, row in zip(part, rows if rows is not None else (), strict=False):
                said = (int(row.argmax()), float(row.max()))
                found[name] = remembered.get((model, name), lambda said=said: said)  # type: ignore[misc]
    except NNVisError:
        return {}
    names = services.class_names(shown, card)
    return {name: {"name": names[at], "probability": probability} for name, (at, probability) in found.items()}


def _as_dataset(
    services: Services, name: str, samples: Sequence[DerivedSample], dataset: str
) -> tuple[DatasetCard, bool]:
    """Write samples as files into a folder and add that, so that memory stays flat and sizes may differ."""
    if not plain_text(name):
        raise ParameterError("The dataset has no name", "Give it one.")
    cards = {card.fingerprint: card for card in services.workspace.datasets()}
    names = cards[dataset].class_names if dataset in cards else ()
    labels = np.full(len(samples), -1, np.int32)
    for place, sample in enumerate(samples):
        own = cards[sample.dataset].class_names if sample.dataset in cards else ()
        if sample.label is not None and sample.label < len(own) and own[sample.label] in names:
            labels[place] = names.index(own[sample.label])
    kinds = [sample.kind for sample in samples]
    made_of = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    incoming = services.workspace.path / "cache" / "incoming"
    with disk_errors(DatasetError), temporary_folder(incoming, "") as parent:
        folder = parent / "tray"
        folder.mkdir()
        for place, sample in enumerate(samples):
            png = encode_png(services.workspace.derived.image(sample.fingerprint))
            (folder / f"{place:03d}-{sample.kind}.png").write_bytes(png)
        return services.workspace.add_dataset(
            folder,
            name=name,
            labels=labels if (labels >= 0).any() else None,
            class_names=names if (labels >= 0).any() else None,
            notes={"made of": f"a sample tray: {made_of}"},
        )
