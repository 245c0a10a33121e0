from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nnvis_dash.errors import StateError
from nnvis_dash.state.changes import apply, kinds, read_change
from nnvis_dash.state.codec import encode_link
from nnvis_dash.state.edits import Edit
from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.state import State
from nnvis_dash.state.view import View
from nnvis_dash.types import Unit

FULL = State(
    Session("d1", ("m1", "m2")),
    Selection("1-3", 2, 5, (0, 4), "wrong", "conv", (Unit("conv", 1),), "0:1.2:5", 7, "embedding"),
    View("layer:conv", "tsne", 300, 4, (("perplexity", 12.0),), "entropy", 0.25),
)


def after(state: State, kind: str, **fields: Any) -> State:
    return apply(state, read_change({"kind": kind, **fields}))


def test_another_dataset_starts_a_session_of_its_own() -> None:
    changed = after(FULL, "dataset", dataset="d2")
    assert changed == State(
        Session("d2"), Selection(), View("features", "tsne", 300, 4, FULL.view.parameters, "entropy", 0.25)
    )
    assert after(FULL, "dataset", dataset="d2", classifiers=["m9"]).session == Session("d2", ("m9",))


def test_the_same_dataset_again_clears_the_selection_and_keeps_layers() -> None:
    changed = after(FULL, "dataset", dataset="d1", classifiers=["m1"])
    assert (changed.selection, changed.view) == (Selection(), FULL.view)


def test_another_primary_classifier_takes_its_layers_and_its_target_with_it() -> None:
    changed = after(FULL, "classifiers", classifiers=["m2", "m1"])
    assert changed.session == Session("d1", ("m2", "m1"))
    assert changed.selection == Selection("1-3", 2, 5, (0, 4), "wrong", None, (), None, None, "embedding")
    assert changed.view.features == "features"


def test_another_second_classifier_changes_nothing_else() -> None:
    changed = after(FULL, "classifiers", classifiers=["m1", "m3", "m1"])
    assert changed == State(Session("d1", ("m1", "m3")), FULL.selection, FULL.view)


def test_selecting_and_clearing() -> None:
    chosen = after(FULL, "select", samples="9,1-2,3", origin="strip")
    assert (chosen.selection.samples, chosen.selection.origin, chosen.selection.primary) == ("1-3,9", "strip", 2)
    assert after(chosen, "select", samples="").selection.samples == ""
    assert after(FULL, "select", samples="@0a1b2c").selection.samples == "@0a1b2c"


def test_who_does_not_say_its_name_is_no_view() -> None:
    assert after(FULL, "select", samples="1").selection.origin == ""
    assert after(FULL, "primary", sample=1).selection.origin == ""
    assert after(FULL, "colour", colour="label").selection.origin == "embedding"
    assert after(FULL, "colour", colour="label", origin="rail").selection.origin == "rail"


def test_another_primary_sample_resets_the_target_and_keeps_the_layer() -> None:
    changed = after(FULL, "primary", sample=3)
    assert (changed.selection.primary, changed.selection.target, changed.selection.layer) == (3, None, "conv")
    assert after(FULL, "primary", sample=2).selection.target == 7
    assert after(FULL, "primary", sample=None).selection.primary is None


def test_parameters_belong_to_their_method() -> None:
    assert after(FULL, "method", method="tsne") == FULL
    assert after(FULL, "method", method="umap").view.parameters == ()
    changed = after(FULL, "method", method="umap", parameters={"n_neighbors": 5, "min_dist": None})
    assert changed.view.parameters == (("n_neighbors", 5),)


def test_a_map_goes_on_from_another_until_something_else_is_projected() -> None:
    key = "0a" * 16
    state = after(FULL, "parameters", parameters={"perplexity": 50}, start=key)
    assert (state.view.start, dict(state.view.parameters)["perplexity"]) == (key, 50)
    assert after(state, "colour", colour="continuity").view.start == key
    assert after(state, "seed", seed=state.view.seed).view.start == key
    for kind, change in (
        ("parameters", {"parameters": {}}),  # start anew
        ("seed", {"seed": 99}),
        ("n_samples", {"n": 7}),
        ("features", {"features": "pixels"}),
        ("method", {"method": "pca"}),
        ("classifiers", {"classifiers": ["another"]}),
        ("dataset", {"dataset": "another", "classifiers": list(state.session.classifiers)}),
    ):
        assert after(state, kind, **change).view.start == "", kind


def test_parameters_are_changed_one_by_one_and_null_is_the_default() -> None:
    changed = after(FULL, "parameters", parameters={"metric": "cosine"})
    assert changed.view.parameters == (("metric", "cosine"), ("perplexity", 12.0))
    assert after(changed, "parameters", parameters={"perplexity": None}).view.parameters == (("metric", "cosine"),)


def test_another_attribution_takes_its_parameters_with_it_and_keeps_what_is_explained() -> None:
    state = after(after(FULL, "explained", layer="dense"), "attribution_parameters", parameters={"relu": False})
    assert (state.view.unit, state.view.attribution_parameters) == (0, (("relu", False),))
    assert after(state, "attribution", attribution="grad_cam") == state
    changed = after(state, "attribution", attribution="gradient")
    assert (changed.view.attribution, changed.view.attribution_parameters) == ("gradient", ())
    assert (changed.view.explained, changed.view.unit, changed.selection.layer) == ("dense", 0, "conv")


def test_a_unit_belongs_to_its_layer_and_classifier() -> None:
    state = after(after(FULL, "explained", layer="dense"), "unit", unit=3)
    assert after(state, "explained", layer="dense").view.unit == 3
    assert after(state, "explained", layer="other").view.unit == 0
    assert after(state, "explained", layer=None).view.unit is None
    assert after(state, "layer", layer="other").view.unit == 3
    assert after(state, "classifiers", classifiers=["m2", "m1"]).view.explained is None
    assert after(state, "classifiers", classifiers=["m2", "m1"]).view.unit is None
    assert after(state, "classifiers", classifiers=["m1"]).view.unit == 3


def test_how_an_attribution_is_drawn() -> None:
    state = after(after(after(FULL, "clip", clip=99), "smooth", smooth=False), "output", output="probabilities")
    assert (state.view.clip, state.view.smooth, state.view.output) == (99.0, False, "probabilities")
    assert after(state, "grid", grid=["a", "b", "a"]).view.grid == ("a", "b")
    assert after(state, "grid", grid=[]).view.grid == ()


def test_other_samples_are_compared_from_the_first_page_on() -> None:
    state = after(FULL, "comparison", parameters={"page": 3, "top": 2})
    assert dict(after(state, "select", samples=state.selection.samples).view.comparison) == {"page": 3, "top": 2}
    assert dict(after(state, "select", samples="7-9").view.comparison) == {"top": 2}
    assert dict(after(state, "dataset", dataset="another").view.comparison) == {"top": 2}


def test_which_responses_are_shown() -> None:
    assert State().view.responses == ("blur", "brightness", "hue", "rotation", "adversarial")
    assert after(FULL, "responses", responses=["noise", "blur", "noise"]).view.responses == ("noise", "blur")


def test_another_attack_keeps_the_classes_but_no_parameters() -> None:
    state = after(FULL, "attack", parameters={"epsilon": 4, "leave": "label", "target": 2})
    assert dict(state.view.attack) == {"epsilon": 4, "leave": "label", "target": 2}
    state = after(state, "attack", parameters={"method": "pgd", "steps": 5})
    assert dict(state.view.attack) == {"method": "pgd", "leave": "label", "target": 2, "steps": 5}
    state = after(state, "attack", parameters={"method": "pgd", "steps": None})
    assert dict(state.view.attack) == {"method": "pgd", "leave": "label", "target": 2}


def test_a_prediction_difference_belongs_to_no_classifier() -> None:
    state = after(after(FULL, "lens", lens="difference"), "difference", parameters={"window": 6, "stride": None})
    state = after(after(state, "beside", beside="samplers"), "readout", readout="logit", target=2)
    assert (state.view.lens, state.view.difference, state.view.beside) == ("difference", (("window", 6),), "samplers")
    assert (state.view.readout, state.selection.target) == ("logit", 2)
    other = after(state, "classifiers", classifiers=["m2"])
    assert (other.view.difference, other.selection.target) == ((("window", 6),), None)
    assert after(state, "difference", parameters={"window": None}).view.difference == ()
    assert after(state, "explained", layer="dense", unit=None).view.unit is None


def test_parameters_beyond_the_most_that_a_state_holds_are_not_added() -> None:
    state = State(view=View(parameters=tuple((f"p{number:02}", number) for number in range(12))))
    assert after(state, "parameters", parameters={"one more": 1}) == state
    assert after(state, "parameters", parameters={"p00": 5}).view.parameters[0] == ("p00", 5)


@pytest.mark.parametrize(
    ("change", "part", "field", "value"),
    [
        ({"kind": "compared", "sample": 8}, "selection", "compared", 8),
        ({"kind": "classes", "classes": [3, 1, 3]}, "selection", "classes", (1, 3)),
        ({"kind": "correctness", "correctness": "right"}, "selection", "correctness", "right"),
        ({"kind": "layer", "layer": None}, "selection", "layer", None),
        ({"kind": "target", "target": 0}, "selection", "target", 0),
        (
            {"kind": "units", "units": [["b", 2], ["a", 3], ["b", 2]]},
            "selection",
            "units",
            (Unit("a", 3), Unit("b", 2)),
        ),
        ({"kind": "pattern", "pattern": "3:0"}, "selection", "pattern", "3:0"),
        (
            {"kind": "frozen", "frozen": {"b": "7,0-2,1", "a": "3", "c": ""}},
            "selection",
            "frozen",
            (("a", "3"), ("b", "0-2,7")),
        ),
        ({"kind": "tab", "tab": "space"}, "view", "tab", "space"),
        ({"kind": "network", "parameters": {"support": 30, "gaps": None}}, "view", "network", (("support", 30),)),
        (
            {"kind": "simulation", "parameters": {"change": "blur", "split": None}},
            "view",
            "simulation",
            (("change", "blur"),),
        ),
        (
            {"kind": "suggestion", "parameters": {"colour": "right", "score": None}},
            "view",
            "suggestion",
            (("colour", "right"),),
        ),
        ({"kind": "overview", "overview": "models"}, "view", "overview", "models"),
        ({"kind": "models", "parameters": {"part": "matrix", "a": None}}, "view", "models", (("part", "matrix"),)),
        ({"kind": "review", "parameters": {"part": "twins"}}, "view", "review", (("part", "twins"),)),
        ({"kind": "table", "parameters": {"by": "label"}}, "view", "table", (("by", "label"),)),
        ({"kind": "comparison", "parameters": {"page": 2}}, "view", "comparison", (("page", 2),)),
        ({"kind": "trust", "parameters": {"samples": 16}}, "view", "trust", (("samples", 16),)),
        ({"kind": "judged", "judged": ["lrp_z", "lrp_z"]}, "view", "judged", ("lrp_z",)),
        ({"kind": "grey", "grey": True}, "view", "grey", True),
        ({"kind": "features", "features": "pixels"}, "view", "features", "pixels"),
        ({"kind": "features", "features": "layer:x:1"}, "view", "features", "layer:x:1"),
        ({"kind": "n_samples", "n": 0}, "view", "n_samples", 0),
        ({"kind": "seed", "seed": 7.0}, "view", "seed", 7),
        ({"kind": "colour", "colour": "correct"}, "view", "colour", "correct"),
        ({"kind": "opacity", "opacity": 1}, "view", "opacity", 1.0),
    ],
)
def test_a_change_changes_one_field_alone(change: dict[str, Any], part: str, field: str, value: Any) -> None:
    expected = replace(FULL, **{part: replace(getattr(FULL, part), **{field: value})})
    assert apply(FULL, read_change(change)) == expected


def test_a_link_replaces_everything() -> None:
    assert after(State(), "open", link=encode_link(FULL)) == FULL
    assert after(FULL, "open", link=encode_link(State())) == State()


def test_an_unknown_kind_names_the_kinds() -> None:
    with pytest.raises(StateError, match=r"'delete'.*dataset, classifiers, select") as error:
        read_change({"kind": "delete"})
    assert all(kind in str(error.value) for kind in kinds())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (None, "record with a kind"),
        ([], "record with a kind"),
        ({}, "kind of a change is None"),
        ({"kind": ["select"]}, "kind of a change"),
        ({"kind": "select"}, "lacks its field 'samples'"),
        ({"kind": "select", "samples": [1, 2]}, "samples"),
        ({"kind": "select", "samples": "1-"}, "1-5,8,11-40"),
        ({"kind": "select", "samples": "@../../etc"}, "key of a selection"),
        ({"kind": "select", "samples": "1," * 2001}, "4000 characters"),
        ({"kind": "select", "samples": "1", "also": 2}, "no field 'also'"),
        ({"kind": "primary", "sample": -1}, "whole number from 0"),
        ({"kind": "primary", "sample": True}, "whole number"),
        ({"kind": "primary", "sample": 1.5}, "1.5"),
        ({"kind": "primary", "sample": "3"}, "'3'"),
        ({"kind": "primary", "sample": float("nan")}, "nan"),
        ({"kind": "primary", "sample": float("inf")}, "inf"),
        ({"kind": "primary", "sample": 2**31}, "2147483647"),
        ({"kind": "classifiers", "classifiers": "m1"}, "list of 16"),
        ({"kind": "classifiers", "classifiers": [""]}, "1 to 200 characters"),
        ({"kind": "classifiers", "classifiers": [f"m{number}" for number in range(17)]}, "list of 16"),
        ({"kind": "dataset", "dataset": "x" * 201}, "200"),
        ({"kind": "dataset", "dataset": "é" * 101}, "bytes of UTF-8"),
        ({"kind": "dataset", "dataset": "\ud800"}, "surrogate"),
        ({"kind": "layer", "layer": "a\nb"}, "control characters"),
        ({"kind": "correctness", "correctness": "maybe"}, "all, wrong, right"),
        ({"kind": "colour", "colour": None}, "label, prediction"),
        ({"kind": "opacity", "opacity": 1.01}, "from 0 to 1"),
        ({"kind": "opacity", "opacity": float("nan")}, "from 0 to 1"),
        ({"kind": "opacity", "opacity": True}, "from 0 to 1"),
        ({"kind": "features", "features": "layer:"}, "1 to 200 characters"),
        ({"kind": "features", "features": "weights"}, "features, pixels"),
        ({"kind": "units", "units": [["conv"]]}, "pairs of a layer's name and a channel"),
        ({"kind": "units", "units": [["conv", -1]]}, "whole number"),
        ({"kind": "units", "units": [[f"layer {number}", 0] for number in range(33)]}, "32 layers"),
        ({"kind": "pattern", "pattern": "conv1:3"}, "layer's ordinal and a channel"),
        ({"kind": "pattern", "pattern": "0:1" + ".0:1" * 300}, "layer's ordinal and a channel"),
        ({"kind": "frozen", "frozen": [["conv", 1]]}, "ranges of numbers for 256 layers"),
        ({"kind": "frozen", "frozen": {"conv": [1]}}, "ranges of numbers as text"),
        ({"kind": "frozen", "frozen": {"conv": "1-"}}, "1-5,8,11-40"),
        ({"kind": "frozen", "frozen": {"conv": "0-99999999"}}, "9999999 at most"),
        ({"kind": "frozen", "frozen": {"x" * 190 + str(n): "1" for n in range(60)}}, "Freeze fewer units"),
        ({"kind": "frozen", "frozen": {"": "1"}}, "1 to 200 characters"),
        ({"kind": "tab", "tab": "rotate"}, "units, patterns"),
        ({"kind": "network", "parameters": {"zoom": 1}}, "by, class_a"),
        ({"kind": "simulation", "parameters": {"zoom": 1}}, "by, change"),
        ({"kind": "suggestion", "parameters": {"zoom": 1}}, "channel, colour"),
        ({"kind": "overview", "overview": "list"}, "map, suggestion"),
        ({"kind": "models", "parameters": {"zoom": 1}}, "a, b, matrix"),
        ({"kind": "review", "parameters": {"zoom": 1}}, "by, other"),
        ({"kind": "table", "parameters": {"zoom": 1}}, "by"),
        ({"kind": "comparison", "parameters": {"zoom": 1}}, "layer, page, top"),
        ({"kind": "parameters", "parameters": [1]}, "values by name"),
        ({"kind": "clip", "clip": 49.9}, "from 50 to 100"),
        ({"kind": "smooth", "smooth": 1}, "true or false"),
        ({"kind": "unit", "unit": -1}, "whole number"),
        ({"kind": "output", "output": "loss"}, "logits, probabilities"),
        ({"kind": "grid", "grid": ["m"] * 13}, "12"),
        ({"kind": "responses", "responses": ["blur"] * 13}, "12"),
        ({"kind": "responses", "responses": ["Blur"]}, "small letters"),
        ({"kind": "attack", "parameters": {"method": "m" * 41}}, "40 characters"),
        ({"kind": "attack", "parameters": {"Method": "m"}}, "small letters"),
        ({"kind": "parameters", "parameters": {"p": [1]}}, "a word, a number"),
        ({"kind": "parameters", "parameters": {"p": float("inf")}}, "a word, a number"),
        ({"kind": "n_samples", "n": None}, "whole number"),
        ({"kind": "seed", "seed": 2**31}, "2147483647"),
        ({"kind": "open", "link": "nonsense"}, "can't be read"),
        ({"kind": "select", "samples": "1", "origin": 5}, "origin"),
        ({"kind": "units", "units": [["x" * 190, number] for number in range(400)]}, "65536 at most"),
        ({"kind": "parameters", "parameters": {"p": {1, 2}}}, "plain values"),
    ],
)
def test_a_malformed_change_says_what_the_value_and_the_mend(change: Any, says: str) -> None:
    with pytest.raises(StateError) as error:
        read_change(change)
    assert says in str(error.value)
    assert error.value.mend
    said = str(error.value).replace(", ".join(kinds()), "")
    assert len(said) < 300  # beside the kinds that there are, never the whole of a large value


def test_a_deep_change_is_refused_and_not_a_crash() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(StateError):
        read_change(deep)
    with pytest.raises(StateError):
        read_change({"kind": "target", "target": deep})
    while deep:
        deep = deep.pop()  # taken apart by hand: Python would go down all of it at once


EDITS = [["rotation", {"degree": 15}], ["erase", {"region": "rect:0,0,0.5,1"}]]


def test_edits_belong_to_the_image_that_they_were_made_for() -> None:
    edited = after(after(State(), "primary", sample=3), "edits", edits=EDITS)
    assert [edit.to_json() for edit in edited.selection.edits] == EDITS
    assert after(edited, "primary", sample=3).selection.edits == edited.selection.edits
    assert after(edited, "primary", sample=4).selection.edits == ()
    derived = after(edited, "derived", derived="ab" * 16)
    assert (derived.selection.primary, derived.selection.derived, derived.selection.edits) == (3, "ab" * 16, ())
    assert after(derived, "primary", sample=3).selection.derived == ""


def test_a_parameter_of_null_is_left_at_its_default() -> None:
    changed = after(State(), "edits", edits=[["blur", {"degree": None, "border": "edge"}]])
    assert changed.selection.edits == (Edit("blur", (("border", "edge"),)),)


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ([["Rotation", {}]], "small letters"),
        ([["rotation"]], "pairs"),
        ([["rotation", {"degree": float("nan")}]], "number"),
        ([["erase", {"region": "ä"}]], "plain letters"),
        ([["erase", {"region": "x" * 5_000}]], "simpler"),
        ([["rotation", {}]] * 13, "12 at most"),
    ],
)
def test_edits_that_cannot_be_kept_are_refused(edits: list[Any], says: str) -> None:
    with pytest.raises(StateError, match=says):
        read_change({"kind": "edits", "edits": edits})
