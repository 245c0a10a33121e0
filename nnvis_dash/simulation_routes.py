"""Flask routes for simulations: class curves as far as they are known, and images beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask

from callbacks.simulation import battery_of, breaking_request, pair_parameters, parameters, selected, wanted_change
from nnvis_dash.analysis.simulation.change import Change, change, changes
from nnvis_dash.analysis.transformations import TRANSFORMATIONS
from nnvis_dash.engine.jobs import Request
from nnvis_dash.engine.sweeps import Wanted
from nnvis_dash.errors import ParameterError
from nnvis_dash.posting import answers, body
from nnvis_dash.services import Services
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.references import Reference

MOST = 24  # images of a list
QUEUED = 200  # images of those to look at first


def simulation_blueprint(services: Services) -> flask.Blueprint:
    """Return the routes over these services."""
    routes = flask.Blueprint("simulation", __name__, url_prefix="/simulation")

    @routes.post("/curves")
    @answers
    def curves() -> dict[str, Any]:
        """Every classifier's class curves, as far as they are computed; of a selection also those of the rest.

        Takes ``{"dataset", "models", "change", "low", "high", "steps", "precision", "samples", "correctness"}``.
        """
        wanted = body()
        chosen = wanted_change(wanted)
        asked = parameters(wanted, [])
        asked.pop("changes")
        if not begun(services, asked, chosen):
            return _nothing(services, asked, chosen)
        rows = selected(services, wanted)
        found = services.engine.ask("class_curves", {**asked, "change": chosen.plain(), "rows": rows})
        return {**found, "selected": bool(rows)}

    @routes.post("/examples")
    @answers
    def examples() -> dict[str, Any]:
        """Images of a class beside its curve: some at a degree, and those that flip first, with their references.

        `others`: the classes that they are taken for there, [class, value], the largest first; `others_are` says what
        the values are.

        Takes what `/curves` does, with one `model`, the `class` (an output of it), `degree` (its place) and `n`.
        """
        wanted = body()
        chosen = wanted_change(wanted)
        degree = _whole(wanted, "degree", len(chosen.degrees))
        asked = parameters({**wanted, "models": [wanted.get("model")]}, [])
        question = {
            "dataset": asked["dataset"],
            "model": asked["models"][0],
            "change": chosen.plain(),
            "samples": "",
            "precision": asked["precision"],
            "number": _whole(wanted, "class", services.workspace.model(asked["models"][0]).n_classes),
            "degree": degree,
            "n": _whole(wanted, "n", MOST + 1),
        }
        found = services.engine.ask("curve_examples", question)

        def pictured(one: Mapping[str, Any], at: float) -> dict[str, Any]:
            edits: tuple[Edit, ...] = ()
            if chosen.name in TRANSFORMATIONS and at != chosen.identity:
                edits = (Edit(chosen.name, tuple(sorted({**dict(chosen.parameters), "degree": at}.items()))),)
            reference = Reference(int(one["id"]), "", edits)
            return {**one, "image": str(reference.plain), "edits": [edit.to_json() for edit in edits]}

        return {
            "others": found["others"],
            "others_are": found["others_are"],
            "typical": [pictured(one, chosen.degrees[degree]) for one in found["typical"]],
            "flips": [pictured(one, float(one["degree"])) for one in found["flips"]],
        }

    @routes.post("/breaking")
    @answers
    def breaking() -> dict[str, Any]:
        """Breaking points of the change for the first classifier, and the images to look at first by all known ones.

        Takes what `/curves` does. `changes` is empty where nothing is known of the change.
        """
        wanted = body()
        first = wanted_change(wanted)
        others = [each for each in _usual() if each.name != first.name]
        artifacts = services.workspace.artifacts
        known = [each for each in (first, *others) if artifacts.has(breaking_request(wanted, each).key)]
        if first not in known:
            return {"changes": [], "queue": []}
        asked = {**breaking_request(wanted, first).parameters, "changes": [each.plain() for each in known]}
        asked.pop("change")
        return services.engine.ask("breaking_view", {**asked, "rows": selected(services, wanted), "n": QUEUED})

    @routes.post("/summary")
    @answers
    def summary() -> dict[str, Any]:
        """Robustness under a set of changes: one record a classifier, the corruption errors relative to the first one.

        Takes what `/curves` does, and the `set`. `models` is empty where no change of the set is begun.
        """
        wanted = body()
        asked = parameters(wanted, [])
        models = asked.pop("models")
        known = [each for each in map(change, battery_of(wanted)) if begun(services, {**asked, "models": models}, each)]
        if not known:
            return {"models": []}
        asked |= {"changes": [each.plain() for each in known], "rows": selected(services, wanted)}
        found = []
        for model in models:
            reference = "" if model == models[0] else models[0]
            answer = services.engine.ask("robustness_view", {**asked, "model": model, "reference": reference})
            found.append({"model": model, "name": services.workspace.model(model).name, **answer})
        return {"models": found, "of": len(battery_of(wanted))}

    @routes.post("/pairs")
    @answers
    def pairs() -> dict[str, Any]:
        """Two changes at once, for the first classifier: takes what `/curves` does, and the `other` change."""
        wanted = body()
        if wanted.get("other") == wanted.get("change"):
            raise ParameterError("The two changes are the same", "Choose another one beside it.")
        asked = pair_parameters(services, wanted)
        if not services.workspace.artifacts.has(Request("pair_grid", asked).key):
            return {"known": False}
        return {"known": True, **services.engine.ask("pair_view", asked)}

    @routes.post("/contract")
    @answers
    def contract() -> dict[str, Any]:
        """A contract that the first classifier keeps now, over all that is simulated: takes what `/curves` does.

        With `compared` it also limits what is lost against the second one.
        """
        wanted = body()
        first = wanted_change(wanted)
        asked = parameters(wanted, [])
        asked.pop("samples")
        asked["models"] = asked["models"][: 2 if wanted.get("compared") else 1]
        known = [first, *(each for each in _usual() if each.name != first.name)]
        asked["changes"] = [each.plain() for each in known if begun(services, asked, each)]
        if not asked["changes"]:
            return {"text": "", "changes": []}
        return services.engine.ask("contract_draft", asked)

    return routes


def _usual() -> list[Change]:
    """Return every change at its own degrees, but for those that need a region drawn."""
    drawn = [name for name, entry in TRANSFORMATIONS.items() if any(one.name == "region" for one in entry.form())]
    return [change(name) for name in changes() if name not in drawn]


def begun(services: Services, asked: Mapping[str, Any], simulated: Change) -> bool:
    """Whether anything is known of one of the sweeps; the engine need not be asked about what never began."""
    artifacts = services.workspace.artifacts
    rest = (str(asked["dataset"]), simulated, "", str(asked["precision"]))
    keys = [Wanted(services.workspace.model(model).fingerprint, *rest).key for model in asked["models"]]
    return any(artifacts.has(key) or artifacts.parts(key).names() for key in keys)


def _nothing(services: Services, asked: Mapping[str, Any], simulated: Change) -> dict[str, Any]:
    """Return what the engine would say of sweeps that never began."""
    total = services.workspace.dataset(str(asked["dataset"])).card.n_samples
    cards = [services.workspace.model(model) for model in asked["models"]]
    return {
        "name": simulated.name,
        "title": simulated.title,
        "unit": simulated.unit,
        "kind": simulated.kind,
        "degrees": list(simulated.degrees),
        "identity": simulated.identity,
        "models": [
            {"model": card.fingerprint, "name": card.name, "total": total, "n": 0, "whole": None} for card in cards
        ],
        "spread": None,
        "selected": False,
    }


def _whole(wanted: Mapping[str, Any], name: str, below: int) -> int:
    value = wanted.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below:
        raise ParameterError(f"The {name} is {value!r}", f"Give a whole number below {below}.")
    return value
