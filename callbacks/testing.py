"""The testing view: what each classifier says of the primary sample, and its attribution as a background callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from dash import Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from callbacks.drawing import draw
from callbacks.reading import reference_of, session_of, view_of
from callbacks.waiting import PageLeft, wait_for
from layouts import attribution, comparison, controls, difference, ids, testing
from nnvis_dash.analysis.attribution import METHODS
from nnvis_dash.engine.jobs import Request
from nnvis_dash.errors import NNVisError
from nnvis_dash.figures import heatmap, theme
from nnvis_dash.services import Services
from nnvis_dash.state.references import Reference
from nnvis_dash.state.session import Session
from nnvis_dash.types import DatasetCard, ModelCard
from nnvis_dash.workspace.artifacts import Artifact

TOP = 5


def register(app: Dash, services: Services) -> None:
    """Register the testing view."""
    manager = app._background_manager

    @app.callback(
        Output(ids.SAMPLE_REGION, "data"),
        Output(ids.BARS_REGION, "data"),
        Input(ids.TESTING_REQUEST, "data"),
        Input(ids.SESSION, "data"),
        Input(ids.INDEXED, "data"),
        prevent_initial_call=True,
    )
    def answers(wanted: Any, session: Any, indexed: Any) -> tuple[Any, Any]:
        if not wanted:
            return [], []
        problems = (indexed or {}).get("problems", {})
        try:
            return _answers(services, session_of(session), reference_of(wanted), wanted["target"], problems)
        except NNVisError as error:
            return [], controls.failure(str(error))

    @app.callback(
        Output(ids.FORM_REGION, "data"),
        Input(ids.TESTING_FORM, "data"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def attribution_controls(wanted: Any, view: Any) -> Any:
        if not wanted:
            return []
        state = session_of(wanted["session"])
        card, models = services.dataset_card(state), services.models(state)
        if card is None or not models:
            return []
        names = services.class_names(card, models[0])
        shown = view_of(view)
        if shown.lens == "compare":
            return comparison.form(models[0], METHODS, names, shown, wanted["target"])
        if shown.lens == "difference":
            return difference.form(models[0], names, shown, wanted["target"])
        return attribution.form(models[0], METHODS, names, shown, wanted["layer"], wanted["target"])

    @app.callback(
        Output(ids.TESTING_ATTRIBUTION, "data"),
        Input(ids.TESTING_REQUEST, "data"),
        background=True,
        progress=[Output(ids.TESTING_PROGRESS, "data")],
        interval=1,
        prevent_initial_call=True,
    )
    def explain(report: Callable[[Any], None], wanted: Any) -> Any:
        """Answer with an attribution as two pictures, or with what went wrong.

        Of a pair, the image before and after its edits, both are explained for the same class and drawn in one scale.
        """
        if not wanted or wanted.get("method") is None:
            return None
        if not wanted.get("model"):
            return {"request": wanted, "problem": "No classifier fits this dataset's classes. Add one."}
        try:
            reference = reference_of(wanted)
            if reference is None:
                return None
            before = services.before(reference) if wanted.get("pair") else None
            card = services.workspace.model(wanted["model"])
            request = attribution_request(wanted, [one.plain for one in (before, reference) if one is not None], card)
            artifact = wait_for(services, manager, request, report, request=wanted)
        except PageLeft:
            raise PreventUpdate from None
        except NNVisError as error:
            return {"request": wanted, "problem": str(error)}
        maps = [drawn_values(artifact, place, wanted["smooth"]) for place in range(1 if before is None else 2)]
        signed = heatmap.is_signed(np.stack(maps), METHODS[wanted["method"]].traits)
        drawn = heatmap.alike(maps, wanted["clip"], signed)
        alone, overlay = drawn[-1]
        values = maps[-1]
        return {
            "request": wanted,
            "key": request.key,
            "asked": dict(request.parameters),
            "raw": heatmap.data_uri(alone),
            "overlay": heatmap.data_uri(overlay),
            "overlay_before": heatmap.data_uri(drawn[0][1]) if before is not None else None,
            "flat": heatmap.is_flat(values),
            "signed": signed,
            "title": METHODS[wanted["method"]].title,
            "layer": artifact.card["layer"],
            "target": int(artifact.array("target")[-1]),
            "probability": float(artifact.array("probability")[-1]),
            "probability_before": float(artifact.array("probability")[0]) if before is not None else None,
            "resize": card.resize,
            "aspect": card.input_shape[1] / card.input_shape[0],
        }

    # Two callbacks, since Dash holds one back until all its inputs are there: the sample shows before its answer does.
    draw(app, "testingSample", ids.TESTING_SHOWN, ids.CATALOG, ids.SELECTION, ids.VIEW)
    draw(app, "testingAnswer", ids.TESTING_DRAWN, ids.TESTING_ATTRIBUTION)


def attribution_request(wanted: Any, samples: list[int | str], card: ModelCard) -> Request:
    """Return the request for what the page wants explained of some images; of several, for the first one's class.

    With `targets` in what is wanted each image is explained for a class of its own. A chosen layer without a map is for
    other views to look at: the method then has its own.
    """
    through = wanted["layer"] if looks_through(wanted["method"]) else None
    layer = card.layer(through) if through else None
    if layer is not None and not layer.is_map:
        through = None
    return Request(
        "attribution",
        {
            "dataset": wanted["dataset"],
            "samples": samples,
            "model": wanted["model"],
            "method": wanted["method"],
            "layer": through,
            "explained": wanted["explained"],
            "unit": wanted["unit"],
            "target": wanted["target"],
            "output": wanted["output"],
            "parameters": wanted["parameters"],
            **({"targets": wanted["targets"]} if wanted.get("targets") else {}),
            **({"alike": True} if wanted.get("pair") and len(samples) > 1 else {}),
        },
    )


def looks_through(method: str) -> bool:
    """Whether an attribution method looks through a layer that can be chosen."""
    return method in METHODS and "through a layer" in METHODS[method].traits


def drawn_values(artifact: Artifact, position: int, smooth: bool) -> heatmap.Heatmap:
    """Return one sample's heatmap as it is drawn: in the classifier's input size, or in the method's own pixels."""
    if smooth:
        return np.asarray(artifact.array("heatmap")[position])
    values = np.asarray(artifact.array("values")[position])
    return values.sum(axis=-1, dtype=np.float32) if values.ndim == 3 else values


def _answers(
    services: Services, session: Session, reference: Reference | None, target: int | None, problems: dict[str, str]
) -> tuple[Any, Any]:
    """Build the title and the bars of the image that is tested."""
    card, models = services.dataset_card(session), services.models(session)
    if card is None:
        return [], []
    if reference is None:
        return [], controls.empty(
            "Click a point on the map, or one of the images below it, to see what each classifier makes of it and why."
        )
    if reference.sample is not None and reference.sample >= card.n_samples:
        return [], controls.failure(
            f"There is no sample {reference.sample}. {card.name} has the numbers 0 to {card.n_samples - 1}."
        )
    primary = models[0] if models else None
    names = services.class_names(card, primary)
    if isinstance(reference.plain, int):
        shown = [_indexed(services, card, model, reference.plain, model is primary, problems) for model in models]
    else:
        shown = _asked(services, card, models, reference)
    derived = services.workspace.derived.get(reference.derived) if reference.derived else None
    labels = services.labels(card, primary)
    label = -1 if labels is None or reference.sample is None else int(labels[reference.sample])
    prediction = shown[0].top[0][0] if shown and shown[0].top else None
    title = testing.sample_title(
        testing.base_title(reference.sample, derived, len(reference.edits)),
        names[label] if 0 <= label < len(names) else None,
        names[prediction] if prediction is not None else None,
        None if prediction is None or label < 0 else prediction != label,
    )
    return title, testing.bars(shown, target)


def _asked(
    services: Services, card: DatasetCard, models: list[ModelCard], reference: Reference
) -> list[testing.Answer]:
    """Ask every classifier for its probabilities of an image that no index knows."""
    found = services.predict(card.fingerprint, [reference], [model.fingerprint for model in models])
    answers = []
    for place, (model, (probabilities, problem)) in enumerate(zip(models, found, strict=True)):
        labels = services.labels(card, model) if reference.sample is not None else None
        label = None if labels is None else int(labels[reference.sample])
        top = () if probabilities is None else _top(services.class_names(card, model), probabilities[0])
        answers.append(testing.Answer(model.name, place == 0, top, label, problem))
    return answers


def _indexed(
    services: Services, card: DatasetCard, model: ModelCard, sample: int, primary: bool, problems: dict[str, str]
) -> testing.Answer:
    """Look one classifier's probabilities of a sample up in its index."""
    index = services.index(card.fingerprint, model.fingerprint)
    if index is None:
        waiting = "its index is not there yet; the bars come when it is"
        return testing.Answer(model.name, primary, (), None, problems.get(model.fingerprint, waiting))
    top = _top(services.class_names(card, model), np.asarray(index.probabilities[sample]))
    labels = services.labels(card, model)
    return testing.Answer(model.name, primary, top, None if labels is None else int(labels[sample]))


def _top(names: tuple[str, ...], probabilities: Any) -> tuple[tuple[int, str, float, str], ...]:
    """Return the most probable classes as (index, name, probability, colour)."""
    colours = theme.class_colours(len(names))
    first = np.argsort(-probabilities, kind="stable")[:TOP]
    return tuple((int(entry), names[entry], float(probabilities[entry]), colours[entry]) for entry in first)
