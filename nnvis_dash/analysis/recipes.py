"""How a derived sample was made, in words, for lists and for names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nnvis_dash.analysis.transformations import TRANSFORMATIONS
from nnvis_dash.state.edits import Edit
from nnvis_dash.workspace.derived import DerivedSample


def in_words(sample: DerivedSample, models: Mapping[str, str]) -> str:
    """Return a derived sample's recipe as a short sentence without a full stop; empty where nothing was done.

    Parameters
    ----------
    sample : DerivedSample
    models : mapping
        Names of classifiers by fingerprint; one that is not in it has no name any more.
    """
    recipe = sample.recipe
    if sample.kind == "edited":
        return edits_in_words(_edits(recipe.get("edits")))
    if sample.kind == "adversarial":
        against = models.get(str(recipe.get("model")), "a classifier that is gone")
        return f"{_attack(recipe)}, against {against}"
    if sample.kind == "drawn":
        return "centred and scaled as MNIST is" if recipe.get("centred") else "as it was drawn"
    size = recipe.get("original_size")
    if isinstance(size, list) and len(size) == 2:
        height, width = size
        return f"made smaller from {width} × {height} pixels"
    return ""


def edits_in_words(edits: Iterable[Edit]) -> str:
    """Return edits in their order: "rotation 15°, blur 2 px"; what a newer version made keeps its bare name."""
    return ", ".join(_edit(edit) for edit in edits)


def _attack(recipe: Mapping[str, Any]) -> str:
    epsilon = recipe.get("epsilon")
    found = f", smallest ε found {epsilon * 255:.3g}/255" if isinstance(epsilon, float) else ""
    return f"{recipe.get('tried') or recipe.get('attack')}{found}"


def _edits(records: Any) -> list[Edit]:
    return [Edit.from_json(record) for record in records] if isinstance(records, list) else []


def _edit(edit: Edit) -> str:
    given = dict(edit.parameters)
    if edit.name not in TRANSFORMATIONS:
        return edit.name.replace("_", " ")
    entry = TRANSFORMATIONS[edit.name]
    degree = next(parameter for parameter in entry.form() if parameter.name == "degree")
    title = entry.title[:1].lower() + entry.title[1:] if entry.title[1:2].islower() else entry.title
    if degree.type is int and (degree.low, degree.high) == (0, 1):  # done or not
        return title
    gap = " " if degree.unit.isalpha() else ""
    return f"{title} {_number(given.get('degree', degree.default))}{gap}{degree.unit}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
