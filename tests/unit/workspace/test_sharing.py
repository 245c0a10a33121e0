"""Whose things are: who sees what, in every combination of owners; sharing, removing, replacing, quota, the log."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnvis_dash.errors import DatasetError, NotFound, ParameterError
from nnvis_dash.person import ANYONE, Person, acting_as, current_person
from nnvis_dash.workspace import audit
from nnvis_dash.workspace.audit import AuditLog
from nnvis_dash.workspace.ownership import Owner, Ownership
from nnvis_dash.workspace.permissions import keep_private
from nnvis_dash.workspace.quota import size_of
from nnvis_dash.workspace.store import Workspace
from nnvis_dash.workspace.uploads import Uploads
from tests.unit.commands.test_commands import card as model_card

ANN, BOB, CY = (Person(letter * 32, name, True) for letter, name in (("a", "Ann"), ("b", "Bob"), ("c", "Cy")))
UNVERIFIED = Person("a" * 32, "Ann", False)  # who says that she is Ann
PEOPLE = (ANN, BOB, CY, ANYONE, UNVERIFIED)
IMAGES = np.arange(4 * 12, dtype=np.uint8).reshape(4, 2, 2, 3)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return the workspace as the web tier opens it."""
    return Workspace(tmp_path / "ws", viewer=current_person)


def add(workspace: Workspace, person: Person, number: int = 0, name: str = "secret") -> str:
    with acting_as(person):
        return workspace.add_dataset(IMAGES + np.uint8(number), name=name)[0].fingerprint


def names(workspace: Workspace, person: Person) -> list[str]:
    with acting_as(person):
        return [card.name for card in workspace.datasets()]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, list[str]]:
    workspace = Workspace(tmp_path_factory.mktemp("four") / "ws", viewer=current_person)
    return workspace, [add(workspace, ANYONE, number, f"n{number}") for number in range(4)]


owned = st.dictionaries(st.sampled_from([ANN, BOB, CY]), st.booleans(), max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(owned, min_size=4, max_size=4))
def test_everyone_sees_what_is_everyones_or_shared_or_their_own(
    four: tuple[Workspace, list[str]], records: list[dict[Person, bool]]
) -> None:
    workspace, fingerprints = four
    for fingerprint, owners in zip(fingerprints, records, strict=True):
        record = Ownership(tuple(Owner(one.id, one.name, shared) for one, shared in owners.items()))
        workspace._datasets.give(fingerprint, record)
        assert workspace._datasets.owners(fingerprint) == record
    raw = Workspace(workspace.path)
    assert len(raw.datasets()) == 4 and not any(map(raw.sharing.hides, fingerprints))
    for person in PEOPLE:
        rule = [not owners or any(owners.values()) or (person.verified and person in owners) for owners in records]
        with acting_as(person):
            assert [card.fingerprint for card in workspace.datasets()] == [
                fingerprint for fingerprint, seen in zip(fingerprints, rule, strict=True) if seen
            ]
            for number, (fingerprint, seen) in enumerate(zip(fingerprints, rule, strict=True)):
                assert workspace.sharing.hides(fingerprint) != seen
                for ref in (fingerprint, fingerprint[:10], f"n{number}"):
                    if seen:
                        assert workspace.dataset(ref).fingerprint == fingerprint
                    else:
                        with pytest.raises(NotFound) as caught:
                            workspace.dataset(ref)
                        assert f"n{number}" not in str(caught.value).replace(repr(ref), "")


def test_what_a_verified_person_adds_is_private_until_they_share_it(workspace: Workspace) -> None:
    fingerprint = add(workspace, ANN)
    assert names(workspace, ANN) == ["secret"] and names(workspace, BOB) == names(workspace, ANYONE) == []
    with acting_as(ANN):
        card = workspace.dataset_card(fingerprint)
        assert workspace.sharing.share(card, True).words == "Ann (shared)"
        assert names(workspace, BOB) == names(workspace, ANYONE) == ["secret"]
    with acting_as(BOB):
        assert workspace.sharing.owners(card).standing(BOB) == "of Ann"
        for act in (lambda: workspace.sharing.share(card, False), lambda: workspace.remove_dataset(fingerprint)):
            with pytest.raises(ParameterError, match="'secret' belongs to Ann"):
                act()
    with acting_as(ANN):
        workspace.sharing.share(card, False)
    assert names(workspace, BOB) == [] and names(Workspace(workspace.path), ANYONE) == ["secret"]


def test_two_who_add_the_same_both_own_it(workspace: Workspace) -> None:
    first = add(workspace, ANN)
    with acting_as(BOB):
        card, new = workspace.add_dataset(IMAGES, name="mine")
        assert new and card.fingerprint == first  # new to him
        assert not workspace.add_dataset(IMAGES, name="mine")[1]
        workspace.sharing.share(card, True)
    assert names(workspace, CY) == ["secret"]
    with acting_as(ANN):
        workspace.sharing.share(card, False)  # hers; his share goes on
        assert names(workspace, CY) == ["secret"]
        workspace.remove_dataset(first)
    assert names(workspace, BOB) == names(workspace, ANN) == ["secret"]  # shared by Bob
    with acting_as(BOB):
        workspace.remove_dataset(first)
    assert Workspace(workspace.path).datasets() == []


def test_what_nobody_in_particular_adds_is_everyones_from_then_on(workspace: Workspace) -> None:
    fingerprint = add(workspace, ANN)
    add(workspace, UNVERIFIED)
    assert names(workspace, BOB) == ["secret"]
    with acting_as(ANN):
        card = workspace.dataset_card(fingerprint)
        assert workspace.sharing.owners(card).everyones
        for act in (lambda: workspace.sharing.share(card, True), lambda: workspace.remove_dataset(fingerprint)):
            with pytest.raises(ParameterError, match="belongs to everyone"):
                act()
    assert add(Workspace(workspace.path), BOB) == fingerprint  # he adds it: it stays everyone's
    assert names(workspace, CY) == ["secret"]


def test_names_are_taken_by_what_a_person_sees(workspace: Workspace) -> None:
    add(workspace, ANN, 0)
    add(workspace, BOB, 1)  # of the same name: he can't see hers
    with pytest.raises(DatasetError, match="another dataset named 'secret'"):
        add(workspace, ANN, 2)
    with pytest.raises(NotFound, match="2 datasets are named 'secret'"):
        Workspace(workspace.path).dataset("secret")


def test_a_card_whose_owners_can_not_be_read_is_nobodys(workspace: Workspace) -> None:
    fingerprint = add(workspace, ANN)
    path = workspace.path / "datasets" / fingerprint / "card.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "owners": [{"id": 3}]}))
    assert all(names(workspace, person) == [] for person in PEOPLE)


def test_a_model_that_two_own_is_replaced_for_the_one_who_replaces_it(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "clean.keras").write_bytes(b"model")
    card, other = model_card(), replace(model_card(), fingerprint="cd" * 16)
    for person in (ANN, BOB):
        with acting_as(person):
            workspace.store_model(tmp_path / "clean.keras", card)
    with acting_as(CY), pytest.raises(NotFound):
        workspace.replace_model(card.fingerprint, other)
    with acting_as(ANN):
        workspace.replace_model(card.fingerprint, other)
        assert [one.fingerprint for one in workspace.models()] == [other.fingerprint]
    with acting_as(BOB):
        assert [one.fingerprint for one in workspace.models()] == [card.fingerprint]
        assert workspace.replace_model(card.fingerprint, other).fingerprint == other.fingerprint  # Ann has it: joined
        assert [one.fingerprint for one in workspace.models()] == [other.fingerprint]
    with acting_as(ANN):
        assert [one.fingerprint for one in workspace.models()] == [other.fingerprint]
    assert len(Workspace(workspace.path).models()) == 1


def test_artifacts_of_what_is_hidden_are_missing(workspace: Workspace) -> None:
    fingerprint = add(workspace, ANN)
    for key, card in (
        ("k1", {"dataset": fingerprint}),
        ("k2", {"named": [fingerprint]}),
        ("k3", {"models": ["f" * 32]}),
    ):
        Workspace(workspace.path).artifacts.save(key * 16, {}, card)
    for key, seen in (("k1", False), ("k2", False), ("k3", True)):
        with acting_as(ANN):
            assert workspace.artifacts.load(key * 16).key == key * 16
        with acting_as(BOB):
            if seen:
                workspace.artifacts.load(key * 16)
            else:
                with pytest.raises(NotFound, match="There is no artifact"):
                    workspace.artifacts.load(key * 16)


def test_a_quota_counts_a_persons_datasets_and_uploads(tmp_path: Path) -> None:
    quota = 100_000
    workspace = Workspace(tmp_path / "ws", viewer=current_person, quota=quota)
    uploads = Uploads(tmp_path / "uploads", 2**30, current_person)
    add(workspace, ANN)
    with acting_as(ANN):
        kept = workspace.sharing.used_by(ANN)
        assert kept == size_of(workspace.path / "datasets") > IMAGES.nbytes
        first = uploads.begin([["a", quota - kept - 10]], kept, quota)
        with pytest.raises(ParameterError, match=r"This has 0\.0 MB, and your .* have 0\.1 MB of the 0\.1 MB .*QUOTA"):
            uploads.begin([["b", 11]], kept, quota)
        uploads.begin([["b", 10]], kept, quota)
        uploads.remove(first.id)
        uploads.begin([["b", 11]], kept, quota)
        with pytest.raises(DatasetError, match="NNVIS_QUOTA_MB"):
            workspace.add_dataset(np.zeros((100, 20, 20, 3), np.uint8), name="large")
        assert names(workspace, ANN) == ["secret"]
    with acting_as(BOB):
        assert uploads.held_by(BOB) == 0
        uploads.begin([["b", quota]], 0, quota)
    with acting_as(UNVERIFIED):
        uploads.begin([["b", 2 * quota]], 0, quota)
        workspace.add_dataset(np.zeros((100, 20, 20, 3), np.uint8), name="large")


def test_an_upload_has_a_hash_and_an_owner(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, 2**20, current_person)
    with acting_as(ANN):
        upload = uploads.begin([["f/a", 3], ["f/b", 2]])
        uploads.write(upload.id, 0, io.BytesIO(b"abcde"), 5)
    engine = Uploads(tmp_path, 2**20)  # sees all
    assert engine.get(upload.id).owner == ANN and engine.sha256(upload.id) == hashlib.sha256(b"abcde").hexdigest()
    calls: list[Callable[[], object]] = [
        lambda: uploads.get(upload.id),
        lambda: uploads.source(upload.id),
        lambda: uploads.sha256(upload.id),
        lambda: uploads.write(upload.id, 5, io.BytesIO(b"x"), 1),
    ]
    with acting_as(BOB):
        for call in calls:
            with pytest.raises(NotFound):
                call()
        uploads.remove(upload.id)
    assert engine.get(upload.id).complete


def test_the_audit_log_has_a_line_for_what_was_done(workspace: Workspace) -> None:
    fingerprint = add(workspace, ANN)
    with acting_as(ANN):
        workspace.sharing.share(workspace.dataset_card(fingerprint), True)
        workspace.remove_dataset(fingerprint)
    workspace.audit("sign-in", person=BOB, outcome="refused: wrong word", text="x\n\ud800" + "y" * 999, number=3)
    lines = list(workspace.audit.lines())
    assert [(line["person_name"], line["action"]) for line in lines] == [
        ("Ann", "add"),
        ("Ann", "share"),
        ("Ann", "remove"),
        ("Bob", "sign-in"),
    ]
    assert all(line["fingerprint"] == fingerprint and line["outcome"] == "ok" for line in lines[:3])
    assert lines[3]["text"].startswith("x\n\ud800y") and len(lines[3]["text"]) == audit.LONGEST + 3
    assert list(workspace.audit.lines(person="Bob")) == list(workspace.audit.lines(person=BOB.id)) == lines[3:]
    assert list(workspace.audit.lines(since=lines[0]["time"])) == lines and not list(workspace.audit.lines("9999"))


def test_lines_of_many_threads_do_not_mix_and_a_full_disk_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logs = [AuditLog(tmp_path / "audit") for _ in range(4)]
    threads = [
        threading.Thread(target=lambda log: [log("add", name="x" * 200) for _ in range(50)], args=(log,))
        for log in logs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(logs[0].lines())) == 200
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(audit.os, "write", lambda descriptor, data: real(descriptor, data[:7]))
        with caplog.at_level(logging.ERROR):
            logs[0]("add")
            logs[0]("add")
    assert "2 lines are lost" in caplog.text
    logs[0]("remove")
    last = list(logs[0].lines())[200:]
    assert [(line["action"], line["lines_lost_before"]) for line in last] == [("remove", 2)]


def test_a_process_of_ours_writes_for_its_account_or_for_the_group_that_the_folder_names(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        for mode, expected in ((0o755, 0o077), (0o775, 0o077), (0o2770, 0o007)):
            tmp_path.chmod(mode)
            keep_private(tmp_path)
            assert os.umask(0o022) == expected
        keep_private(tmp_path / "nothing")
        assert os.umask(0o022) == 0o077
        tmp_path.chmod(0o2770)
        keep_private(tmp_path)
        workspace = Workspace(tmp_path)
        add(workspace, ANYONE)
        modes = {stat.S_IMODE(path.stat().st_mode) & 0o777 for path in (tmp_path / "datasets").rglob("*")}
        assert {mode & 0o007 for mode in modes} == {0}
        folders = [path for path in tmp_path.iterdir() if path.is_dir()]
        assert all(path.stat().st_mode & 0o070 == 0o070 for path in folders)
    finally:
        os.umask(before)
