"""Contracts as files: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.analysis.contract.reading import load_contract, read_contract
from nnvis_dash.analysis.contract.terms import Contract, Source
from nnvis_dash.errors import NNVisError, NotFound, ParameterError

HEAD = "nnvis_contract: 1\ndataset: digits\nclassifier: net\nagainst: old\nrules:\n"  # the rules begin in line 6


def rules(text: str) -> Contract:
    return read_contract(HEAD + text)


def test_a_whole_contract_is_read() -> None:
    contract = read_contract(
        """\
nnvis_contract: 1
title: Before release
dataset: {path: images.npz, labels: truth.csv, class_names: [cat, dog]}
classifier: {path: net.keras, preprocessing: unit}
against: old
samples: 500
seed: 3
precision: bfloat16
decide: confidence
confidence: 0.99
undecided: passes
rules:
  - at_least: 0.9
  - name: turned a little
    change: rotation
    degrees: {from: -15, to: 15, step: 7.5}
    of: probability
    classes: [cat, 7]
    at_least: 0.8
    decide: estimate
  - change: fgsm
    epsilon: [8, 2, 4]
    classes: all
    loses_at_most: [0.3, 0.1, 0.2]
"""
    )
    assert contract.title == "Before release" and contract.samples == 500 and contract.seed == 3
    assert contract.dataset == Source("images.npz", (("labels", "truth.csv"), ("class_names", ("cat", "dog"))), 3)
    assert contract.classifier == Source("net.keras", (("preprocessing", "unit"),), 4)
    assert contract.against == Source("old", (), 5)
    assert (contract.precision, contract.confidence, contract.undecided) == ("bfloat16", 0.99, "passes")
    clean, turned, attacked = contract.rules
    assert clean.change is None and clean.limits == (0.9,) and clean.classes == "every" and clean.decide == "confidence"
    assert turned.change is not None and turned.change.degrees == (-15, -7.5, 0, 7.5, 15)
    assert turned.classes == ("cat", "7") and turned.of == "probability" and turned.decide == "estimate"
    assert turned.title == "turned a little" and turned.limits == (0.8,) * 5
    assert attacked.change is not None and attacked.change.degrees == (2, 4, 8) and attacked.compared
    assert attacked.limits == (0.1, 0.2, 0.3)  # each stays with its degree


def test_the_contract_of_the_documentation_is_read() -> None:
    text = (Path(__file__).parents[4] / "docs" / "contract.md").read_text(encoding="utf-8")
    contract = read_contract(text.split("```yaml\n")[1].split("```")[0])
    assert [rule.of for rule in contract.rules] == [*["accuracy"] * 4, "breaking", "mce"]
    assert contract.rules[3].limits == (0.9, 0.7, 0.4) and contract.rules[3].decide == "confidence"


def test_what_must_be_measured_is_each_change_once_with_all_its_degrees() -> None:
    contract = rules(
        """\
  - {change: rotation, degrees: [10, 20], at_least: 0.5}
  - {change: rotation, degrees: [-10, 20], classes: all, at_least: 0.5}
  - {change: fgsm, epsilon: 4, loses_at_most: 0.1}
  - {at_least: 0.5}
"""
    )
    assert [(each.name, each.degrees) for each in contract.changes()] == [
        ("rotation", (-10, 0, 10, 20)),
        ("fgsm", (0, 4)),
    ]
    assert [each.name for each in contract.changes_of_other()] == ["fgsm"]
    alone = rules("  - {loses_at_most: 0.02}\n")
    assert [each.degrees for each in alone.changes()] == [(0.0,)] == [each.degrees for each in alone.changes_of_other()]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("  - {change: rotation, atleast: 0.9}", 6, "Did you mean at_least?"),
        ("  - change: rotation\n    at_least: 90", 7, "rules[1].at_least is 90. Give a number from 0 to 1"),
        ("  - change: rotation\n    at_least: .nan", 7, "Give a number from 0 to 1"),
        ("  - change: rotation\n    at_least: true", 7, "rules[1].at_least is True"),
        ("  - change: rotatoin\n    at_least: 0.9", 6, "There is no change 'rotatoin'"),
        ("  - change: rotation\n    degrees: [999]\n    at_least: 0.9", 7, "999"),
        ("  - change: rotation\n    degrees: [1, 1]\n    at_least: 0.9", 7, "names a degree twice"),
        ("  - change: rotation\n    degrees: {from: 0, to: 10, step: 3}\n    at_least: 0.9", 7, "without a rest"),
        ("  - change: rotation\n    degrees: {from: 0, to: 10, step: 0}\n    at_least: 0.9", 7, "a step above 0"),
        (
            "  - change: rotation\n    degrees: {from: 0, to: 1, step: 1.0e-9}\n    at_least: 0.9",
            7,
            "at most 400 times",
        ),
        ("  - change: rotation\n    epsilon: 3\n    at_least: 0.9", 7, "rotation is no attack"),
        ("  - change: rotation\n    parameters: {name: 3}\n    at_least: 0.9", 7, "parameters holds name"),
        ("  - change: rotation\n    parameters: {degree: 3}\n    at_least: 0.9", 7, "parameters holds degree"),
        ("  - change: rotation\n    degrees: []\n    at_least: 0.9", 7, "degrees is a list of 0"),
        ("  - change: rotation\n    degrees: 1:30\n    at_least: 0.9", 7, "is '1:30'. Give a number"),
        ("  - at_least: 1e-1", 6, "YAML takes 1e-3 for text"),
        ("  - change: rotation\n    parameters: {zoom: 3}\n    at_least: 0.9", 6, "no parameter 'zoom'"),
        ("  - degrees: [3]\n    at_least: 0.9", 6, "and no change"),
        ("  - change: rotation", 6, "has no limit"),
        ("  - {change: rotation, at_least: 0.9, loses_at_most: 0.1}", 6, "both at_least and loses_at_most"),
        ("  - {change: rotation, at_least: [0.9, 0.8]}", 6, "the rule names no degrees"),
        ("  - {change: rotation, degrees: [0, 1], at_least: [0.9]}", 6, "has 1 numbers for 2 degrees"),
        ("  - {change: rotation, degrees: [0, 30], of: breaking, at_least: 31}", 6, "a number from 0 to 30"),
        ("  - {of: breaking, at_least: 3}", 6, "has no change"),
        ("  - {of: mce, changes: [fog], classes: all, at_most: 1}", 6, "takes no classes"),
        ("  - {of: mce, changes: [fog, rotation], at_most: 1}", 6, "'rotation' is none of the corruptions of mCE"),
        ("  - {of: mce, changes: [fog, fog], at_most: 1}", 6, "'fog' stands twice"),
        ("  - {of: mce, changes: [fog]}", 6, "has no limit. Add at_most"),
        ("  - {of: area, change: rotation, at_least: 0.5}", 6, "no attack"),
        ("  - {change: rotation, at_most: 0.5}", 6, "isn't of mce"),
        ("  - {at_least: 0.9, classes: some}", 6, "Give one of: every, all"),
        ("  - {at_least: 0.9, classes: [on]}", 6, "put them in quotes"),
        ("  - {at_least: 0.9, classes: [a, a]}", 6, "names a class twice"),
        ('  - {at_least: 0.9, name: "a\\eb"}', 6, "can be printed"),
        ("  - at_least: 0.9\n    at_least: 0.8", 7, "at_least stands twice, first in line 6"),
        ("  - &a {at_least: 0.9}\n  - *a", 6, "an anchor or alias"),
        ("  - !!python/object/apply:os.system [ls]", 6, "the tag"),
        ("  - at_least: !!python/name:os.system x", 6, "the tag"),
        ("  - at_least: [[[[[[[[1]]]]]]]]", 6, "deep in each other"),
        ("  - at_least: 0.9\n   bad", 7, "this is no YAML"),
        ("  -", 6, "rules[1] is empty"),
        ("  []", 6, "rules is a list of 0. Give a list of 1 to 200"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_the_mend(text: str, line: int, said: str) -> None:
    with pytest.raises(ParameterError) as found:
        rules(text + "\n")
    assert str(found.value).startswith(f"contract.yaml, line {line}: "), str(found.value)
    assert str(found.value).count("contract.yaml") == 1
    assert said in str(found.value)


def test_a_file_without_what_it_needs_or_of_another_version_is_refused() -> None:
    with pytest.raises(ParameterError, match="the file has no dataset"):
        read_contract("nnvis_contract: 1\nclassifier: a\nrules: [{at_least: 0.9}]\n")
    with pytest.raises(ParameterError, match=r"line 1: nnvis_contract is 2\. This program reads version 1"):
        read_contract(HEAD.replace("1", "2", 1) + "  - {at_least: 0.9}\n")
    with pytest.raises(ParameterError, match=r"names none\. Add the field against"):
        read_contract(HEAD.replace("against: old\n", "") + "  - {loses_at_most: 0.1}\n")
    with pytest.raises(ParameterError, match="the file names none"):
        read_contract(HEAD.replace("against: old\n", "") + "  - {of: mce, at_most: 1}\n")
    with pytest.raises(ParameterError, match="the file is empty"):
        read_contract("# nothing\n")
    with pytest.raises(ParameterError, match="more than 256 kB"):
        read_contract("#" * (1 << 19))
    with pytest.raises(ParameterError, match="characters that YAML can't"):
        read_contract("a: \x00")


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no file 'none\.yaml'"):
        load_contract(tmp_path / "none.yaml")
    with pytest.raises(ParameterError, match="can't be read"):
        load_contract(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"title: caf\xe9\n")
    with pytest.raises(ParameterError, match="no text in UTF-8"):
        load_contract(tmp_path / "latin.yaml")
    (tmp_path / "long.yaml").write_bytes(b"# \xe9" * (1 << 17))
    with pytest.raises(ParameterError, match="more than 256 kB"):
        load_contract(tmp_path / "long.yaml")
    (tmp_path / "bom.yaml").write_text(HEAD + "  - {at_least: 0.9}\n", encoding="utf-8-sig")
    assert load_contract(tmp_path / "bom.yaml").title == "bom"


def test_a_corruption_error_needs_the_severities_of_both_classifiers() -> None:
    contract = rules("  - {of: mce, at_most: 1}\n  - {change: fog, at_least: 0.1, degrees: 3}\n  - {at_least: 0.9}\n")
    assert len(contract.changes()) == 15 and contract.changes_of_other() == contract.changes()
    assert {each.degrees for each in contract.changes()} == {(0, 1, 2, 3, 4, 5)}
    assert contract.rules[0].said() == "15 corruptions: mean corruption error of all images at most 1"


def test_a_rule_says_what_it_limits() -> None:
    contract = rules(
        """\
  - {change: rotation, degrees: [-15, 0, 15], at_least: 0.9}
  - {change: gaussian_noise, of: agreement, classes: all, loses_at_most: 0.02}
  - {classes: [3, 5], at_least: 0.5}
  - {change: rotation, degrees: [30, 0], of: breaking, at_least: 10}
"""
    )
    assert [rule.said() for rule in contract.rules] == [
        "Rotation at -15, 0, 15 °: accuracy of every class at least 0.9",
        f"{contract.rules[1].said().split(':')[0]}: agreement of all images loses at most 0.02",
        "Unchanged: accuracy of 3, 5 at least 0.5",
        "Rotation at 0, 30 °: median breaking distance of every class at least 10",
    ]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120) | st.lists(st.sampled_from("{}[]:,-&*!|>'\"# \n\tab1.:?%@")).map("".join))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for whole in (text, HEAD + text):
        try:
            read_contract(whole)
        except NNVisError as error:
            assert "contract.yaml" in str(error)
