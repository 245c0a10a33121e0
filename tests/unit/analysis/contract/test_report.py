"""Reports: what a person, a program and a CI server get to read."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from nnvis_dash.analysis.contract.judging import Report, judge
from nnvis_dash.analysis.contract.report import junit, plain, summary, text
from tests.unit.analysis.contract.sweeps import swept
from tests.unit.analysis.contract.test_judging import ANSWERS, LABELS, contract

RULES = (
    "change: rotation, degrees: [-15, 0, 15], at_least: 0.6",
    'classes: all, at_least: 0.5, name: "clean & <well>"',
    "classes: [fox], at_least: 0.5",
)
FILES = ("a.png", "b.png", "c\x1b[31m.png", 'd"<&>.png', "e.png", "f\x07.png")


def report(**fields: object) -> Report:
    return judge(contract(*RULES, **fields), [swept(ANSWERS, LABELS)])


def test_a_person_reads_what_was_broken_and_by_which_images() -> None:
    said = text(report(), "net on pets (6 images)", FILES, width=90)
    assert "Rotation at -15, 0, 15 °: accuracy of every class at least 0.6" in said
    (line,) = [line for line in said.splitlines() if line.startswith("   cat") and line.endswith("failed")]
    assert line.split() == ["cat", "15", "°", "0.5000", "0.1500", "to", "0.8500", "4", "0.6", "failed"]
    assert 'cat at 15 °: broken by samples 2 (c [31m.png), 3 (d"<&>.png)' in said
    assert "fox" in said and "no image" in said and "   dog" not in said and "\x1b" not in said
    assert said.endswith("1 of 3 rules passed, 1 failed, 1 undecided, which fails here: the contract is broken.")
    assert all(len(line) <= 90 for line in said.splitlines())


def test_everything_and_colours_come_where_they_are_asked_for() -> None:
    said = text(report(), "net", everything=True, colour=True)
    assert "   dog" in said and "\x1b[31mfailed" in said and "\x1b[32mpassed" in said


def test_a_kept_contract_says_so_in_few_lines() -> None:
    found = judge(contract("classes: all, at_least: 0.5"), [swept(ANSWERS, LABELS)])
    assert summary(found) == "The rule passed: the contract is kept."
    assert len(text(found, "net on pets").splitlines()) <= 8


def test_what_the_numbers_are_of_is_said_where_there_are_no_labels() -> None:
    own = swept([[0, 0, 1]], [0], against="predictions")
    assert "Note: there are no labels." in text(judge(contract("at_least: 0.5"), [own]), "net")


def test_the_junit_file_counts_what_it_holds_and_survives_any_name() -> None:
    xml = junit(report(), {"classifier": "a\x00<b>&'\""}, 1.5, "2026-11-22T00:00:00+00:00", FILES)
    root = ElementTree.fromstring(xml)
    assert root.tag == "testsuites" and root.get("time") == "1.500"
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites][1] == "2. clean & <well>"
    for suite in suites:
        assert int(suite.get("tests") or -1) == len(suite.findall("testcase"))
        assert int(suite.get("failures") or -1) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped") or -1) == len(suite.findall("testcase/skipped"))
        assert float(suite.get("time") or -1) >= 0 and suite.get("timestamp")
        facts = {each.get("name"): each.get("value") for each in suite.findall("properties/property")}
        assert facts["classifier"] == "a?<b>&'\"" and facts["decide"] == "estimate"
        assert all(case.get("name") and case.get("classname") for case in suite.findall("testcase"))
    assert (root.get("tests"), root.get("failures")) == ("8", "2")
    (failure,) = suites[0].findall("testcase/failure")
    assert (
        failure.get("type") == "broken"
        and failure.get("message") == "0.5000 (0.1500 to 0.8500), at least 0.6, 4 images"
    )
    assert failure.text == 'broken by samples 2 (c [31m.png), 3 (d"<&>.png)'


def test_what_is_undecided_is_a_failure_or_skipped_as_the_contract_says() -> None:
    fails = ElementTree.fromstring(junit(report(), {}, 0, ""))
    assert [each.get("type") for each in fails.findall("testsuite/testcase/failure")] == ["broken", "undecided"]
    passes = ElementTree.fromstring(junit(report(undecided="passes"), {}, 0, ""))
    assert passes.get("failures") == "1" and len(passes.findall("testsuite/testcase/skipped")) == 1


def test_a_program_reads_the_same_as_json() -> None:
    found = json.loads(json.dumps(plain(report(), FILES), allow_nan=False))
    assert found["held"] is False and [rule["status"] for rule in found["rules"]] == ["failed", "passed", "undecided"]
    limit = found["rules"][0]["limits"][2]
    assert limit["class"] == "cat" and limit["value"] == 0.5 and limit["images"] == [2, 3]
    assert limit["low"] == pytest.approx(0.15, abs=1e-3) and limit["file_names"][0] == FILES[2]
    assert found["rules"][2]["limits"][0]["value"] is None
