"""The forms of attacks and responses: what they send, what they stand at, and what the engine gets of it."""

from __future__ import annotations

import pytest

from layouts import attacks, responses
from nnvis_dash.analysis.attacks import ATTACKS
from nnvis_dash.analysis.response import ADVERSARIAL
from nnvis_dash.analysis.transformations import TRANSFORMATIONS
from nnvis_dash.state.changes import read_change
from nnvis_dash.state.view import RESPONSES
from tests.unit.layouts.test_controls import NASTY, changes, walk


@pytest.mark.parametrize("name", ATTACKS)
def test_every_control_sends_a_change_that_the_state_can_read(name: str) -> None:
    sent = changes(attacks.form(("a", NASTY), {"method": name, "target": 1}))
    assert {change["kind"] for change in sent} == {"attack"}
    set_here = {key for change in sent for key in change["parameters"]}
    own = {parameter.name for parameter in ATTACKS[name].form()}
    assert own | {"method", "leave"} <= set_here
    assert ("target" in set_here) == ("targeted" in ATTACKS[name].traits)
    for change in sent:
        read_change(change)


@pytest.mark.parametrize("name", ATTACKS)
def test_what_the_form_stands_at_can_be_read_by_the_attack(name: str) -> None:
    given = {"method": name}
    for change in changes(attacks.form(("a", "b"), {"method": name})):
        given |= change["parameters"]
    chosen = attacks.choice(given)
    read = ATTACKS[name].read(chosen.parameters)
    default = ATTACKS[name].read({})
    for field in vars(default):
        assert getattr(read, field) == pytest.approx(getattr(default, field), abs=1e-4), field


def test_an_epsilon_in_linf_is_set_in_255ths() -> None:
    assert attacks.choice({"epsilon": 8}).parameters == {"epsilon": 8 / 255}
    assert attacks.choice({"method": "pgd_l2", "epsilon": 0.5}).parameters == {"epsilon": 0.5}


def test_what_an_attack_does_not_have_is_left_out() -> None:
    chosen = attacks.choice({"method": "deepfool", "epsilon": 8, "target": 3, "leave": "label", "steps": 4})
    assert chosen == attacks.Choice("deepfool", {"steps": 4}, "label", None)
    assert attacks.choice({"target": 3}).target == 3


def test_an_attack_that_there_is_not_can_be_left() -> None:
    form = attacks.form(("a", "b"), {"method": "magic"})
    assert [change["kind"] for change in changes(form)] == ["attack"]
    assert not attacks.is_bounded("magic") and attacks.is_bounded("fgsm") and not attacks.is_bounded("deepfool")


def test_every_change_but_drawn_regions_can_be_chosen_for_a_curve() -> None:
    picks = {getattr(part, "data-response", None) for part in walk(responses.frame())} - {None}
    assert picks == {ADVERSARIAL, *TRANSFORMATIONS} - {"erase", "keep"}
    assert set(RESPONSES) <= picks


def test_curves_have_titles_of_their_own() -> None:
    titles = [responses.title_of(name) for name in (ADVERSARIAL, *TRANSFORMATIONS)]
    assert len(set(titles)) == len(titles)
    assert responses.unit_of(ADVERSARIAL) == "/255" and responses.unit_of("rotation") == "°"
